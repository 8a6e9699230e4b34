"""A server whose variables say where spans go: a collector sees one tree for each trace, whatever comes between."""

from __future__ import annotations

import itertools
import json
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.patience import PATIENCE, until
from tests.server import Server, serving, start
from tests.telemetry.collector import Collector, collecting

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:"

APP = '''
"""Handlers that tell which trace they are part of."""

import os
from stepwell import Stepwell

app = Stepwell()


@app.function("Look")
def look(event, context):
    return {
        "traceparent": context.traceparent,
        "tracestate": context.tracestate,
        "TRACEPARENT": os.environ.get("TRACEPARENT"),
        "_X_AMZN_TRACE_ID": os.environ.get("_X_AMZN_TRACE_ID"),
    }


@app.function("LookTogether")
async def look_together(event, context):
    return {"traceparent": context.traceparent}


app.machine("inner.asl.json")
app.machine("outer.asl.json")
app.machine("quick.asl.json", type="EXPRESS")
'''
LOOK = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Look"}
TOGETHER = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:LookTogether"}
CHILD = {
    "Type": "Task",
    "Resource": "arn:aws:states:::states:startExecution.sync:2",
    "Parameters": {"StateMachineArn": ARN + "inner", "Input": {}},
}
MACHINES = {
    "inner": ({"Type": "Pass"}, TOGETHER | {"ResultPath": "$.together"}),
    "quick": (LOOK,),
    "outer": (
        LOOK | {"ResultPath": "$.seen"},
        {"Type": "Wait", "SecondsPath": "$.seconds"},
        CHILD | {"ResultPath": "$.child"},
    ),
}


def definition(name: str, states: Sequence[dict]) -> str:
    """One state after the other, named `Name0`, `Name1`, …"""
    names = [f"{name.capitalize()}{number}" for number, _ in enumerate(states)]
    after = {named: {"Next": following} for named, following in itertools.pairwise(names)}
    ways = {named: state | after.get(named, {"End": True}) for named, state in zip(names, states, strict=True)}
    return json.dumps({"StartAt": names[0], "States": ways})


def call(server: Server, operation: str, headers: dict[str, str] | None = None, **members: object) -> dict:
    request = urllib.request.Request(
        server.url,
        json.dumps(members).encode(),
        {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"AWSStepFunctions.{operation}",
            **(headers or {}),
        },
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.loads(answer.read())


def ended(server: Server, execution: str) -> dict:
    """The description of an execution, once it has ended."""

    def look() -> dict | None:
        found = call(server, "DescribeExecution", {"Prefer": "wait=5"}, executionArn=execution)
        return None if found["status"] == "RUNNING" else found

    return until(look)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "traced.py").write_text(APP)
    for name, states in MACHINES.items():
        (tmp_path / f"{name}.asl.json").write_text(definition(name, states))
    return tmp_path


def environment(folder: Path, collector: Collector | None) -> dict[str, str]:
    found = {"PYTHONPATH": str(folder)}
    if collector is not None:
        found |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_SERVICE_NAME": "orders",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
    return found


def tree(collector: Collector, many: int) -> set[tuple[str, str]]:
    """The names of each span and of the one around it, once there are so many."""
    spans = collector.until(lambda spans: len(spans) >= many)
    by_id = {span.span_id: span.name for span in spans}
    assert len(by_id) == len(spans), "a span was told twice"
    return {(by_id.get(span.parent_span_id, span.parent_span_id.hex()), span.name) for span in spans}


