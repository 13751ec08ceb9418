"""What this host's clock can be measured against."""
