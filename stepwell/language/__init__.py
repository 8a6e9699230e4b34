"""What a definition means: the Amazon States Language, compiled once to objects that are ready to run.

This room knows values, paths, templates and rules. It knows nothing of executions, time, storage or the network.
"""
