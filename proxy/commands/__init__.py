"""The commands that need no running server: a module each, with `add_parser(commands)` and `run(arguments) -> int`."""
