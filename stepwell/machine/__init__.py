"""The interpreter, sans I/O: an execution and a stimulus in, a turn out.

This room reads no clock, draws no random number, and does no I/O: time and entropy come in with each call.
"""
