"""Traces: what happens in executions, told as OpenTelemetry's spans."""
