"""How samples of stacks become shares of rooms."""

from __future__ import annotations

from collections import Counter

from benchmarks.profile import by_module, modules, rooms

STACKS = [
    "<module> (stepwell/__main__.py:3);serve (stepwell/serve.py:80);data_received (uvicorn/protocols/http.py:9);"
    "answer (stepwell/api/endpoint.py:12);dumps (orjson/__init__.py:3) 6",
    "<module> (stepwell/__main__.py:3);serve (stepwell/serve.py:80);data_received (uvicorn/protocols/http.py:9) 2",
    "<module> (stepwell/__main__.py:3);serve (stepwell/serve.py:80);run (asyncio/runners.py:100) 1",
    "_bootstrap (threading.py:1002);serve (.venv/lib/stepwell/store/sqlite/writer.py:44) 1",
]


def test_a_sample_belongs_to_the_innermost_function_of_our_own() -> None:
    assert by_module(STACKS) == {
        "stepwell/api/endpoint.py": 6,
        "the HTTP server": 2,
        "the event loop": 1,
        "stepwell/store/sqlite/writer.py": 1,
    }


def test_rooms_are_told_by_their_shares_and_the_largest_first() -> None:
    lines = rooms({"flood": by_module(STACKS)}, 0.1).splitlines()
    assert lines[2] == "| `api/` | 60 % |"
    assert "| `store/` | 10 % |" in lines
    assert lines[-1] == "| the interpreter is busy | 50 % |"


def test_modules_are_told_in_one_line_a_load() -> None:
    counts = Counter({"stepwell/api/endpoint.py": 3, "the event loop": 1})
    assert modules({"flood": counts}) == "- flood: api/endpoint.py 75 %, the event loop 25 %"
