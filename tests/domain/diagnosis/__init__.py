"""The detectors, each by itself, and whole diagnoses of one canonical case per cause."""
