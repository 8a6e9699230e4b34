"""What the text of a definition tells about the data that its states read, and what makes its Choice rules hold.

Rules that must stay true here:
- A state is read as it is written; nothing is run but the rule that a value is tried against.
- What is not understood is left out: who explores a definition then reaches less of it, and no more is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from stepwell.language.choice_rule import compile_rule
from stepwell.language.scope import Scope
from tests.language.scopes import scope
from tests.machine.mocks import ABSENT, ORIGIN, SOME, Steps, follow

Kind = Literal["any", "list", "object", "number", "string", "timestamp", "json", "base64", "parts", "template"]
Side = Literal["input", "start", "result", "variable"]
State = Mapping[str, Any]

SAMPLES: Final[dict[str, Any]] = {
    "any": SOME,
    "list": [SOME, SOME],
    "object": {},
    "number": 3,
    "string": SOME,
    "timestamp": "2023-11-14T22:15:00Z",
    "json": '{"a": 1}',
    "base64": "YQ==",
    "parts": "aT b,c/d::e-f|g_h:i.j/k",
    "template": "{}",
}
_FITS: Final[dict[str, Any]] = {
    "any": lambda value: True,
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "timestamp": lambda value: isinstance(value, str) and re.match(r"\d{4}-", value) is not None,
    "json": lambda value: isinstance(value, str) and value[:1] in '{["0123456789',
    "base64": lambda value: isinstance(value, str) and re.fullmatch(r"[\w+/]+=*", value) is not None,
    "parts": lambda value: isinstance(value, str) and not value.startswith(ORIGIN),
    "template": lambda value: isinstance(value, str) and "{}" in value,
}
_ARGUMENTS: Final[dict[str, tuple[Kind, ...]]] = {
    "States.StringToJson": ("json",),
    "States.Array": ("any",),
    "States.ArrayPartition": ("list", "number"),
    "States.ArrayContains": ("list", "any"),
    "States.ArrayRange": ("number", "number", "number"),
    "States.ArrayGetItem": ("list", "number"),
    "States.ArrayLength": ("list",),
    "States.ArrayUnique": ("list",),
    "States.Base64Encode": ("string",),
    "States.Base64Decode": ("base64",),
    "States.Hash": ("any", "string"),
    "States.MathRandom": ("number", "number"),
    "States.MathAdd": ("number", "number"),
    "States.StringSplit": ("parts", "string"),
    "States.Format": ("template", "string"),
}
_FIELDS: Final[dict[str, Kind]] = {
    "ItemsPath": "list",
    "SecondsPath": "number",
    "TimestampPath": "timestamp",
    "TimeoutSecondsPath": "number",
    "HeartbeatSecondsPath": "number",
    "MaxConcurrencyPath": "number",
    "ErrorPath": "string",
    "CausePath": "string",
}
_STEP: Final = re.compile(r"\.([\w-]+)|\.?\[(\d+|\*)\]|\['([^']+)'\]")
_PART: Final = re.compile(r"(States\.\w+)\(|(\$\$?\w*(?:\.[\w-]+|\.?\[[^\]]*\])*)|'(?:[^'\\]|\\.)*'|([,)])")
_VARIABLE: Final = re.compile(r"\$([A-Za-z_]\w*)")
_VARIABLES: Final = re.compile(r"\$(?!states\b)([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)(?![\w(])")
_STATES: Final = re.compile(r"\$states\.(input|result|context\.Execution\.Input)((?:\.[A-Za-z_]\w*)*)")


@dataclass(frozen=True)
class Read:
    """A state reads what the steps lead to: in its input, in that of the execution, in its result or in a variable."""

    side: Side
    steps: Steps
    kind: Kind = "any"

    @property
    def sample(self) -> Any:
        return SAMPLES[self.kind]

    def fits(self, data: Any) -> bool:
        value = follow(data, self.steps)
        return value is not ABSENT and bool(_FITS[self.kind](value))


@dataclass(frozen=True)
class Demand:
    """What is to be at a path of a Choice state's input."""

    side: Side
    steps: Steps
    value: Any


