"""Runs an app's functions and activities for a server that may be elsewhere."""
