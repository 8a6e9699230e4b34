"""Work in a copy of this process: what it changes in memory is gone with it.

Rules that must stay true here:
- The copy tells its result or what it has raised, and ends; nothing else of this process goes on in it.
- Where there is no `fork`, the work is done here.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

from stepwell.testing.mocks import TestFault

T = TypeVar("T")


def in_a_copy(work: Callable[[], T]) -> T:
    """What the work answers. Raises what it raises, and TestFault where the copy has ended by itself."""
    if not hasattr(os, "fork"):
        return work()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    read, write = os.pipe()
    copy = os.fork()
    if copy == 0:
        os.close(read)
        _answer(work, write)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        told = answer.read()
    _, status = os.waitpid(copy, 0)
    if not told:
        code = os.waitstatus_to_exitcode(status)
        raise TestFault(f"The process that a run had to itself has ended with {code}: has a handler ended it?")
    result, error = pickle.loads(told)  # noqa: S301  # our own, through a pipe of our own
    if error is not None:
        raise error
    answered: T = result
    return answered


def _answer(work: Callable[[], object], write: int) -> NoReturn:
    """Do the work, tell what has come of it, and end."""
    try:
        try:
            told = pickle.dumps((work(), None))
        except BaseException as error:
            told = _raised(error)
        with os.fdopen(write, "wb") as answer:
            answer.write(told)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(0)


def _raised(error: BaseException) -> bytes:
    try:
        told = pickle.dumps((None, error))
        pickle.loads(told)  # noqa: S301  # an exception may not bear it
    except Exception:
        return pickle.dumps((None, TestFault(f"{type(error).__name__}: {error}")))
    return told
