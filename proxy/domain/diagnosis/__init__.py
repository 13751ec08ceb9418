"""From many signatures and joins of a backend to the causes that they speak for, each with its evidence."""
