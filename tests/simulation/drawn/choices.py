"""Choice states: every comparator of JSONPath, combined in every way, and conditions of JSONata."""

from __future__ import annotations

from typing import Final

from tests.simulation.drawn.draw import Draw, Place, State
from tests.simulation.drawn.flow import Flow
from tests.simulation.values import OWN

_STRINGS: Final = ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")


class Choices:
    def __init__(self, draw: Draw, flow: Flow) -> None:
        self._draw = draw
        self._flow = flow

    def state(self, name: str, scope: str, later: list[str], place: Place) -> State:
        rules = [self._rule(scope, later, place) for _ in range(self._draw.count(1, 3))]
        fields = self._flow.fields(place, result=False) | {"Choices": rules}
        self._draw.one(*rules)["Next"] = later[0]  # a state that nothing leads to is refused
        return fields | ({"Default": self._draw.one(*later)} if self._draw.steady or self._draw.may(0.8) else {})

    def _rule(self, scope: str, later: list[str], place: Place) -> State:
        top: State = {"Next": self._draw.one(*later)}
        if self._draw.may(0.1):
            top["Comment"] = "of a rule"
        if self._draw.may(0.1):
            top["Assign"] = self._flow.assign(scope, place)
        if not place.jsonata:
            return top | self._test(place, 2)
        condition = self._draw.one(True, False, "{% 1 < 2 %}", "{% $exists($states.input.v) %}")
        output = {"Output": {"v": 7}} if self._draw.may(0.2) else {}
        return top | {"Condition": condition} | output

    def _test(self, place: Place, depth: int) -> State:
        if depth and self._draw.may(0.35):
            inner = [self._test(place, depth - 1) for _ in range(self._draw.count(1, 2))]
            return self._draw.one({"And": inner}, {"Or": inner}, {"Not": inner[0]})
        own = f"{OWN}." if place.rich else "$$.Execution."
        if not place.rich:
            return {"Variable": own + "Name", self._draw.one("IsString", "IsPresent", "IsNull"): self._draw.may(0.5)}
        order, path = self._draw.pick(_STRINGS), self._draw.one("", "Path")
        kind, member, value = self._draw.one(
            ("String", "word", "a-b"), ("Numeric", "n", 4), ("Timestamp", "when", "2024-01-01T00:00:10Z")
        )
        if self._draw.may(0.6):
            return {"Variable": own + member, f"{kind}{order}{path}": own + member if path else value}
        known: list[State] = [
            {"Variable": own + "word", "StringMatches": "a*"},
            {"Variable": own + "yes", "BooleanEquals": self._draw.may(0.5)},
            {"Variable": own + "yes", "BooleanEqualsPath": own + "yes"},
            {"Variable": own + self._draw.one("v", "none"), "IsPresent": self._draw.may(0.5)},
            {
                "Variable": own + self._draw.one("v", "word", "when", "yes"),
                self._draw.one("IsNull", "IsString", "IsNumeric", "IsBoolean", "IsTimestamp"): self._draw.may(0.5),
            },
        ]
        return self._draw.pick(known)
