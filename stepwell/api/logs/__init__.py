"""Logs: kept beyond memory, and read through the API of CloudWatch Logs."""
