"""Random state machines that reach every field of the language.

Rules that must stay true here:
- States lead forward only, so that every execution ends.
- The name of a Task ends in what is to become of it (`Outside`): `T4-ok`.
- An execution of a *steady* machine ends in the same way whatever happens to the server meanwhile: nothing volatile (a
  time, a token, a random number) gets into what it goes on with; where branches run side by side, all that fails fails
  alike; a task that is given up is given up at its time-out, and no other task comes near its own.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import strategies as st

from tests.simulation.drawn.choices import Choices
from tests.simulation.drawn.draw import Draw, Place, State
from tests.simulation.drawn.flow import Flow
from tests.simulation.drawn.maps import Maps
from tests.simulation.drawn.tasks import Tasks
from tests.simulation.values import INPUT, OWN


class Maker:
    """Draws machines. `steady`: see above."""

    def __init__(self, chance: Random, *, steady: bool) -> None:
        self._draw = Draw(chance, steady=steady)
        self._flow = Flow(self._draw)
        self._choice = Choices(self._draw, self._flow).state
        self._task = Tasks(self._draw, self._flow).state
        self._map = Maps(self._draw, self._flow, self._block).state

    def machine(self, *, express: bool = False) -> State:
        whole = self._draw.may(0.4)
        place = Place(jsonata=whole, whole=whole, express=express, distributed=not express)
        block = self._block(place, 5)
        definition = {"Comment": "drawn", "Version": "1.0", **block} if self._draw.may(0.2) else block
        if place.jsonata:
            definition["QueryLanguage"] = "JSONata"
        elif self._draw.may(0.1):
            definition["QueryLanguage"] = "JSONPath"
        if self._draw.may(0.2):
            definition["TimeoutSeconds"] = self._draw.limit(60)
        return definition

    def _block(self, place: Place, most: int) -> State:
        names = [f"S{self._draw.number()}" for _ in range(self._draw.count(1, most))]
        states: State = {}
        kinds = [self._kind(place, last=index == len(names) - 1) for index in range(len(names))]
        endings = {"Task": lambda: f"-{self._behaviour(place)}"}
        names = [name + endings.get(kind, lambda: "")() for name, kind in zip(names, kinds, strict=True)]
        for index, (name, kind) in enumerate(zip(names, kinds, strict=True)):
            states[name] = self._state(kind, name, names[0], names[index + 1 :], place)
        return {"StartAt": names[0], "States": states}

    def _kind(self, place: Place, *, last: bool) -> str:
        kinds = ["Pass", "Wait", "Task", "Task", "Task"]
        if place.depth:
            kinds += ["Parallel"] + ["Map"] * 2 * (place.rich or place.whole or place.distributed)
        kinds += ["Succeed", "Fail"] if last else ["Choice"]
        return str(self._draw.pick(kinds))

    def _behaviour(self, place: Place) -> str:
        known = ["ok", "ok", "ok", "fails", "sometimes", "third", "slow"]
        if not self._draw.steady:
            known += ["hangs", "raises", "large"]
        elif not place.beside and not place.express:
            known += ["hangs"]
        return str(self._draw.pick(known))

    def _state(self, kind: str, name: str, scope: str, later: list[str], place: Place) -> State:
        place = replace(place, jsonata=place.whole or self._draw.may(0.15))
        state: State = {"Type": kind}
        if place.jsonata is not place.whole or self._draw.may(0.1):
            state["QueryLanguage"] = "JSONata" if place.jsonata else "JSONPath"
        if self._draw.may(0.05):
            state["Comment"] = "said of it"
        make = getattr(self, f"_{kind.lower()}")
        state |= make(name, scope, later, place)
        if kind not in ("Choice", "Succeed", "Fail"):
            state |= {"Next": later[0]} if later else {"End": True}
        if kind not in ("Fail", "Succeed") and self._draw.may(0.2):
            state["Assign"] = self._flow.assign(scope, place)
        return state

    def _pass(self, name: str, scope: str, later: list[str], place: Place) -> State:
        if place.jsonata:
            return self._flow.fields(place, result=False)
        fields = self._flow.fields(place, result=True)
        return fields | self._draw.one({}, {"Result": dict(INPUT)}, {"Parameters": self._flow.template(place)})

    def _succeed(self, name: str, scope: str, later: list[str], place: Place) -> State:
        return self._flow.fields(place, result=False)

    def _fail(self, name: str, scope: str, later: list[str], place: Place) -> State:
        if place.jsonata and not place.beside and self._draw.may(0.4):
            return {"Error": "{% 'A' & '1' %}", "Cause": "{% 'why' %}"}
        if not place.jsonata and self._draw.may(0.4):
            if place.beside and self._draw.steady:
                return {"ErrorPath": "States.Format('A')", "CausePath": "States.Format('why')"}
            return {"ErrorPath": "States.Format('{}1', 'A')", "CausePath": "States.Format('why')"}
        return {"Error": "A", "Cause": "why"}

    def _wait(self, name: str, scope: str, later: list[str], place: Place) -> State:
        if place.jsonata:
            known: list[State] = [{"Seconds": 0}, {"Seconds": 30}, {"Seconds": "{% 1 + 1 %}"}]
            known += [{"Timestamp": "2024-01-01T00:00:10Z"}, {"Timestamp": "{% '2024-01-01T00:00:10Z' %}"}]
            return self._flow.fields(place, result=False) | self._draw.pick(known)
        known = [{"Seconds": 0}, {"Seconds": 1}, {"Seconds": 90}, {"Timestamp": "2024-01-01T00:00:10Z"}]
        flow = self._flow.fields(place, result=False)
        if place.rich and flow.get("InputPath") == OWN:
            known = [{"SecondsPath": "$.seconds"}, {"TimestampPath": "$.when"}]
        elif place.rich:
            known += [{"SecondsPath": OWN + ".seconds"}, {"TimestampPath": OWN + ".when"}]
        if not self._draw.steady:
            known += [{"SecondsPath": "$.nothing"}]
        return flow | self._draw.pick(known)

    def _parallel(self, name: str, scope: str, later: list[str], place: Place) -> State:
        count = self._draw.count(1, 3)
        inner = replace(place, depth=place.depth - 1, beside=True)
        branches = [self._block(inner, 3) for _ in range(count)]
        for branch in branches:
            if self._draw.may(0.1):
                branch["Comment"] = "of a branch"
        fields = self._flow.rescue(scope, later, place) | {"Branches": branches}
        fields |= self._flow.fields(place, result=True, selector=True, listing=True)
        if self._draw.may(0.2):
            fields["Arguments" if place.jsonata else "Parameters"] = self._flow.template(place)
        return fields


def machines(*, steady: bool = False, express: bool = False) -> st.SearchStrategy[State]:
    """Definitions, for hypothesis to draw and to make smaller."""
    return st.randoms(use_true_random=False).map(lambda chance: Maker(chance, steady=steady).machine(express=express))
