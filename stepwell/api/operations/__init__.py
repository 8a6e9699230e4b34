"""The operations of the AWS endpoint, one file a resource; a handler has the name of its operation in snake case."""
