"""What is fuzzed: a target takes bytes, and ends as it promises or has a fault.

Rules that must stay true here:
- An input is bytes, and the same bytes do the same thing in every process: they are all that a replay needs.
- A target ends by itself, or with one of the exceptions that it names, each with a message; anything else is a fault.
- No input takes more than `SECONDS` of the processor's time. To ask for that costs as much as a small input, so it is
  asked only of an input that took as long by the clock, which is tried once more.
- Where inputs come from is decided by a number, the seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fuzz.mutations import mutations

SECONDS: Final = 2.0
CORPUS: Final = Path(__file__).parent / "corpus"

Check = Callable[[bytes], object]


class Fault(AssertionError):
    """An input has done what none may do; the message says what."""


@dataclass(frozen=True)
class Target:
    """`refusals` are the exceptions that tell of bad input. `seeds` are good inputs, `words` what they are made of.

    `short` inputs are tried with every run of the tests; `weight` is the share of a long run, in inputs, where 1 is
    that of a target whose inputs take less than a tenth of a millisecond. `guided` says that what atheris learns from
    the lines that run is of use: the work is done in Python. `make` makes inputs of a seed where they are not mutations
    of `seeds`.
    """

    name: str
    check: Check
    refusals: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...]
    short: int = 300
    weight: float = 1.0
    guided: bool = True
    make: Callable[[int], Iterator[bytes]] | None = None

    def inputs(self, seed: int) -> Iterator[bytes]:
        """Inputs without end: the good ones, those that were once a fault, and then what is made of both."""
        known = (*self.seeds, *self.corpus())
        yield from known
        if self.make is not None:
            yield from self.make(seed)
        yield from mutations(f"{self.name} {seed}", known, self.words)

    def corpus(self) -> list[bytes]:
        """The inputs that are kept because they were a fault once."""
        return [path.read_bytes() for path in sorted((CORPUS / self.name).glob("*")) if path.is_file()]

    def try_one(self, data: bytes) -> None:
        """Raises Fault."""
        began = time.perf_counter()
        self._outcome(data)
        if time.perf_counter() - began > SECONDS:
            began = time.thread_time()
            self._outcome(data)
            took = time.thread_time() - began
            if took > SECONDS:
                raise Fault(f"it took {took:.1f} s of the processor")

    def _outcome(self, data: bytes) -> None:
        try:
            self.check(data)
        except self.refusals as refusal:
            if not str(refusal).strip():
                raise Fault(f"{type(refusal).__name__} has no message") from refusal
        except Fault:
            raise
        except Exception as error:
            raise Fault(f"{type(error).__name__}: {str(error)[:300]}") from error


def text_of(data: bytes) -> str:
    """The text of an input: any bytes are one, with lone surrogates where they are no UTF-8."""
    return data.decode("utf-8", "surrogateescape")
