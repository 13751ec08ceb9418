"""The simulated world around a real joinwatch: backends with one real fault each, a verifier, and browsers."""
