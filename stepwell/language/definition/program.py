"""A program: a machine, a branch of a Parallel, the processor of a Map; and each of its states.

Rules that must stay true here:
- Every state is read whatever faults the others have, so that one pass finds all of them.
- A state's name is unique in the whole machine, not only in its program.
"""

from __future__ import annotations

from typing import Final

from stepwell.language.definition import jsonata
from stepwell.language.definition.assign import read_assign
from stepwell.language.definition.choice import read_choice
from stepwell.language.definition.fail import read_fail
from stepwell.language.definition.legal import JSONPATH, LEGAL_FIELDS, check_fields
from stepwell.language.definition.map_ import processor_node, processor_setting, read_map
from stepwell.language.definition.node import Node
from stepwell.language.definition.parallel import branch_nodes, read_parallel
from stepwell.language.definition.pass_ import read_pass
from stepwell.language.definition.payload import read_jsonpath_flow
from stepwell.language.definition.setting import Common, Setting, read_state_language
from stepwell.language.definition.task import read_task
from stepwell.language.definition.transition import check_transitions, read_next
from stepwell.language.definition.wait import read_wait
from stepwell.language.model import DataFlow, Program, State, Succeed

_MAX_NAME: Final = 80
_WITH_RESULT: Final = frozenset({"Task", "Parallel", "Map"})
_WITH_NEXT: Final = frozenset({"Task", "Wait", "Pass", "Parallel", "Map"})
BRANCH_FIELDS: Final = ("Comment", "StartAt", "States")
PROCESSOR_FIELDS: Final = (*BRANCH_FIELDS, "ProcessorConfig")


def read_program(node: Node, setting: Setting, *, timeout_seconds: int | None = None) -> Program | None:
    """The program in an object; None where it cannot be run: a diagnostic says why."""
    node.require("States", "StartAt")
    comment = node.text("Comment")
    start = node.text("StartAt")
    states_node = node.object("States")
    if states_node is None:
        return None
    states: dict[str, State] = {}
    for name in states_node.members:
        _check_name(name, states_node)
        state_node = states_node.object(name)
        if state_node is not None:
            state_node.within = ""
        state = None if state_node is None else read_state(name, state_node, setting)
        if state is not None:
            states[name] = state
    if start is None:
        return None
    check_transitions(start, states_node, node)
    return Program(start_at=start, states=states, timeout_seconds=timeout_seconds, comment=comment)


def _check_name(name: str, states: Node) -> None:
    if not name:
        states.fault("A state name must not be empty", name, "INVALID_STATE_NAME")
    elif len(name) > _MAX_NAME:
        states.fault(f"A state name must not exceed {_MAX_NAME} characters", name, "INVALID_STATE_NAME")
    if name in states.findings.state_names:
        states.fault(f"Duplicate State name: {name}", name, "DUPLICATE_STATE_NAME")
    states.findings.state_names.add(name)


def read_state(name: str, node: Node, setting: Setting) -> State | None:
    """The state in an object; None where it cannot be run: a diagnostic says why."""
    node.require("Type")
    kind = node.one_of("Type", LEGAL_FIELDS)
    language = read_state_language(node, setting)
    if kind is None:
        return None
    check_fields(node, kind, language)
    assign = read_assign(node, language)
    flow: DataFlow
    if language == JSONPATH:
        flow = read_jsonpath_flow(node, assign, parameters=kind != "Map")
    else:
        flow = jsonata.read_flow(node, assign, has_result=kind in _WITH_RESULT)
    target = read_next(node) if kind in _WITH_NEXT else None
    common = Common(name, language, flow, target, node.text("Comment"))
    return _read_kind(kind, node, common, setting)


def _read_kind(kind: str, node: Node, common: Common, setting: Setting) -> State | None:
    match kind:
        case "Task":
            return read_task(node, common, setting)
        case "Wait":
            return read_wait(node, common)
        case "Pass":
            return read_pass(node, common)
        case "Fail":
            return read_fail(node, common)
        case "Choice":
            return read_choice(node, common)
        case "Parallel":
            branches = [_read_nested(branch, setting, BRANCH_FIELDS) for branch in branch_nodes(node)]
            return read_parallel(node, common, tuple(branch for branch in branches if branch is not None))
        case "Map":
            processor = processor_node(node)
            if processor is None:
                return read_map(node, common, None)
            inside = processor_setting(processor, setting)
            return read_map(node, common, _read_nested(processor, inside, PROCESSOR_FIELDS), setting.language)
        case _:
            return Succeed(name=common.name, flow=common.flow, comment=common.comment)


def _read_nested(node: Node, setting: Setting, fields: tuple[str, ...]) -> Program | None:
    node.allow(fields)
    return read_program(node, setting)
