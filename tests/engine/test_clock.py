"""Time goes on, whatever happens to the machine's clock."""

from __future__ import annotations

from stepwell.engine.clock import SystemClock

SECOND = 1_000_000_000
YEAR = 365 * 24 * 3600 * SECOND


class Machine:
    """A machine's clocks, in nanoseconds; `pass_time` moves both, `set` the one on the wall."""

    def __init__(self) -> None:
        self.wall = 50 * YEAR
        self.monotonic = 7 * SECOND
        self.clock = SystemClock(lambda: self.wall, lambda: self.monotonic)

    def pass_time(self, seconds: float) -> None:
        self.wall += round(seconds * SECOND)
        self.monotonic += round(seconds * SECOND)

    def sleep(self, seconds: float) -> None:
        """A suspended machine: its monotonic clock stands still."""
        self.wall += round(seconds * SECOND)


def test_the_time_is_that_of_the_machine() -> None:
    machine = Machine()
    machine.pass_time(12.5)
    assert machine.clock.now() == machine.wall // 1_000_000


def test_a_clock_that_is_set_back_holds_up_nothing() -> None:
    machine = Machine()
    before = machine.clock.now()
    machine.wall -= YEAR
    machine.pass_time(10)
    assert machine.clock.now() - before == 10_000
    machine.pass_time(5)
    assert machine.clock.now() - before == 15_000


def test_a_clock_that_is_set_forward_is_followed() -> None:
    machine = Machine()
    machine.wall += YEAR
    assert machine.clock.now() == machine.wall // 1_000_000


def test_what_the_store_has_seen_is_past() -> None:
    machine = Machine()
    seen = machine.clock.now()
    machine.wall -= YEAR
    after_a_restart = SystemClock(lambda: machine.wall, lambda: machine.monotonic)
    after_a_restart.not_before(seen)
    assert after_a_restart.now() == seen
    machine.pass_time(10)
    assert after_a_restart.now() == seen + 10_000


def test_what_fell_due_while_the_machine_slept_is_due() -> None:
    machine = Machine()
    before = machine.clock.now()
    machine.sleep(3600)
    assert machine.clock.now() - before == 3_600_000


def test_the_machine_is_followed_again_once_it_has_caught_up() -> None:
    machine = Machine()
    machine.wall -= 60 * SECOND
    machine.clock.now()
    machine.wall += 90 * SECOND
    assert machine.clock.now() == machine.wall // 1_000_000


def test_a_small_correction_stops_the_clock_until_it_is_made_up_for() -> None:
    machine = Machine()
    before = machine.clock.now()
    machine.wall -= SECOND // 2
    machine.pass_time(0.25)
    assert machine.clock.now() == before
    machine.pass_time(0.75)
    assert machine.clock.now() - before == 500
