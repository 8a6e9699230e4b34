"""One file a state type: what entering it does, and what wakes it."""
