"""Whatever text comes, each of the parsers reads it or refuses it by name, soon; `make fuzz` goes on for longer."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from tests.fuzz.target import CORPUS, Fault, Target
from tests.fuzz.targets import TARGETS as ALL
from tests.fuzz.trial import Slate, try_many

TARGETS = [target for target in ALL if target.make is None]
_NEVER_GOOD = ("jwt",)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_any_input_is_read_or_refused_by_name(target: Target) -> None:
    for data in islice(target.inputs(0), target.short):
        try:
            target.try_one(data)
        except Fault as fault:
            pytest.fail(f"{fault}\nthe input: {data!r}")


@pytest.mark.parametrize("target", [found for found in TARGETS if found.name not in _NEVER_GOOD], ids=lambda t: t.name)
def test_bad_input_is_made_of_good(target: Target) -> None:
    target.check(target.seeds[0])


def test_the_same_seed_gives_the_same_inputs() -> None:
    target = TARGETS[0]
    assert list(islice(target.inputs(7), 50)) == list(islice(target.inputs(7), 50))
    assert list(islice(target.inputs(7), 50)) != list(islice(target.inputs(8), 50))


def test_what_was_once_a_fault_belongs_to_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} <= {target.name for target in ALL} | {"http"}


def test_a_fault_ends_a_trial_with_its_input_on_the_slate(tmp_path: Path) -> None:
    def check(data: bytes) -> None:
        if b"!" in data:
            raise KeyError("no name of a refusal")

    slate = Slate(tmp_path / "slate")
    trial = try_many(Target("sample", check, (ValueError,), (b"a",), (b"!",)), 0, 10_000, 60, slate)
    count, data = Slate(tmp_path / "slate").read()
    assert trial.fault == "KeyError: 'no name of a refusal'"
    assert (count, b"!" in data) == (trial.count, True)