def test_a_trace_goes_through_the_server_and_its_handlers_and_survives_kill_9(folder: Path) -> None:
    with collecting() as collector:
        server = start(folder, ["traced:app"], environment=environment(folder, collector))
        try:
            given = json.dumps({"seconds": 4})
            begun = call(server, "StartExecution", GIVEN, stateMachineArn=ARN + "outer", input=given)
            collector.until(lambda spans: "Outer0" in {span.name for span in spans})
            server.kill()
            server = start(folder, ["traced:app"], port=server.port, environment=environment(folder, collector))
            outcome = ended(server, begun["executionArn"])
            assert outcome["status"] == "SUCCEEDED", outcome
            found = tree(collector, 10)
        finally:
            server.terminate()
        assert found == {
            (PARENT, "outer"),
            ("outer", "Outer0"),
            ("Outer0", "Look"),
            ("outer", "Outer1"),
            ("outer", "Outer2"),
            ("Outer2", "states:startExecution.sync:2"),
            ("states:startExecution.sync:2", "inner"),
            ("inner", "Inner0"),
            ("inner", "Inner1"),
            ("Inner1", "LookTogether"),
        }
        assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
        assert collector.services == {"orders"}

        # What the handlers saw are the spans of their own attempts.
        attempts = {span.name: span.span_id.hex() for span in collector.spans}
        output = json.loads(outcome["output"])
        mine = f"00-{TRACE}-{attempts['Look']}-01"
        assert output["seen"] == {
            "traceparent": mine,
            "tracestate": "vendor=1",
            "TRACEPARENT": mine,
            "_X_AMZN_TRACE_ID": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={attempts['Look']};Sampled=1",
        }
        together = output["child"]["Output"]["together"]
        assert together == {"traceparent": f"00-{TRACE}-{attempts['LookTogether']}-01"}


def test_an_express_execution_has_its_spans_without_a_log_and_begins_a_trace_of_its_own(folder: Path) -> None:
    with (
        collecting() as collector,
        serving(folder, ["traced:app"], environment=environment(folder, collector)) as server,
    ):
        answer = call(server, "StartSyncExecution", stateMachineArn=ARN + "quick", input="{}")
        assert tree(collector, 3) == {("", "quick"), ("quick", "Quick0"), ("Quick0", "Look")}
        (trace,) = {span.trace_id.hex() for span in collector.spans}
        assert json.loads(answer["output"])["traceparent"].split("-")[1] == trace


def test_nothing_of_an_input_an_output_or_a_cause_is_told(folder: Path) -> None:
    with (
        collecting() as collector,
        serving(folder, ["traced:app"], environment=environment(folder, collector)) as server,
    ):
        call(server, "StartSyncExecution", stateMachineArn=ARN + "quick", input='{"password": "hunter2"}')
        tree(collector, 3)
        assert "hunter2" not in str(collector.spans)


def test_the_last_spans_are_sent_before_the_server_ends(folder: Path) -> None:
    with collecting() as collector:
        slow = environment(folder, collector) | {"OTEL_BSP_SCHEDULE_DELAY": "600000"}
        with serving(folder, ["traced:app"], environment=slow) as server:
            call(server, "StartSyncExecution", stateMachineArn=ARN + "quick", input="{}")
            assert server.terminate() == 0
        assert {span.name for span in collector.spans} == {"quick", "Quick0", "Look"}


def test_without_a_collector_a_trace_is_handed_on_as_it_came(folder: Path) -> None:
    with serving(folder, ["traced:app"], environment=environment(folder, None)) as server:
        answer = call(server, "StartSyncExecution", GIVEN, stateMachineArn=ARN + "quick", input="{}")
        assert json.loads(answer["output"])["traceparent"] == GIVEN["traceparent"]
        answer = call(server, "StartSyncExecution", stateMachineArn=ARN + "quick", input="{}")
        assert set(json.loads(answer["output"]).values()) == {None}


def test_a_collector_that_cannot_be_reached_holds_nobody_up(folder: Path) -> None:
    nowhere = environment(folder, None) | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    with serving(folder, ["traced:app"], environment=nowhere) as server:
        answer = call(server, "StartSyncExecution", stateMachineArn=ARN + "quick", input="{}")
        assert answer["status"] == "SUCCEEDED"
