"""What goes into states and what comes out: payloads, variables, and the rescue from errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from tests.simulation.drawn.draw import Draw, Place, State
from tests.simulation.values import ERRORS, OUR, OWN

# Each gives the same whenever it is evaluated.
_INTRINSICS: Final = (
    "States.Array(1, 'two')",
    "States.ArrayContains(States.Array(1, 2), 2)",
    "States.ArrayGetItem(States.Array(1, 2), 1)",
    "States.ArrayLength(States.Array(1, 2))",
    "States.ArrayPartition(States.ArrayRange(1, 9, 2), 2)",
    "States.ArrayUnique(States.Array(1, 1))",
    "States.Base64Decode(States.Base64Encode('text'))",
    "States.Format('{} of {}', 1, 'two')",
    "States.Hash('text', 'SHA-256')",
    """States.JsonMerge(States.StringToJson('{"a": 1}'), States.StringToJson('{"b": 2}'), false)""",
    "States.JsonToString(States.Array(1))",
    "States.MathAdd(1, 2)",
    "States.MathRandom(1, 9, 7)",
    "States.StringSplit('a,b', ',')",
)
_FUNCTIONS: Final = (
    "$partition([1, 2, 3], 2)",
    "$range(1, 9, 2)",
    "$hash('text', 'SHA-256')",
    """$parse('{"a": 1}').a""",
    "$random(7)",
    "$map([1, 2], function($n) { $n * 2 })",
)
_PATHS: Final = (".v", ".items[0]", ".items[1:]", ".items[?(@.three > 2)]", "..three", ".items[*]", "['word']")
_CAUGHT: Final = (
    *ERRORS,
    "States.Timeout",
    "States.TaskFailed",
    "States.HeartbeatTimeout",
    "States.Runtime",
    "States.BranchFailed",
    "States.NoChoiceMatched",
    "States.DataLimitExceeded",
    "States.QueryEvaluationError",
    "States.IntrinsicFailure",
    "States.ParameterPathFailure",
    "States.ResultPathMatchFailure",
    "States.ExceedToleratedFailureThreshold",
    "States.ItemReaderFailed",
    "States.ResultWriterFailed",
    "States.Permissions",
)


class Flow:
    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def assign(self, scope: str, place: Place) -> State:
        """An inner scope may not assign what an outer one does: each has its own."""
        variable = "of" + scope.replace("-", "_")
        if place.jsonata:
            return {variable: self._draw.one("y" * 300, "{% $states.input %}", {"deep": ["{% 1 + 1 %}"]})}
        return self._draw.one({f"{variable}.$": "$"}, {variable: "y" * 300}, {f"{variable}.$": "States.Array(1, 2)"})

    def value(self, place: Place) -> Any:
        """What a payload may hold."""
        if place.jsonata:
            function = self._draw.pick(_FUNCTIONS)
            known: list[Any] = [
                1,
                "text",
                f"{{% {function} %}}",
                "{% 1 + 2 %}",
                "{% $states.input %}",
                {"deep": ["{% 'x' & 'y' %}"]},
            ]
            if place.rich:
                known += [f"{{% {OUR}.v %}}", f"{{% $count({OUR}.items) %}}"]
            if not self._draw.steady:
                known += ["{% $uuid() %}", "{% $now() %}", "{% $states.input.missing.deep %}", "{% $random() %}"]
        else:
            known = [1, "text", {"deep": [2.5, None]}]
        return self._draw.pick(known)

    def template(self, place: Place) -> Any:
        if place.jsonata:
            secret = {"t": f"{{% {OUR}.text %}}"} if place.rich and self._draw.may(0.3) else {}
            return {"a": self.value(place), "v": self.value(place), **secret}
        known: list[Any] = [{"v": 1}, {"v.$": self._draw.pick(_INTRINSICS)}, {"all.$": "$", "v": 2}]
        if place.rich:
            known += [
                {"v.$": OWN + self._draw.pick(_PATHS)},
                {"v": 1, "t.$": OWN + ".text"},
                {"v.$": f"States.ArrayLength({OWN}.items)"},
            ]
        if not self._draw.steady:
            known += [
                {"at.$": "$$.State.EnteredTime"},
                {"id.$": "States.UUID()"},
                {"v.$": "States.MathRandom(1, 9)"},
                {"v.$": "$.missing"},
                {"v.$": "$none"},
            ]
        return self._draw.pick(known)

    def fields(self, place: Place, *, result: bool, selector: bool = False, listing: bool = False) -> State:
        """Fields for what goes in and what comes out. `listing`: the result is no object, and what follows is to get
        one."""
        fields: State = {}
        if place.jsonata:
            if self._draw.may(0.3) or (listing and self._draw.steady):
                fields["Output"] = {"v": 5, "kept": self.value(place)} if listing else self._value_out(place)
            return fields
        if self._draw.may(0.15):
            fields["InputPath"] = self._draw.one("$", OWN) if place.rich else "$"
        if self._draw.may(0.15):
            fields["OutputPath"] = self._draw.one("$", "$", OWN) if place.rich else "$"
        if not self._draw.steady and self._draw.may(0.03):
            fields[self._draw.one("InputPath", "OutputPath")] = None
        if selector and self._draw.may(0.2):
            fields["ResultSelector"] = {"sel.$": "$"}
        if result and (self._draw.may(0.5) or (listing and self._draw.steady)):
            fields["ResultPath"] = self._draw.one(None, "$.r", "$.s")
        return fields

    def _value_out(self, place: Place) -> Any:
        return self._draw.one(
            {"v": 5, "x": self.value(place)}, "{% $states.input %}", {"n": [1, {"m": self.value(place)}]}
        )

    def rescue(self, scope: str, later: list[str], place: Place) -> State:
        fields: State = {}
        names = _CAUGHT[:5] if self._draw.may(0.7) else _CAUGHT
        if self._draw.may(0.4):
            chosen = list(dict.fromkeys(self._draw.pick(names) for _ in range(self._draw.count(1, 2))))
            fields["Retry"] = [self._retrier([name]) for name in chosen]
            if self._draw.may(0.2):
                fields["Retry"].append(self._retrier(["States.ALL"]))
        if later and self._draw.may(0.5):
            catcher: State = {
                "ErrorEquals": [self._draw.pick([*names, "States.ALL"])],
                "Next": self._draw.one(*later),
            }
            if self._draw.may(0.1):
                catcher["Comment"] = "of a catcher"
            if self._draw.may(0.2):
                catcher["Assign"] = self.assign(scope, replace(place))
            if place.jsonata:
                if self._draw.may(0.5):
                    catcher["Output"] = self._draw.one(
                        {"v": 1}, "{% $states.input %}", {"e": "{% $states.errorOutput.Error %}"}
                    )
            else:
                catcher["ResultPath"] = self._draw.one(None, "$.error")
            fields["Catch"] = [catcher]
        return fields

    def _retrier(self, names: list[str]) -> State:
        retrier: State = {"ErrorEquals": names}
        if self._draw.may(0.9):
            retrier["MaxAttempts"] = self._draw.count(0, 2)
        optional = {
            "IntervalSeconds": lambda: self._draw.one(1, 3),
            "BackoffRate": lambda: self._draw.one(1.0, 1.5, 3),
            "MaxDelaySeconds": lambda: self._draw.one(4, 60),
            "JitterStrategy": lambda: self._draw.one("FULL", "NONE"),
            "Comment": lambda: "of a retrier",
        }
        return retrier | {name: make() for name, make in optional.items() if self._draw.may(0.4)}
