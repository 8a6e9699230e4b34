"""HTTP routes that call a function or start an execution, as API Gateway's APIs do."""
