"""Definitions that people run on AWS run here, along every way that can be found through them.

Their tasks are mocks that answer what the definition reads and what its Choice rules ask for (see `explorer`), so that
every definition with a Choice takes at least two ways out of it. The processor of a distributed Map is explored as the
machine that it is. The samples are not part of the repository: see `tests/language/test_sample_definitions.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.language.test_sample_definitions import REFUSED, SAMPLES, filled
from tests.machine.explorer import Explorer, programs

RUNNABLE = [sample for sample in SAMPLES if sample.name not in REFUSED]
ONE_WAY = {
    # What the rule tests is computed by an intrinsic function, and no longer tells where it comes from.
    "app-control-concurrency-with-dynamodb-tf-statemachines-dynamodb-semaphore-cleanfromincomplete.asl.json",
    "app-control-concurrency-with-dynamodb-tf-statemachines-statemachine.asl.json",
    "inventory-management-sam-statemachine-reserve-stock-statemachine.asl.json",
    "sam-app-control-concurrency-with-dynamodb-statemachines-dynamodb-semaphore-cleanfromincomplete.asl.json",
    "sam-app-control-concurrency-with-dynamodb-statemachines-dynamodb-semaphore.asl.json",
    # Likewise by an expression of JSONata, and out of a text that holds JSON.
    "distributed-data-stream-aggregator-statemachine-statemachine.asl.json",
    "parallel-agent-early-stopping-statemachine-main.asl.json",
}


@pytest.mark.skipif(not SAMPLES, reason="no sample definitions are at hand")
@pytest.mark.parametrize("sample", RUNNABLE, ids=lambda sample: sample.name)
def test_a_sample_runs_soundly_by_two_ways_at_least_where_it_has_a_choice(sample: Path) -> None:
    for definition, program in programs(filled(sample)):
        found = Explorer(definition, program).explore()
        assert found.runs
        assert found.entered
        if found.choices and sample.name not in ONE_WAY:
            assert len(found.taken) >= 2
            assert len(found.paths) >= 2


@pytest.mark.skipif(not SAMPLES, reason="no sample definitions are at hand")
def test_few_samples_keep_a_way_to_themselves() -> None:
    assert {sample.name for sample in SAMPLES} >= ONE_WAY
    assert len(ONE_WAY) * 10 <= len(RUNNABLE)
