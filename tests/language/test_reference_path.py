"""Where ResultPath puts a result."""

from __future__ import annotations

import pytest

from stepwell.language.errors import QueryError, SyntaxFault
from stepwell.language.reference_path import compile_reference_path
from stepwell.language.values import Json, dumps


@pytest.mark.parametrize(
    ("path", "document", "expected"),
    [
        ("$", {"a": 1}, "new"),
        ("$.a", {"a": 1, "b": 2}, {"a": "new", "b": 2}),
        ("$.c", {"a": 1}, {"a": 1, "c": "new"}),
        ("$.x.y.z", {"a": 1}, {"a": 1, "x": {"y": {"z": "new"}}}),
        ("$['a b'][\"c\"]", {"a b": {}}, {"a b": {"c": "new"}}),
        ("$.list[1].n", {"list": [0, {"m": 1}]}, {"list": [0, {"m": 1, "n": "new"}]}),
        ("$[0]", [1, 2], ["new", 2]),
    ],
)
def test_a_result_is_put_at_its_path(path: str, document: Json, expected: Json) -> None:
    before = dumps(document)
    assert compile_reference_path(path).put(document, "new") == expected
    assert dumps(document) == before


def test_what_is_not_on_the_way_is_shared() -> None:
    document: Json = {"a": {"b": 1}, "big": [1, 2]}
    assert compile_reference_path("$.a.c").put(document, 3)["big"] is document["big"]  # type: ignore[call-overload, index]


@pytest.mark.parametrize(
    ("path", "document"),
    [("$.a", "text"), ("$.a", None), ("$.a", [1]), ("$.a.b", {"a": 1}), ("$.a[0]", {}), ("$.a[2]", {"a": [1, 2]})],
)
def test_what_cannot_be_put_fails(path: str, document: Json) -> None:
    with pytest.raises(QueryError) as failure:
        compile_reference_path(path).put(document, 1)
    assert failure.value.error == "States.ResultPathMatchFailure"
    assert failure.value.cause == f"Unable to apply ReferencePath {path} to input {dumps(document)}"


@pytest.mark.parametrize(
    "text",
    ["", "a", "$$", "$$.a", "$x", "$.a[*]", "$..a", "$[1:2]", "$['a','b']", "$[-1]", "$.a.length()", "$[?(@.a)]"],
)
def test_only_names_and_indexes_make_a_reference_path(text: str) -> None:
    with pytest.raises(SyntaxFault):
        compile_reference_path(text)


def test_a_long_path_is_no_deep_recursion() -> None:
    assert compile_reference_path("$" + ".a" * 50_000).put({}, 1)
