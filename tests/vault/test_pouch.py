"""Values go out in place of references, and references stay in place of values that come back."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from stepwell.language.values import Json
from stepwell.vault.errors import CannotOpen
from stepwell.vault.pouch import Pouch, Secret
from stepwell.vault.reference import LENGTH, draw_brand, draw_id, reference

SECRETS = ["s3cr3t-Token.of/alice+bob==", 'quo"ted\\back\nline', "pässwörd ünïcode", "a" * 3000, "12345678"]


def pouch_of(*values: Json) -> tuple[Pouch, list[str]]:
    brand = draw_brand()
    secrets = {draw_id(): Secret(value, "$.x", 0) for value in values}
    return Pouch(brand, secrets), [reference(brand, id_) for id_ in secrets]


def test_references_are_random_and_of_one_length() -> None:
    _, first = pouch_of("a", "b" * 5000)
    _, second = pouch_of("a")
    assert len({*first, *second}) == 3
    assert {len(each) for each in (*first, *second)} == {LENGTH}


@pytest.mark.parametrize("value", [*SECRETS, 12345678901, 1.5, True, "short"])
def test_a_whole_reference_gives_the_value_with_its_type(value: Json) -> None:
    pouch, [ref] = pouch_of(value)
    assert json.loads(pouch.open(json.dumps({"a": [ref], "b": "x"}))) == {"a": [value], "b": "x"}


def test_a_reference_within_a_text_gives_the_value_there() -> None:
    pouch, [token, number] = pouch_of("tok", 42)
    assert json.loads(pouch.open(json.dumps(f"Bearer {token}, {number}"))) == "Bearer tok, 42"


def test_within_a_text_that_is_json_the_value_is_escaped_as_json_asks() -> None:
    pouch, [ref] = pouch_of('a"b\\')
    body = json.loads(pouch.open(json.dumps({"body": json.dumps({"password": ref})})))["body"]
    assert json.loads(body) == {"password": 'a"b\\'}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "encode",
    [
        str,
        json.dumps,
        lambda text: json.dumps(text, ensure_ascii=False),
        lambda text: json.dumps(json.dumps({"a": text})),
        lambda text: quote(text, safe=""),
        quote,
        quote_plus,
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
        lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
        lambda text: base64.b64encode(f"u:{text}:more".encode()).decode(),
        lambda text: base64.b64encode(f"us:{text}".encode()).decode(),
    ],
)
def test_what_comes_back_in_any_form_is_sealed_again_and_opens_to_what_it_was(secret: str, encode: object) -> None:
    pouch, _ = pouch_of(secret)
    echoed = encode(secret)  # type: ignore[operator]
    answer = json.dumps({"plain": echoed, f"key {echoed}": [f"<{echoed}>"], "kept": 1.50})
    sealed = pouch.sealed_json(answer)
    assert pouch.brand in sealed
    for form in (secret, echoed, json.dumps(secret)[1:-1], json.dumps(echoed)[1:-1]):
        assert form not in sealed
    assert json.loads(pouch.open(sealed)) == json.loads(answer)
    text = pouch.sealed_text(f"before {echoed} after")
    assert echoed not in text
    assert text.startswith("before ")
    assert text.endswith(" after")


def test_a_number_that_is_secret_is_found_as_a_number() -> None:
    pouch, [ref] = pouch_of(4111111111111111)
    assert json.loads(pouch.sealed_json('{"card": 4111111111111111, "n": 4}')) == {"card": ref, "n": 4}


def test_what_holds_no_value_stays_the_very_text() -> None:
    pouch, _ = pouch_of("s3cr3t-Token")
    assert pouch.sealed_json('{ "a" : 1.0, "b":"\\u00e9" }') == '{ "a" : 1.0, "b":"\\u00e9" }'


def test_a_value_of_fewer_than_8_bytes_is_not_searched_for() -> None:
    pouch, _ = pouch_of("1234567")
    assert pouch.sealed_json('"1234567"') == '"1234567"'


def test_the_longest_of_two_values_counts() -> None:
    pouch, [_, long] = pouch_of("abcdefgh", "abcdefghijkl")
    assert json.loads(pouch.sealed_json('"abcdefghijkl"')) == long


def test_values_that_overlap_a_false_beginning_are_found() -> None:
    pouch, [ref] = pouch_of("aaaaaaaaaaaaab")
    assert pouch.sealed_text("aaa" + "aaaaaaaaaaaaab") == "aaa" + ref


def test_a_value_that_was_replaced_is_still_found_and_opens_to_the_fresh_one() -> None:
    brand, id_ = draw_brand(), draw_id()
    pouch = Pouch(brand, {id_: Secret("first-token", "$.x", 0)})
    pouch.put(id_, Secret("second-token", "$.x", 0))
    sealed = pouch.sealed_json('["first-token","second-token"]')
    assert json.loads(sealed) == [reference(brand, id_)] * 2
    assert json.loads(pouch.open(sealed)) == ["second-token"] * 2


def test_references_of_others_are_ordinary_texts() -> None:
    pouch, _ = pouch_of("s3cr3t-Token")
    _, [foreign] = pouch_of("other")
    text = json.dumps([foreign, "sealed-", "sealed-abc-def"])
    assert pouch.open(text) == text
    assert pouch.sealed_json(text) == text


@pytest.mark.parametrize(
    "damage",
    [
        lambda ref: ref[:-1],
        lambda ref: ref[:20],
        lambda ref: ref[10:],
        str.upper,
        lambda ref: base64.b64encode(f"user:{ref}".encode()).decode(),
        lambda ref: ref.replace("sealed", "opened"),
    ],
)
def test_a_damaged_reference_is_refused(damage: object) -> None:
    pouch, [ref] = pouch_of("s3cr3t-Token")
    with pytest.raises(CannotOpen, match="damaged"):
        pouch.open(json.dumps({"a": damage(ref)}))  # type: ignore[operator]


def test_a_reference_without_a_value_is_refused() -> None:
    pouch, _ = pouch_of("s3cr3t-Token")
    with pytest.raises(CannotOpen, match="not there"):
        pouch.open(json.dumps(reference(pouch.brand, draw_id())))


def test_a_reference_that_comes_from_outside_means_nothing() -> None:
    pouch, [ref] = pouch_of("s3cr3t-Token")
    sealed = pouch.sealed_json(json.dumps({"a": ref}))
    assert ref not in sealed
    assert "s3cr3t-Token" not in pouch.open(sealed)


def test_a_secret_does_not_show_itself() -> None:
    assert "s3cr3t" not in repr(Secret("s3cr3t-Token", "$.x", 0))
