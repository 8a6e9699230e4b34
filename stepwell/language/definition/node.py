"""An object of the definition under the walk: its members, where it stands, and where its faults go.

Rules that must stay true here:
- Reading a member never raises: a member of the wrong kind is reported and reads as None, as if it were not there.
- Whoever gets None for a member that is there can rely on a diagnostic having been made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar

from stepwell.language.diagnostics import Code, Diagnostic
from stepwell.language.values import Json

MAX_WHOLE = 99_999_999
"""The largest number of seconds, attempts or items that a definition may name (language specification, Retry)."""

T = TypeVar("T")


class Findings:
    """What one pass over a definition gathers besides the compiled states.

    `assigned` holds the name of each variable and where it is assigned. `state_names` and `labels` are those met so far
    in the whole machine, in which each must be unique.
    """

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.assigned: list[tuple[str, str]] = []
        self.state_names: set[str] = set()
        self.labels: set[str] = set()


class Node:
    """One object of the definition. `within` is its place in the state that it belongs to: "" for the state itself,
    `Catch[0]` for its first catcher."""

    __slots__ = ("findings", "location", "members", "within")

    def __init__(self, members: Mapping[str, Json], location: str, findings: Findings, within: str = "") -> None:
        self.members = members
        self.location = location
        self.findings = findings
        self.within = within

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def at(self, name: str) -> str:
        """The location of a member."""
        return f"{self.location}/{name}"

    def field(self, name: str) -> str:
        """The place of a member in the state, as errors at run time write it: `Choices[0]/Condition`."""
        return f"{self.within}/{name}" if self.within else name

    def fault(self, message: str, name: str | None = None, code: Code = "SCHEMA_VALIDATION_FAILED") -> None:
        """Reports an error of this object, or of one member."""
        location = (self.location or "/") if name is None else self.at(name)
        self.findings.diagnostics.append(Diagnostic(code, message, location))

    def warn(self, code: Code, message: str, location: str) -> None:
        self.findings.diagnostics.append(Diagnostic(code, message, location, "WARNING"))

    def require(self, *names: str) -> bool:
        """Whether all members are there; the missing ones are reported together, as AWS does."""
        missing = [name for name in names if name not in self.members]
        if missing:
            self.fault(f"These fields are required: [{', '.join(missing)}]")
        return not missing

    def allow(self, names: Collection[str]) -> None:
        """Reports every member that has no business here."""
        for name in self.members:
            if name not in names:
                self.fault(f"Field '{name}' is not supported")

    def at_most_one(self, *names: str) -> bool:
        """Whether no two of the members are there."""
        present = [name for name in names if name in self.members]
        if len(present) > 1:
            self.fault(f"Only one of these fields is allowed: [{', '.join(present)}]")
        return len(present) <= 1

    def text(self, name: str) -> str | None:
        return self._expect(name, str, "STRING")

    def boolean(self, name: str) -> bool | None:
        return self._expect(name, bool, "BOOLEAN")

    def whole(self, name: str, low: int, high: int = MAX_WHOLE) -> int | None:
        """A whole number from `low` to `high`; `3.0` is one."""
        value = self.members.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            self._refuse(name, "INTEGER")
            return None
        if not low <= value <= high:
            self.fault(f"The value must be between {low} and {high}", name)
            return None
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        """A number from `low` to `high`, whole or not."""
        value = self.members.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            self._refuse(name, "NUMBER")
            return None
        if not low <= value <= high:
            self.fault(f"The value must be between {low:.10g} and {high:.10g}", name)
            return None
        return value

    def one_of(self, name: str, values: Collection[str]) -> str | None:
        """A text that is one of `values`."""
        if name not in self.members:
            return None
        value = self.members[name]
        if isinstance(value, str) and value in values:
            return value
        self.fault(f"The field '{name}' should have one of these values: [{', '.join(values)}]", name)
        return None

    def object(self, name: str) -> Node | None:
        members = self._expect(name, dict, "OBJECT")
        return None if members is None else Node(members, self.at(name), self.findings, self.field(name))

    def array(self, name: str) -> list[Json] | None:
        return self._expect(name, list, "ARRAY")

    def objects(self, name: str, *, at_least: int = 0) -> Iterator[Node]:
        """The objects of an array; what is no object is reported and left out."""
        items = self.array(name)
        if items is None:
            return
        if len(items) < at_least:
            self.fault(f"The array must have at least {at_least} item{'s' if at_least > 1 else ''}", name)
        for index, item in enumerate(items):
            if isinstance(item, dict):
                yield Node(item, f"{self.at(name)}[{index}]", self.findings, f"{self.field(name)}[{index}]")
            else:
                self.fault("Expected value of type [OBJECT]", f"{name}[{index}]")

    def _expect(self, name: str, kind: type[T], label: str) -> T | None:
        value = self.members.get(name)
        if isinstance(value, kind):
            return value
        self._refuse(name, label)
        return None

    def _refuse(self, name: str, label: str) -> None:
        """Reports a member of another type; there is nothing to report where there is no such member."""
        if name in self.members:
            self.fault(f"Expected value of type [{label}]", name)
