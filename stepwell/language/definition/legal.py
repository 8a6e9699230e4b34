"""Which fields a state may have: by its type and by its query language.

Rules that must stay true here:
- The tables say what the language specification says ("State Types", table of fields); a check of a value is elsewhere.
- A field that only the other query language knows is told apart from one that no state of this type has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from stepwell.language.definition.node import Node

QueryLanguage: TypeAlias = Literal["JSONPath", "JSONata"]
JSONPATH: Final = "JSONPath"
JSONATA: Final = "JSONata"
QUERY_LANGUAGES: Final[tuple[QueryLanguage, ...]] = (JSONPATH, JSONATA)


class Legal(Struct, frozen=True):
    """The fields of one type of state: those of both query languages, and those of one only."""

    shared: frozenset[str]
    jsonpath: frozenset[str]
    jsonata: frozenset[str]


def _legal(shared: str, jsonpath: str = "", jsonata: str = "") -> Legal:
    every = "Type Comment QueryLanguage " + shared
    return Legal(frozenset(every.split()), frozenset(jsonpath.split()), frozenset(jsonata.split()))


_IN_OUT: Final = "InputPath OutputPath "

LEGAL_FIELDS: Final[Mapping[str, Legal]] = {
    "Task": _legal(
        "Next End Assign Retry Catch Resource Credentials TimeoutSeconds HeartbeatSeconds",
        _IN_OUT + "Parameters ResultSelector ResultPath TimeoutSecondsPath HeartbeatSecondsPath",
        "Arguments Output",
    ),
    "Wait": _legal("Next End Assign Seconds Timestamp", _IN_OUT + "SecondsPath TimestampPath", "Output"),
    "Pass": _legal("Next End Assign", _IN_OUT + "Parameters Result ResultPath", "Output"),
    "Succeed": _legal("", _IN_OUT, "Output"),
    "Fail": _legal("Error Cause", "ErrorPath CausePath"),
    "Choice": _legal("Assign Choices Default", _IN_OUT, "Output"),
    "Parallel": _legal(
        "Next End Assign Retry Catch Branches", _IN_OUT + "Parameters ResultSelector ResultPath", "Arguments Output"
    ),
    "Map": _legal(
        "Next End Assign Retry Catch ItemProcessor Iterator ItemSelector MaxConcurrency ItemReader ItemBatcher"
        " ResultWriter Label ToleratedFailurePercentage ToleratedFailureCount",
        _IN_OUT + "Parameters ResultSelector ResultPath ItemsPath MaxConcurrencyPath ToleratedFailurePercentagePath"
        " ToleratedFailureCountPath",
        "Items Output",
    ),
}
"""Every type of state, in the order in which AWS lists them."""


def check_fields(node: Node, kind: str, language: QueryLanguage) -> None:
    """Reports the fields that a state of this type does not have in this query language."""
    legal = LEGAL_FIELDS[kind]
    own, other = (legal.jsonpath, legal.jsonata) if language == JSONPATH else (legal.jsonata, legal.jsonpath)
    for name in node.members:
        if name in legal.shared or name in own:
            continue
        if name in other:
            only = JSONATA if language == JSONPATH else JSONPATH
            node.fault(
                f"The QueryLanguage is set to '{language}', but field '{name}' is only supported for the '{only}'"
                " QueryLanguage"
            )
        else:
            node.fault(f"Field '{name}' is not supported")