def parse(path: str, prefix: Steps = ()) -> tuple[Side, Steps] | None:
    """A path as steps, up to the first that is not plain. None for the context object, but for the input in it."""
    side: Side = "input"
    if path.startswith("$$.Execution.Input"):
        side, path, prefix = "start", path.removeprefix("$$.Execution.Input"), ()
    elif path.startswith("$.") or path.startswith("$[") or path == "$":
        path = path[1:]
    elif variable := _VARIABLE.match(path):
        side, path, prefix = "variable", path[variable.end() :], (variable[1],)
    else:
        return None
    steps: list[str | int] = []
    while match := _STEP.match(path):
        name, index, quoted = match.groups()
        steps.append(name or quoted or (0 if index == "*" else int(index)))
        path = path[match.end() :]
    return side, (*prefix, *steps)


def prefix_of(state: State) -> Steps:
    """The steps of InputPath."""
    parsed = parse(state.get("InputPath") or "$")
    return parsed[1] if parsed is not None else ()


def reads(state: State, language: str) -> Iterator[Read]:
    """What a state reads. `language` is that of the machine."""
    if state.get("QueryLanguage", language) == "JSONata":
        yield from _jsonata(state)
        return
    prefix = prefix_of(state)
    if prefix:
        yield Read("input", prefix)
    for field, kind in _FIELDS.items():
        if isinstance(state.get(field), str):
            yield from _path(state[field], prefix, kind)
    if state["Type"] == "Map" and "ItemsPath" not in state and "ItemReader" not in state:
        yield Read("input", prefix, "list")
    for field in ("Parameters", "ItemSelector", "ItemReader", "ItemBatcher", "ResultWriter", "Assign"):
        yield from _template(state.get(field), prefix)
    for read in _template(state.get("ResultSelector"), ()):
        yield Read("result", read.steps, read.kind) if read.side == "input" else read
    if isinstance(state.get("OutputPath"), str):
        for read in _path(state["OutputPath"], (), "any"):
            yield _of_output(state, prefix, read)
    if isinstance(state.get("ResultPath"), str) and state["ResultPath"] != "$":
        yield Read("input", (), "object")
    for rule in state.get("Choices", ()):
        yield from _tested(rule, prefix)
    yield from _of_items(state, prefix)


def _path(text: str, prefix: Steps, kind: Kind) -> Iterator[Read]:
    if text.startswith("States."):
        yield from _call(text, prefix)
        return
    parsed = parse(text, prefix)
    if parsed is not None:
        yield Read(*parsed, kind)


def _of_items(state: State, prefix: Steps) -> Iterator[Read]:
    """What the selector of a Map reads of each item."""
    items = parse(state.get("ItemsPath", "$"), prefix)
    selector = state.get("ItemSelector", state.get("Parameters")) if state["Type"] == "Map" else None
    for text in _texts(selector):
        if text.startswith("$$.Map.Item.Value.") and items is not None:
            inner = parse("$" + text.removeprefix("$$.Map.Item.Value"))
            assert inner is not None
            for index in (0, 1):
                yield Read(items[0], (*items[1], index, *inner[1]))


def _call(text: str, prefix: Steps) -> Iterator[Read]:
    """The arguments of an intrinsic function."""
    around: list[tuple[str, int]] = []
    for function, path, mark in (match.groups() for match in _PART.finditer(text)):
        if function:
            around.append((function, 0))
        elif path and around:
            name, index = around[-1]
            kinds = _ARGUMENTS.get(name, ("any",))
            yield from _path(path, prefix, kinds[min(index, len(kinds) - 1)])
        elif mark == "," and around:
            around[-1] = around[-1][0], around[-1][1] + 1
        elif mark == ")" and around:
            around.pop()


def _template(template: Any, prefix: Steps) -> Iterator[Read]:
    if isinstance(template, dict):
        for name, value in template.items():
            if name.endswith(".$") and isinstance(value, str):
                yield from _path(value, prefix, "any")
            else:
                yield from _template(value, prefix)
    elif isinstance(template, list):
        for item in template:
            yield from _template(item, prefix)


def _of_output(state: State, prefix: Steps, read: Read) -> Read:
    """A read of a state's output, as one of what the output is made of."""
    if read.side == "start" or state["Type"] not in ("Task", "Map", "Parallel"):
        return read if read.side == "start" else Read("input", (*prefix, *read.steps), read.kind)
    parsed = parse(state.get("ResultPath", "$") or "$.nowhere")
    under = parsed[1] if parsed is not None else ()
    if read.steps[: len(under)] == under:
        return Read("result", read.steps[len(under) :], read.kind)
    return Read("input", read.steps, read.kind)


