"""The status page in the real Chromium."""
