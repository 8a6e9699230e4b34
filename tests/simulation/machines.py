"""Random small state machines: every state type, nested, with retriers, catchers, time-outs and variables."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from tests.machine.journey import ACTIVITY, CALLBACK, FUNCTION, INVOKE

ERRORS = ("A", "B", "States.Timeout", "States.TaskFailed", "States.HeartbeatTimeout")
INPUT = {"items": [1, "two", {"three": 3.0}], "n": 4, "text": "x" * 300}

_NAMES = st.sampled_from([*ERRORS, "States.ALL", "States.TaskFailed"])
_PATHS: list[dict[str, Any]] = [{}, {"ResultPath": None}, {"ResultPath": "$.r"}, {"OutputPath": "$$.Execution.Input"}]
_ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"Parameters": {"n.$": "$$.Execution.Input.n", "at.$": "$$.State.EnteredTime"}},
    {"Parameters": {"id.$": "States.UUID()", "text.$": "$$.Execution.Input.text"}},
    {"Parameters": {"v.$": "$kept"}},
    {"InputPath": "$$.Execution.Input"},
    {"Parameters": {"v.$": "$.missing"}},
]


@st.composite
def machines(draw: st.DrawFn) -> dict[str, Any]:
    """A definition. Its states lead forward only, so that every execution ends; `kept` is a variable everywhere."""
    names = (f"S{n}" for n in itertools.count())
    block = draw(_blocks(names, 2))
    first = {"Type": "Pass", "Result": INPUT, "Assign": {"kept": 0}, "Next": block["StartAt"]}
    fields = draw(st.sampled_from([{}, {}, {"TimeoutSeconds": 60}]))
    return {"StartAt": "First", "States": {"First": first, **block["States"]}, **fields}


@st.composite
def _blocks(draw: st.DrawFn, names: Iterator[str], depth: int) -> dict[str, Any]:
    """The states of a machine, a branch or a processor."""
    own = [next(names) for _ in range(draw(st.integers(1, 4)))]
    states: dict[str, Any] = {}
    for index, name in enumerate(own):
        later = own[index + 1 :]
        states[name] = draw(_states(names, own[0], later, depth))
    return {"StartAt": own[0], "States": states}


@st.composite
def _states(draw: st.DrawFn, names: Iterator[str], own: str, later: list[str], depth: int) -> dict[str, Any]:
    kinds = ["Pass", "Wait", "Task", "Task"] + (["Map", "Parallel"] * 2 if depth else [])
    if later:
        kinds.append("Choice")
    else:
        kinds += ["Succeed", "Fail"]
    kind = draw(st.sampled_from(kinds))
    state: dict[str, Any] = {"Type": kind}
    if kind == "Fail":
        return state | {"Error": draw(st.sampled_from(["A", "B"])), "Cause": "why"}
    if kind == "Succeed":
        return state
    if kind == "Choice":
        rule = {"Variable": "$.n", "IsPresent": draw(st.booleans()), "Next": draw(st.sampled_from(later))}
        return state | {"Choices": [rule], "Default": later[0]}
    state |= {"Next": later[0]} if later else {"End": True}
    if draw(st.integers(0, 3)) == 3:  # an inner scope may not assign what an outer one does: each has its own
        state["Assign"] = draw(st.sampled_from([{f"of{own}.$": "$"}, {f"of{own}": "y" * 300}]))
    if kind == "Wait":
        return state | {"Seconds": draw(st.sampled_from([0, 1, 30, 90]))}
    state |= draw(st.sampled_from([*[{}] * 8, *_ARGUMENTS])) | draw(st.sampled_from([{}, {}, *_PATHS]))
    if kind == "Pass":
        return state
    state |= draw(_rescue(later))
    if kind == "Task":
        state["Resource"] = draw(st.sampled_from([FUNCTION, INVOKE, CALLBACK, ACTIVITY]))
        return state | draw(
            st.sampled_from([{}, {"TimeoutSeconds": 40}, {"TimeoutSeconds": 40, "HeartbeatSeconds": 9}])
        )
    state.pop("Parameters", None)
    if kind == "Parallel":
        state["Branches"] = [draw(_blocks(names, depth - 1)) for _ in range(draw(st.integers(1, 3)))]
        return state
    state["ItemProcessor"] = draw(_blocks(names, depth - 1))
    state["ItemsPath"] = "$$.Execution.Input.items"
    selector = {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"}
    return state | draw(st.sampled_from([{}, {"MaxConcurrency": 1}, {"MaxConcurrency": 2, "ItemSelector": selector}]))


@st.composite
def _rescue(draw: st.DrawFn, later: list[str]) -> dict[str, Any]:
    """Retry and Catch."""
    fields: dict[str, Any] = {}
    if draw(st.booleans()):
        retriers = [
            {"ErrorEquals": [name], "MaxAttempts": draw(st.integers(0, 2)), "JitterStrategy": jitter}
            for name in dict.fromkeys(draw(st.lists(st.sampled_from(ERRORS), min_size=1, max_size=2)))
            for jitter in [draw(st.sampled_from(["FULL", "NONE"]))]
        ]
        fields["Retry"] = retriers
    if later and draw(st.booleans()):
        path = draw(st.sampled_from([{}, {"ResultPath": None}, {"ResultPath": "$.error"}]))
        fields["Catch"] = [{"ErrorEquals": [draw(_NAMES)], "Next": draw(st.sampled_from(later)), **path}]
    return fields
