"""One file a command. A command has DESCRIPTION, EXAMPLES, `add_arguments` and `run`."""
