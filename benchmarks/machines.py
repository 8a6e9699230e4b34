"""The definitions of the workloads."""

from __future__ import annotations

import json
from typing import Any

PASS: dict[str, Any] = {"Type": "Pass"}


def chain(length: int, state: dict[str, Any] = PASS) -> dict[str, Any]:
    """So many times the same state, one after the other."""
    states: dict[str, Any] = {f"S{n}": {**state, "Next": f"S{n + 1}"} for n in range(length - 1)}
    return {"StartAt": "S0", "States": {**states, f"S{length - 1}": {**state, "End": True}}}


def call(function: str) -> dict[str, Any]:
    """A Task that calls a function."""
    return {"Type": "Task", "Resource": f"arn:aws:lambda:us-east-1:123456789012:function:{function}"}


def count_up() -> dict[str, Any]:
    """Count `n.is` up to `last`: a Pass and a Choice each time, which hand on all else of the input."""
    done = {"Variable": "$.n.is", "NumericGreaterThanEqualsPath": "$.last", "Next": "Done"}
    add = {"Type": "Pass", "Parameters": {"is.$": "States.MathAdd($.n.is, 1)"}, "ResultPath": "$.n", "Next": "Enough"}
    return {
        "StartAt": "Add",
        "States": {
            "Add": add,
            "Enough": {"Type": "Choice", "Choices": [done], "Default": "Add"},
            "Done": {"Type": "Succeed"},
        },
    }


def counting(last: int, text: str = "") -> str:
    """The input that lets `count_up` count so far, with a text that all its states hold."""
    return json.dumps({"n": {"is": 0}, "last": last, "text": text})


def inline_map(limit: int) -> dict[str, Any]:
    """A Map over `items`, each one Pass state, so many at once; 0 is all."""
    processor = {"StartAt": "Item", "States": {"Item": {"Type": "Pass", "End": True}}}
    state = {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": limit, "ItemProcessor": processor, "End": True}
    return {"StartAt": "Items", "States": {"Items": state}}


def parallel(count: int) -> dict[str, Any]:
    """So many branches of one Pass state."""
    branches = [{"StartAt": f"B{n}", "States": {f"B{n}": {**PASS, "End": True}}} for n in range(count)]
    return {"StartAt": "Wide", "States": {"Wide": {"Type": "Parallel", "Branches": branches, "End": True}}}


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


def rows(bucket: str, batch: int = 1) -> dict[str, Any]:
    """A distributed Map over the rows of the CSV file that the input names by `key`, so many of them to each Express
    child, which is one Pass state."""
    batches = {} if batch == 1 else {"ItemBatcher": {"MaxItemsPerBatch": batch}}
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
                **batches,
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
CALL = call("check")
SLEEP = {"StartAt": "Sleep", "States": {"Sleep": {"Type": "Wait", "SecondsPath": "$.seconds", "End": True}}}
LONG = '{"seconds": 3600}'
