"""What a usage costs, by AWS's own examples."""

from __future__ import annotations

from decimal import Decimal

from stepwell.cost.bill import bill
from stepwell.cost.usage import Calls, Usage


def test_the_poll_of_a_catalog_that_takes_35_minutes_costs_what_was_budgeted() -> None:
    """About $0.008 a catalog: 106 checks are 319 transitions; each check is a call of 200 ms with 128 MB."""
    made = bill(Usage(1, 319, functions={"CheckCatalogStatus": Calls(106, 106 * 200), "Update": Calls(1, 50)}), {})
    assert round(made.total, 3) == Decimal("0.008")
    assert [line.name for line in made.lines] == ["state transitions", "Lambda requests", "Lambda duration"]


def test_express_executions_cost_what_awss_example_says() -> None:
    """100 million workflows of 10 s with 64 MB are 62,500,000 GB-s; here without the tiers that make more cheaper."""
    made = bill(Usage(express_requests=100_000_000, express_mb_milliseconds=100_000_000 * 10_000 * 64), {})
    requests, duration = made.lines
    assert requests.cost == 100
    assert duration.used == 62_500_000


def test_lambda_costs_by_declared_memory_and_128_mb_without() -> None:
    """3 million calls of 1 s with 512 MB are 1,500,000 GB-s."""
    usage = Usage(functions={"Big": Calls(3_000_000, 3_000_000_000)})
    assert bill(usage, {"Big": 512}).lines[1].used == 1_500_000
    assert bill(usage, {}).lines[1].used == 375_000


def test_the_free_tier_is_taken_off_when_it_is_asked_for() -> None:
    usage = Usage(transitions=5_000, functions={"Big": Calls(3_000_000, 3_000_000_000)})
    assert [line.billed for line in bill(usage, {"Big": 512}, free_tier=True).lines] == [1_000, 2_000_000, 1_100_000]
    assert bill(Usage(transitions=10), {}, free_tier=True).total == 0


def test_nothing_costs_nothing() -> None:
    assert (bill(Usage(), {}).lines, bill(Usage(), {}).total) == ((), 0)
