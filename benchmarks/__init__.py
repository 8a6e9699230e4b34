"""Workloads that Stepwell is measured by, beside the limits of the machine that they run on."""
