"""From the text of a template, or of a definition in YAML, to JSON values.

Rules that must stay true here:
- A short tag is its long form: `!Ref Name` is `{"Ref": "Name"}`, `!GetAtt A.B` is `{"Fn::GetAtt": ["A", "B"]}`.
- No text makes objects or runs code, and none grows: what aliases unfold to is bounded, and so is depth.
- Dates and sexagesimal numbers stay texts, as CloudFormation takes them: `Version: 2012-10-17`, `At: 12:30`.
- Of a key that is given twice the last one counts, as it does for those who deploy it; whoever reads is told.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final, cast

import yaml

from stepwell.deploy.faults import TemplateError
from stepwell.language.values import Json

MAX_BYTES: Final = 20_000_000  # CloudFormation takes 1 MB; a big assembly of CDK, indented, has more
MAX_DEPTH: Final = 200
MAX_NODES: Final = 1_000_000

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+", re.ASCII)
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    re.ASCII,
)


def read_text(path: Path, place: str = "") -> str:
    """The text of a file. Raises TemplateError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TemplateError(place, f"{path} has more than {MAX_BYTES:,} bytes.")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise TemplateError(place, f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise TemplateError(place, f"{path} is no UTF-8 text.") from error


def read_document(text: str, source: str, place: str = "", twice: list[str] | None = None) -> Json:
    """The value of a JSON or YAML text; `source` names it in messages. `twice` is filled with a sentence for each key
    that is given twice. Raises TemplateError."""
    if text.lstrip().startswith("{"):
        try:
            return cast("Json", json.loads(text, object_pairs_hook=_members))
        except (ValueError, RecursionError):
            pass  # YAML in braces, or a fault that YAML's reader tells as well
    try:
        _check_depth(text)
        loader = _TemplateLoader(text)
        value = cast("Json", loader.get_single_data())
        if twice is not None:
            twice += loader.twice
        _check_size(value, {})
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise TemplateError(place, f"{source}{where}: {error.problem or error.context}.") from error
    except yaml.YAMLError as error:
        raise TemplateError(place, f"{source} is neither JSON nor YAML: {error}.") from error
    except (RecursionError, ValueError, TypeError) as error:  # TypeError: a key that is a list, of a set, say
        raise TemplateError(place, f"{source} cannot be read: {error}.") from error
    return value


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")
    return members


_MOST_BITS: Final = 14_000  # Python writes 4,300 digits


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _check_size(value: Json, known: dict[int, int]) -> int:
    """The number of values that a document unfolds to. `known` are those counted by identity."""
    if not isinstance(value, dict | list):
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise ValueError("a number is too large to be written in digits")
        return 1
    found = known.get(id(value))
    if found is None:
        found = 1 + sum(_check_size(part, known) for part in (value.values() if isinstance(value, dict) else value))
        known[id(value)] = found
    if found > MAX_NODES:
        raise ValueError(f"its aliases unfold to more than {MAX_NODES:,} values")
    return found


class _TemplateLoader(_Loader):  # type: ignore[misc, valid-type]
    """YAML 1.1 as CloudFormation reads it."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's own form
        first: [
            (tag, {"int": _INTEGER, "float": _FLOAT}.get(tag.rpartition(":")[2], pattern))
            for tag, pattern in resolvers
            if not tag.endswith(":timestamp")
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _merged = 0

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.twice: list[str] = []

    def resolve(self, kind: type[yaml.Node], value: str, implicit: tuple[bool, bool]) -> str:
        # PyYAML matches the beginning only, for its own patterns end with `$`.
        if kind is yaml.ScalarNode and implicit[0]:
            first = value[:1]
            for tag, pattern in self.yaml_implicit_resolvers.get(first, []):
                if pattern.fullmatch(value):
                    return str(tag)
            return "tag:yaml.org,2002:str"
        return str(super().resolve(kind, value, implicit))

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        self._merged += len(node.value)
        if self._merged > MAX_NODES:
            raise ValueError(f"its aliases unfold to more than {MAX_NODES:,} values")

    def construct_members(self, node: yaml.MappingNode) -> dict[str, Json]:
        own: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a text", key.start_mark)
            if key.value in own and key.value != "<<":
                self.twice.append(
                    f"the key {key.value!r} is given twice (line {key.start_mark.line + 1}): the last one counts"
                )
            own.add(key.value)
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}

    def construct_function(self, suffix: str, node: yaml.Node) -> Json:
        if isinstance(node, yaml.ScalarNode):
            # `!Ref 123` and `!Sub 8080` name texts.
            argument: Json = str(node.value)
        elif isinstance(node, yaml.SequenceNode):
            argument = [self.construct_object(item, deep=True) for item in node.value]
        else:
            assert isinstance(node, yaml.MappingNode)
            argument = self.construct_members(node)
        if suffix == "GetAtt" and isinstance(argument, str):
            logical_id, _, attribute = argument.partition(".")
            argument = [logical_id, attribute]
        return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": argument}


_TemplateLoader.add_constructor("tag:yaml.org,2002:map", _TemplateLoader.construct_members)
_TemplateLoader.add_multi_constructor("!", _TemplateLoader.construct_function)
