"""Stepwell: jobs that outlive a request, run as AWS Step Functions state machines on your own machine."""

__version__ = "0.1.0"
