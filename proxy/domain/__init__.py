"""What joinwatch knows about signatures, joins and clocks: pure, without IO or time of its own."""
