"""URL-encoded bodies."""

from __future__ import annotations

from typing import cast

import pytest

from stepwell.tasks.http.encoding import ArrayFormat, form_encoded


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ("INDICES", "a[0]=b&a[1]=c"),
        ("REPEAT", "a=b&a=c"),
        ("BRACKETS", "a[]=b&a[]=c"),
        ("COMMAS", "a=b%2Cc"),
    ],
)
def test_arrays_are_named_as_the_task_says(arrays: str, text: str) -> None:
    assert form_encoded({"a": ["b", "c"]}, cast(ArrayFormat, arrays)) == text


def test_objects_are_named_by_brackets_and_scalars_are_texts() -> None:
    given = {"a": {"b": {"c": 1}}, "yes": True, "none": None, "text": "x y&z=ü", "money": 1.5}
    assert form_encoded(given, "INDICES") == "a[b][c]=1&yes=true&none=&text=x+y%26z%3D%C3%BC&money=1.5"


def test_arrays_of_objects_go_on_below_their_place() -> None:
    assert form_encoded({"a": [{"b": 1}, {"b": [2]}]}, "INDICES") == "a[0][b]=1&a[1][b][0]=2"


def test_an_array_where_there_may_be_none_is_refused() -> None:
    with pytest.raises(ValueError, match="the array 'a'"):
        form_encoded({"a": [1]}, "NONE")


def test_only_an_object_can_be_encoded() -> None:
    with pytest.raises(ValueError, match="only an object"):
        form_encoded("text", "INDICES")
