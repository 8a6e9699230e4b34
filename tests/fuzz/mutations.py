"""Bad input made of good: parts cut out, doubled, moved, exchanged, and words of the language put in.

Rules that must stay true here:
- The same seed gives the same inputs, in every process.
- An input has at most `LARGEST` bytes: what size alone does is asked by the tests of hostile input.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final

LARGEST: Final = 4_096

ODD: Final = (
    *(b"", b"\x00", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"\xf0\x9f\x98\x80"),
    *(b"0", b"-1", b"-0", b"1e999", b"1e-999", b"9223372036854775808", b"9" * 40, b"0.1e1", b"NaN", b"Infinity"),
    *(b"true", b"null", b'""', b"{}", b"[]", b"\\", b"\\ud800", b"\\u0000", b"'", b'"', b"\n", b"\r\n", b"\t", b" "),
    *(b"(", b")", b"[", b"]", b"{", b"}", b",", b":", b".", b"..", b"*", b"$", b"@", b"%", b"%s", b"../", b"//"),
    *(b"((((((((", b"[[[[[[[[", b"{{{{{{{{", b"a" * 100, b"\xc2\xb2", b"\xd9\xa3", b"\xe2\x91\xa0", b"\xc4\xb0"),
)
"""What is odd in any language: no UTF-8, signs that look like others, digits that are none, numbers out of range."""


def mutations(seed: str, seeds: Sequence[bytes], words: Sequence[bytes]) -> Iterator[bytes]:
    """Inputs without end; `words` are put in more often than what is odd everywhere."""
    random = Random(seed)
    known = list(seeds) or [b""]
    trees = [json.dumps(tree) for tree in map(_tree, known) if tree is not None]
    vocabulary = [*words, *words, *ODD] if words else list(ODD)
    while True:
        if trees and random.random() < 0.5:
            yield _branched(random, trees, vocabulary)
            continue
        data = bytearray(random.choice(known)) if random.random() < 0.95 else bytearray()
        for _ in range(1 + int(random.expovariate(0.6))):
            random.choice(_CHANGES)(random, data, vocabulary, known)
        yield bytes(data[:LARGEST])


# -- what is JSON is changed as such, too: what is refused for its signs never gets as far as its meaning


def _tree(data: bytes) -> Any:
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict | list) and found else None


def _branched(random: Random, trees: Sequence[str], words: Sequence[bytes]) -> bytes:
    """A document with some of its values exchanged, taken away, renamed, moved or wrapped."""
    document = json.loads(random.choice(trees))  # several times as quick as a deep copy
    for _ in range(1 + int(random.expovariate(0.7))):
        places = list(_places(document))
        if not places:
            break
        holder, key = random.choice(places)
        match random.randrange(7):
            case 0 | 1:
                holder[key] = _value(random, words)
            case 2:
                del holder[key]
            case 3 if isinstance(holder, dict):
                holder[_word(random, words)] = holder.pop(key)
            case 4:
                other, place = random.choice(list(_places(json.loads(random.choice(trees)))))
                holder[key] = other[place]
            case 5:
                holder[key] = random.choice(([holder[key]], {"a": holder[key]}, [holder[key]] * 3))
            case _ if isinstance(holder[key], str):
                at = random.randrange(len(holder[key]) + 1)
                holder[key] = holder[key][:at] + _word(random, words) + holder[key][at + random.randrange(4) :]
    return json.dumps(document, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")[:LARGEST]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _word(random: Random, words: Sequence[bytes]) -> str:
    return random.choice(words).decode("utf-8", "replace").strip('":')


def _value(random: Random, words: Sequence[bytes]) -> Any:
    plain = (None, True, 0, -1, 1, 2.5, 10**30, 1e300, 99_999_999, "", [], {}, [[]], {"": None})
    return random.choice(plain) if random.random() < 0.6 else _word(random, words)


# -- any text


_Change = Callable[[Random, bytearray, Sequence[bytes], Sequence[bytes]], None]


def _part(random: Random, data: bytearray | bytes) -> tuple[int, int]:
    """The ends of a part, a short one more often than a long one."""
    begin = random.randrange(len(data) + 1)
    return begin, min(len(data), begin + int(random.expovariate(1 / 8)))


def _put_in(random: Random, data: bytearray, words: Sequence[bytes], _: Sequence[bytes]) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = random.choice(words)


def _exchange(random: Random, data: bytearray, words: Sequence[bytes], _: Sequence[bytes]) -> None:
    begin, end = _part(random, data)
    data[begin:end] = random.choice(words)


def _cut_out(random: Random, data: bytearray, *_: Sequence[bytes]) -> None:
    begin, end = _part(random, data)
    del data[begin:end]


def _double(random: Random, data: bytearray, *_: Sequence[bytes]) -> None:
    begin, end = _part(random, data)
    data[begin:begin] = data[begin:end] * random.choice((1, 1, 2, 30))


def _move(random: Random, data: bytearray, *_: Sequence[bytes]) -> None:
    begin, end = _part(random, data)
    part = data[begin:end]
    del data[begin:end]
    at = random.randrange(len(data) + 1)
    data[at:at] = part


def _change_byte(random: Random, data: bytearray, *_: Sequence[bytes]) -> None:
    if data:
        data[random.randrange(len(data))] = random.randrange(256)


def _graft(random: Random, data: bytearray, _: Sequence[bytes], known: Sequence[bytes]) -> None:
    """A part of another input."""
    other = random.choice(known)
    first, last = _part(random, other)
    begin, end = _part(random, data)
    data[begin:end] = other[first:last]


def _end_early(random: Random, data: bytearray, *_: Sequence[bytes]) -> None:
    del data[random.randrange(len(data) + 1) :]


_CHANGES: Final[tuple[_Change, ...]] = (
    _put_in,
    _put_in,
    _exchange,
    _exchange,
    _exchange,
    _cut_out,
    _double,
    _move,
    _change_byte,
    _graft,
    _graft,
    _end_early,
)
