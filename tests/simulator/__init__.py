"""A made-up world of faulty and honest endpoints, users and a verifier, to measure what the diagnosis makes of it.

Nothing here knows how the diagnosis works: tokens, rounding, clocks and the verifier are written anew, and what they
produce goes through the product's own path. `python -m tests.simulator --help` says how to run it.
"""
