"""Jobs over HTTP: the asynchronous API in front of functions and state machines."""
