"""The definitions of the workloads."""

from __future__ import annotations

from typing import Any


def chain(length: int) -> dict[str, Any]:
    """Pass states, one after the other."""
    states: dict[str, Any] = {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(length - 1)}
    return {"StartAt": "S0", "States": {**states, f"S{length - 1}": {"Type": "Pass", "End": True}}}


def poll(check: dict[str, Any], checks: int) -> dict[str, Any]:
    """Check, and wait a second, until so many checks were made: one wait fewer than checks."""
    done = {"Variable": "$.checks", "NumericGreaterThanEquals": checks, "Next": "Done"}
    return {
        "StartAt": "Check",
        "States": {
            "Check": {**check, "Next": "Enough"},
            "Enough": {"Type": "Choice", "Choices": [done], "Default": "Rest"},
            "Rest": {"Type": "Wait", "Seconds": 1, "Next": "Check"},
            "Done": {"Type": "Succeed"},
        },
    }


def rows(bucket: str) -> dict[str, Any]:
    """A distributed Map over the rows of the CSV file that the input names by `key`; each child is one Pass state."""
    return {
        "StartAt": "Rows",
        "States": {
            "Rows": {
                "Type": "Map",
                "MaxConcurrency": 1000,
                "ItemReader": {
                    "Resource": "arn:aws:states:::s3:getObject",
                    "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
                    "Parameters": {"Bucket": bucket, "Key.$": "$.key"},
                },
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
                    "StartAt": "Row",
                    "States": {"Row": {"Type": "Pass", "End": True}},
                },
                "ResultWriter": {
                    "Resource": "arn:aws:states:::s3:putObject",
                    "Parameters": {"Bucket": bucket, "Prefix": "results"},
                },
                "End": True,
            }
        },
    }


COUNT = {"Type": "Pass", "Parameters": {"checks.$": "States.MathAdd($.checks, 1)"}}
CALL = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:check"}
SLEEP = {"StartAt": "Sleep", "States": {"Sleep": {"Type": "Wait", "Seconds": 3600, "End": True}}}
