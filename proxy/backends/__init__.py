"""The signers that joinwatch can ask: its own, and HTTP endpoints."""
