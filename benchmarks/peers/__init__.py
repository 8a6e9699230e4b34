"""Stepwell beside its peers: the same workloads on the same machine, in one run.

Rules that must stay true here:
- A peer is used over its public API, as its documentation says, from its own package in an environment of its own.
- What a peer cannot do here is told with the reason; nothing is estimated.
"""
