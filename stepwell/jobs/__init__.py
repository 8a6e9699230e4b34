"""Jobs: what outlives the request that asked for it. A job is an execution, with what its clients need beside it."""
