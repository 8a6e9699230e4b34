"""What a `Resource` can mean: one file per integration, behind the engine's `Dispatcher`."""
