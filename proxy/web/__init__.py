"""HTTP in and out: parse, call a service, reply."""
