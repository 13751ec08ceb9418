"""The journeys of a signature and of a join result, step by step."""