def _tested(rule: State, prefix: Steps) -> Iterator[Read]:
    """The variables of a rule, but for those that may be absent."""
    for inner in (*rule.get("And", ()), *rule.get("Or", ()), *([rule["Not"]] if "Not" in rule else [])):
        yield from _tested(inner, prefix)
    if "Variable" in rule and "IsPresent" not in rule:
        for path in (rule["Variable"], *(value for name, value in rule.items() if name.endswith("Path"))):
            yield from _path(path, prefix, "any")


def _jsonata(state: State) -> Iterator[Read]:
    own = {name: value for name, value in state.items() if name not in ("Branches", "ItemProcessor", "Iterator")}
    for text in _texts(own):
        for side, steps in _STATES.findall(text):
            where: Side = "start" if side.startswith("context") else side
            whole = text.strip("{}% ") == f"$states.{side}{steps}"
            kind: Kind = "any"
            if whole and text == state.get("Items"):
                kind = "list"
            elif whole and text == state.get("Seconds"):
                kind = "number"
            if f"$number($states.{side}{steps})" in text:
                kind = "number"
            yield Read(where, tuple(steps.split(".")[1:]), kind)
        for name, steps in _VARIABLES.findall(text):
            kind = "number" if f"$number(${name}{steps})" in text else "any"
            yield Read("variable", (name, *steps.split(".")[1:]), kind)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


# -- rules

_TRIES: Final[tuple[Any, ...]] = (3, "text", True, None, "2023-11-14T22:15:00Z", "", 0, -1, False, "~", 1e9)
_COMPARED: Final = re.compile(
    r"(?:\$\w+\()?\$states\.input((?:\.\w+)+)\)?\s*(!=|<=|>=|=|<|>)\s*(\"[^\"]*\"|'[^']*'|-?[\d.]+|true|false)"
)


def holding(rule: State, want: bool, prefix: Steps) -> list[Demand]:
    """What makes a rule true, or false. Empty where nothing is known to."""
    if "And" in rule or "Or" in rule:
        every = ("And" in rule) is want
        inner = rule["And"] if "And" in rule else rule["Or"]
        asked = inner if every else inner[-1:]
        return [demand for one in asked for demand in holding(one, want, prefix)]
    if "Not" in rule:
        return holding(rule["Not"], not want, prefix)
    if "Condition" in rule:
        return _condition(str(rule["Condition"]), want)
    variable = parse(rule["Variable"], prefix)
    if variable is None:
        return []
    if "IsPresent" in rule:
        return [Demand(*variable, SOME if rule["IsPresent"] is want else ABSENT)]
    comparator = next(name for name in rule if name not in ("Variable", "Next", "Comment", "Assign", "Output"))
    operand = rule[comparator]
    if not comparator.endswith("Path"):
        return [Demand(*variable, value) for value in _values(comparator, operand, want)[:1]]
    other = parse(operand, prefix)
    fixed = {"N": 1, "B": True, "T": "2023-11-14T22:15:00Z"}.get(comparator[0], "text")
    values = _values(comparator.removesuffix("Path"), fixed, want)[:1]
    return [] if other is None else [Demand(*other, fixed)] + [Demand(*variable, value) for value in values]


def _values(comparator: str, operand: Any, want: bool) -> list[Any]:
    """Values for which a comparator holds, or does not: those of the operand's own type first."""
    near: list[Any] = [operand]
    if isinstance(operand, str):
        near += [operand.replace("*", "x"), operand + "~"]
    elif isinstance(operand, int | float) and not isinstance(operand, bool):
        near += [operand + 1, operand - 1]
    elif isinstance(operand, bool):
        near += [not operand]
    test = compile_rule({"Variable": "$", comparator: operand})
    return [value for value in (*near, *_TRIES) if test.matches(_scope(value)) is want]


def _scope(value: Any) -> Scope:
    return scope(value)


def _condition(condition: str, want: bool) -> list[Demand]:
    """The first comparison in a JSONata condition, taken for all of it."""
    match = _COMPARED.search(condition)
    if match is None:
        return []
    path, comparator, text = match.groups()
    literal: Any = text[1:-1] if text[0] in "\"'" else text == "true" if text in ("true", "false") else float(text)
    names = {"=": "Equals", "<": "LessThan", ">": "GreaterThan", "<=": "LessThanEquals", ">=": "GreaterThanEquals"}
    if comparator == "!=":
        comparator, want = "=", not want
    kind = {str: "String", bool: "Boolean"}.get(type(literal), "Numeric")
    values = _values(kind + names[comparator], literal, want)
    return [Demand("input", tuple(path.split(".")[1:]), value) for value in values[:1]]
