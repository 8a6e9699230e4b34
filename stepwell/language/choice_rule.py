"""The rules of a Choice state: And, Or, Not, and tests of a variable.

Rules that must stay true here:
- A rule is compiled once; its pattern, path and operand are ready when it runs.
- A Variable that leads nowhere is an error, except to IsPresent.
"""

from __future__ import annotations

from msgspec import Struct

from stepwell.language.comparators import COMPARATORS, Check, Comparison, Matching, Presence
from stepwell.language.errors import QueryError, SyntaxFault
from stepwell.language.jsonpath import MISSING, Path, compile_path
from stepwell.language.model import Rule
from stepwell.language.opaque import REASON, is_opaque
from stepwell.language.scope import Scope
from stepwell.language.values import Json

__all__ = ["COMPARATORS", "compile_rule"]

_DEEPEST = 100


class And(Struct, frozen=True):
    rules: tuple[Rule, ...]

    def matches(self, scope: Scope) -> bool:
        """Whether all rules hold; what follows the first that does not is not looked at."""
        return all(rule.matches(scope) for rule in self.rules)


class Or(Struct, frozen=True):
    rules: tuple[Rule, ...]

    def matches(self, scope: Scope) -> bool:
        """Whether a rule holds; what follows the first that does is not looked at."""
        return any(rule.matches(scope) for rule in self.rules)


class Not(Struct, frozen=True):
    rule: Rule

    def matches(self, scope: Scope) -> bool:
        """Whether the rule does not hold."""
        return not self.rule.matches(scope)


class Present(Struct, frozen=True):
    """IsPresent."""

    variable: Path
    expected: bool

    def matches(self, scope: Scope) -> bool:
        """Whether the path leads somewhere, or does not, as expected."""
        return (self.variable.find(scope) is not MISSING) is self.expected


class Against(Struct, frozen=True):
    """A comparison with a value that stands in the definition."""

    variable: Path
    comparator: Comparison | Check
    operand: Json

    def matches(self, scope: Scope) -> bool:
        """Whether the comparison holds."""
        value = _value(self.variable, scope)
        if scope.opaque is not None and isinstance(self.comparator, Comparison):
            _refuse_opaque(self.variable, value, scope)
        return self.comparator.holds(value, self.operand)


class AgainstPath(Struct, frozen=True):
    """A comparison with a value that another path leads to."""

    variable: Path
    comparator: Comparison
    other: Path

    def matches(self, scope: Scope) -> bool:
        """Whether the comparison holds."""
        value, other = _value(self.variable, scope), _value(self.other, scope)
        if scope.opaque is not None:
            _refuse_opaque(self.variable, value, scope)
            _refuse_opaque(self.other, other, scope)
        return self.comparator.holds(value, other)


class Like(Struct, frozen=True):
    """StringMatches. `parts` are the texts between the asterisks."""

    variable: Path
    parts: tuple[str, ...]

    def matches(self, scope: Scope) -> bool:
        """Whether the whole string fits the pattern, in linear time."""
        value = _value(self.variable, scope)
        if not isinstance(value, str):
            return False
        if scope.opaque is not None:
            _refuse_opaque(self.variable, value, scope)
        first, last = self.parts[0], self.parts[-1]
        if len(self.parts) == 1:
            return value == first
        end = len(value) - len(last)
        if not (value.startswith(first) and value.endswith(last)) or end < len(first):
            return False
        at = len(first)
        for part in self.parts[1:-1]:
            found = value.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True


def compile_rule(rule: dict[str, Json]) -> Rule:
    """The compiled rule; members that are no part of the test (Next, Comment, Assign, Output) are left aside.

    Raises SyntaxFault where the rule has no comparator or more than one, or an operand or a path is not usable.
    """
    return _compile(rule, 1)


def _compile(rule: Json, depth: int) -> Rule:
    if not isinstance(rule, dict):
        raise SyntaxFault("A Choice rule must be an object")
    if depth > _DEEPEST:
        raise SyntaxFault("The Choice rule is nested too deeply")
    names = [name for name in rule if name in COMPARATORS or name in ("And", "Or", "Not")]
    if len(names) != 1:
        raise SyntaxFault("A Choice rule must have exactly one comparator")
    name = names[0]
    operand = rule[name]
    if name == "Not":
        return Not(_compile(operand, depth + 1))
    if name in ("And", "Or"):
        if not isinstance(operand, list) or not operand:
            raise SyntaxFault(f"The value for the field '{name}' must be an array of rules that is not empty")
        rules = tuple(_compile(inner, depth + 1) for inner in operand)
        return And(rules) if name == "And" else Or(rules)
    return _compile_test(rule, name, operand)


def _compile_test(rule: dict[str, Json], name: str, operand: Json) -> Rule:
    variable = rule.get("Variable")
    if not isinstance(variable, str):
        raise SyntaxFault("The field 'Variable' is required but was missing")
    path = compile_path(variable)
    comparator = COMPARATORS[name]
    if not _fits(comparator, operand):
        raise SyntaxFault(f"The value for the field '{name}' must be a {comparator.operand}")
    if isinstance(comparator, Presence):
        return Present(path, operand is True)
    if isinstance(comparator, Matching):
        return Like(path, _parts(str(operand)))
    if isinstance(comparator, Comparison) and comparator.operand == "path":
        return AgainstPath(path, comparator, compile_path(str(operand)))
    return Against(path, comparator, operand)


def _fits(comparator: Comparison | Check | Presence | Matching, operand: Json) -> bool:
    if isinstance(comparator, Comparison) and comparator.operand != "path":
        return comparator.key(operand) is not None
    return isinstance(operand, bool if comparator.operand == "boolean" else str)


def _parts(pattern: str) -> tuple[str, ...]:
    parts = [""]
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            parts.append("")
            continue
        if character == "\\":
            character = next(characters, "")
            if character not in ("*", "\\"):
                raise SyntaxFault("In StringMatches a backslash must be followed by '*' or a backslash")
        parts[-1] += character
    return tuple(parts)


def _refuse_opaque(path: Path, value: Json, scope: Scope) -> None:
    """Raises QueryError where a comparison would be one with the text that stands for a value."""
    if is_opaque(value, scope.opaque):
        raise QueryError(f"Invalid path '{path.text}': The choice state's condition cannot be tested: {REASON}.")


def _value(path: Path, scope: Scope) -> Json:
    value = path.find(scope)
    if value is MISSING:
        raise QueryError(f"Invalid path '{path.text}': The choice state's condition path references an invalid value.")
    return value
