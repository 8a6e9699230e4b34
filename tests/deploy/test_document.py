"""What a template's text may be, and how a hostile one is kept in bounds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stepwell.deploy.document import MAX_DEPTH, read_document, read_text
from stepwell.deploy.faults import TemplateError


def told(text: str) -> str:
    with pytest.raises(TemplateError) as error:
        read_document(text, "template.yaml")
    return str(error.value)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("!Ref Name", {"Ref": "Name"}),
        ("!Condition IsProd", {"Condition": "IsProd"}),
        ("!GetAtt A.B.C", {"Fn::GetAtt": ["A", "B.C"]}),
        ("!GetAtt [A, B]", {"Fn::GetAtt": ["A", "B"]}),
        ("!Sub '${A}'", {"Fn::Sub": "${A}"}),
        ("!If [A, !Ref B, c]", {"Fn::If": ["A", {"Ref": "B"}, "c"]}),
        ("!Transform {Name: AWS::Include}", {"Fn::Transform": {"Name": "AWS::Include"}}),
    ],
)
def test_a_short_tag_is_its_long_form(short: str, long: object) -> None:
    assert read_document(f"value: {short}", "template.yaml") == {"value": long}


@pytest.mark.parametrize("text", ["2010-09-09", "12:30", "2001-12-14t21:59:43.10-05:00", "012345678999"])
def test_dates_and_times_stay_texts(text: str) -> None:
    assert read_document(f"value: {text}", "template.yaml") == {"value": text}


def test_other_scalars_are_those_of_yaml() -> None:
    assert read_document("[1, -2.5, true, no, null, ~, 0x10, '7', plain]", "t") == [
        *(1, -2.5, True, False, None, None, 16, "7", "plain"),
    ]


def test_json_is_read_with_and_without_tabs() -> None:
    assert read_document('{\n\t"Resources": {}\n}', "template.json") == {"Resources": {}}


def test_anchors_and_merges_work() -> None:
    text = "base: &base {a: 1, b: 2}\nown: {<<: *base, b: 3}\n"
    assert read_document(text, "t") == {"base": {"a": 1, "b": 2}, "own": {"a": 1, "b": 3}}


def test_of_a_key_that_is_given_twice_the_last_one_counts_and_whoever_reads_is_told() -> None:
    twice: list[str] = []
    assert read_document("a: 1\nb: 2\na: 3\n", "t", twice=twice) == {"a": 3, "b": 2}
    assert twice == ["the key 'a' is given twice (line 3): the last one counts"]


def test_what_is_no_yaml_names_the_line() -> None:
    assert told("a: [1, 2\nb: 3\n").startswith("template.yaml, line 2: ")


def test_a_billion_laughs_are_refused() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert "aliases unfold to more than 1,000,000 values" in told("\n".join(lines))


def test_merges_that_multiply_are_refused() -> None:
    lines = ["m0: &m0 {a: 1, b: 2}"]
    lines += [f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    assert "aliases unfold to more than 1,000,000 values" in told("\n".join(lines))


def test_an_alias_inside_of_what_it_stands_for_is_refused() -> None:
    assert "recursive" in told("a: &a [*a]")


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 100_000])
def test_a_text_that_is_nested_too_deeply_is_refused(depth: int) -> None:
    assert "nested more than 200 levels deep" in told("[" * depth)


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system ['true']", "!!python/name:os.system"])
def test_no_text_makes_objects(text: str) -> None:
    assert "could not determine a constructor" in told(f"a: {text}")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"none\.yaml cannot be read: No such file or directory"):
        read_text(tmp_path / "none.yaml")


def test_a_template_without_resources_is_none(faults: Callable[..., str]) -> None:
    assert faults("Hello: world") == "it is no template: it must be an object with Resources."


def test_the_same_template_in_json_is_the_same(read: Callable[..., object]) -> None:
    resources = {"Worker": {"Type": "AWS::StepFunctions::Activity", "Properties": {"Name": "worker"}}}
    template = read(json.dumps({"Resources": resources}), name="template.json")
    assert template.activities == ("worker",)  # type: ignore[attr-defined]
