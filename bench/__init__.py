"""The benchmarks: real processes on loopback, one core each, loaded by wrk, told as ratios taken in one run."""
