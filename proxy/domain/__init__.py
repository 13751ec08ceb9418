"""What joinwatch knows about signatures, joins and clocks: pure, without IO, time or randomness of its own."""
