"""Map runs: the children of a distributed Map, begun, counted and gathered."""
