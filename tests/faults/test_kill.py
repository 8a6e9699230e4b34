"""kill -9 at random moments: nothing acknowledged is lost, nothing happens twice, no handler outlives its server.

Many executions are under way, in every kind of waiting that there is, while the server's own process is killed and
started again on the same file, over and over; what has ended is made up for by new ones. `make test` runs the short
form, `make kill` the long one, with 20 kills or `KILLS=1000`. The moments come from a seed, which is printed: `make
kill SEED=n` takes the same ones (what falls into them is up to the machine).
"""

from __future__ import annotations

import itertools
import json
import os
import random
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stepwell.commands.endpoint import Endpoint
from tests import server
from tests.faults import journal, processes
from tests.faults.crowd import Crowd, Traveller
from tests.faults.soundness import faults

LONG = os.environ.get("STEPWELL_KILL") == "long"
AT_ONCE, KILLS, LAPS = (200, 20, 25) if LONG else (45, 4, 6)
KILLS = int(os.environ.get("STEPWELL_KILLS") or KILLS)
SEED = int(os.environ.get("STEPWELL_KILL_SEED") or random.SystemRandom().randrange(1_000_000))
LIFE = 2.5 if KILLS <= 20 else 1.0  # seconds that a server lives at most: where there are many, few are long
PATIENCE = 300 if LONG else 120  # seconds in which all must have ended

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find processes"),
    pytest.mark.timeout(180 + 2 * PATIENCE + 10 * KILLS),
]


def travellers() -> Iterator[Traveller]:
    """As many as are asked for."""
    kinds = ("succeeds", "succeeds", "fails", "succeeds", "aborted")
    return (Traveller(n, kinds[n % 5], n % 7 == 0, LAPS) for n in itertools.count())


@contextmanager
def running(*threads: threading.Thread) -> Iterator[None]:
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join(PATIENCE)


def test_kill_9_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    print(f"\nseed {SEED}: {AT_ONCE} executions at once, {KILLS} kills")
    moments, mark = random.Random(SEED), uuid.uuid4().hex
    written = tmp_path / "journal"
    environment = {journal.VARIABLE: str(written), processes.MARK: mark}
    kills: list[float] = []
    born: dict[str, int] = {}

    def start(port: int = 0) -> server.Server:
        return server.start(tmp_path, ["tests.faults.app:app"], port=port, environment=environment)

    alive = start()
    crowd = Crowd(alive.port, written)
    coming = travellers()

    def to_be_stopped() -> list[str]:
        """Those that nobody else ends, at any moment of their lives."""
        for arn in list(crowd.acknowledged):
            born.setdefault(arn, len(kills))
        return [
            arn
            for arn, who in list(crowd.acknowledged.items())
            if who.kind == "aborted" and (len(kills) == KILLS or len(kills) - born.get(arn, KILLS) > who.n % 3)
        ]

    try:
        with running(
            threading.Thread(target=crowd.answer, daemon=True),
            threading.Thread(target=crowd.stop, args=(to_be_stopped,), daemon=True),
        ):
            try:
                crowd.start(itertools.islice(coming, AT_ONCE))
                with running(threading.Thread(target=crowd.keep_up, args=(AT_ONCE, coming), daemon=True)):
                    for number in range(KILLS):
                        time.sleep(moments.uniform(0.05, LIFE))
                        alive.kill()
                        processes.all_end(mark)
                        kills.append(time.monotonic())
                        alive = start(crowd.port)
                        print(f"kill {number + 1}: {len(crowd.acknowledged)} started, {alive.seconds_to_listen:.2f} s")
                    kills_over = time.monotonic()
                    crowd.enough.set()
                found = wait_for_the_end(crowd)
                print(f"all ended {time.monotonic() - kills_over:.1f} s after the last kill")
            finally:
                crowd.over.set()
        assert alive.terminate() == 0
        processes.all_end(mark)
    finally:
        crowd.over.set()
        if alive.process.poll() is None:
            alive.kill()

    assert crowd.refused == []
    assert sorted(who.n for who in crowd.acknowledged.values()) == list(range(len(crowd.acknowledged)))
    runs = journal.runs(written)
    print(f"{len(crowd.acknowledged)} executions were acknowledged, none is lost")
    print(f"{len(runs)} tasks, {sum(len(of_key) > 1 for of_key in runs.values())} of them run again after a kill")
    for arn, who in crowd.acknowledged.items():
        execution, events = found[arn]
        check_end(who, execution)
        assert faults(events, execution["status"]) == [], arn
        check_runs(arn, events, runs)
    check_same_ways(crowd, found)
    check_no_two_at_once(runs, kills)


