"""The part of Amazon EventBridge's API that makes connections for `http:invoke`."""
