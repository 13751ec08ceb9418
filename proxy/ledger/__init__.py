"""Join results on disk, each exactly once."""