def wait_for_the_end(crowd: Crowd) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Every execution that was acknowledged, as it ended, with its history."""
    endpoint = Endpoint(f"http://127.0.0.1:{crowd.port}")
    found: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
    deadline = time.monotonic() + PATIENCE
    while len(found) < len(crowd.acknowledged):
        for arn in [arn for arn in list(crowd.acknowledged) if arn not in found]:
            execution = endpoint.call("DescribeExecution", executionArn=arn)
            if execution["status"] != "RUNNING":
                found[arn] = execution, list(endpoint.pages("GetExecutionHistory", "events", executionArn=arn))
        missing = [who.name for arn, who in crowd.acknowledged.items() if arn not in found]
        assert time.monotonic() < deadline, f"still running: {missing}"
        time.sleep(0.2)
    return found


def check_end(who: Traveller, execution: dict[str, Any]) -> None:
    status = {"succeeds": "SUCCEEDED", "fails": "FAILED", "aborted": "ABORTED"}[who.kind]
    assert (who.name, execution["status"]) == (who.name, status), json.dumps(execution)
    assert json.loads(execution["input"]) == who.input
    if who.kind == "fails":
        assert (execution["error"], execution["cause"]) == ("Wanted", f"number {who.n}")
    elif who.kind == "aborted":
        assert (execution["error"], execution["cause"]) == ("Enough", "of it")
    else:
        output = json.loads(execution["output"])
        assert ("late" in output) == who.stuck
        output.pop("late", None)
        assert output == {
            **who.input,
            "flaky": {"retry": 2},
            "fan": ["rested", who.n, who.kind],
            "each": who.input["items"],
            "answer": {"answered": who.n},
            "count": {"lap": who.laps},
            "check": {"n": who.laps},
        }


def check_runs(arn: str, events: list[dict[str, Any]], runs: dict[str, list[journal.Run]]) -> None:
    """What the history says was done has been done at least once, and the result that counted is one of those runs'."""
    for event in events:
        if event["type"] == "LambdaFunctionSucceeded":
            scheduled = events[event["previousEventId"] - 1]["previousEventId"]
            run = json.loads(event["lambdaFunctionSucceededEventDetails"]["output"])["run"]
            assert run in [one.name for one in runs[f"{arn}:{scheduled}"]]
        if event["type"] == "LambdaFunctionFailed":
            scheduled = events[event["previousEventId"] - 1]["previousEventId"]
            assert runs[f"{arn}:{scheduled}"]
    scheduled_keys = {f"{arn}:{event['id']}" for event in events if event["type"].endswith("Scheduled")}
    assert {key for key in runs if key.startswith(f"{arn}:")} <= scheduled_keys, "a handler ran that nobody scheduled"


def check_same_ways(crowd: Crowd, found: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]) -> None:
    """Executions of one kind have gone through the same states as often as each other: none was carried out twice."""
    ways: dict[tuple[str, bool], dict[str, Counter[str]]] = {}
    for arn, who in crowd.acknowledged.items():
        if who.kind != "aborted":
            counts = Counter(str(event["type"]) for event in found[arn][1])
            del counts["TaskSubmitted"]  # not written where the answer to a callback overtakes what asked for it
            ways.setdefault((who.kind, who.stuck), {})[arn] = counts
    for (_, stuck), of_kind in ways.items():
        (usual, _), *_ = Counter(tuple(sorted(counts.items())) for counts in of_kind.values()).most_common()
        assert dict(usual)["LambdaFunctionScheduled"] == 3 + 1 + 3 + LAPS + stuck
        for arn, counts in of_kind.items():
            more, less = counts - Counter(dict(usual)), Counter(dict(usual)) - counts
            assert not more, f"{arn} has more than others: {more}, less: {less}"
            assert not less, f"{arn} has less than others: {less}"


def check_no_two_at_once(runs: dict[str, list[journal.Run]], kills: list[float]) -> None:
    """A second run of a task begins only after the first has ended, or after its process was killed with the server."""
    for key, of_key in runs.items():
        for one, next_one in itertools.pairwise(of_key):
            ended = one.ended is not None and one.ended <= next_one.began
            killed = any(one.began <= kill <= next_one.began for kill in kills)
            assert ended or killed, f"{key}: {one} and {next_one} ran at once"
