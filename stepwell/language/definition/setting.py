"""What holds for all the states of a program, and for one state before its own fields are read.

Rules that must stay true here:
- A state takes its query language from itself or else from the machine, never from the Map or Parallel around it.
- A machine that says JSONata as a whole has no JSONPath state; the other way round is fine.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from stepwell.language.definition.legal import JSONATA, JSONPATH, QUERY_LANGUAGES, QueryLanguage
from stepwell.language.definition.node import Node
from stepwell.language.model import DataFlow

MachineType: TypeAlias = Literal["STANDARD", "EXPRESS"]


class Setting(Struct, frozen=True):
    """`language` is the machine's; `express` says whether the program runs as an Express workflow."""

    language: QueryLanguage
    express: bool


class Common(Struct, frozen=True):
    """What all states share."""

    name: str
    language: QueryLanguage
    flow: DataFlow
    next: str | None
    comment: str | None


def read_language(node: Node, default: QueryLanguage) -> QueryLanguage:
    """The QueryLanguage of a machine or a state; `default` where it says none."""
    said = node.one_of("QueryLanguage", QUERY_LANGUAGES)
    return default if said is None else JSONATA if said == JSONATA else JSONPATH


def read_state_language(node: Node, setting: Setting) -> QueryLanguage:
    """The query language of a state."""
    language = read_language(node, setting.language)
    if language == JSONPATH and setting.language == JSONATA:
        node.fault("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
    return language
