"""What can be set about the engine. Times are milliseconds unless the name says seconds."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field


class EngineSettings(Struct, frozen=True):
    """`in_flight` bounds the tasks that are dispatched at once; more wait in the outbox, on disk. `timer_window` is how
    far ahead timers are held in memory. `idle_executions` is how many that merely wait stay in memory (see `Idle`).

    `express_executions` bounds the Express executions under way, `express_limit` the time that each of them may take,
    `express_log_bytes` what the logs of all of them may take in memory. `retention_days` after its end an execution
    goes with its history; 0 keeps it for ever.

    `transitions` is the bucket of state transitions, and what flows into it each second, where executions are to be
    held to AWS's pace.

    `sensitive` says by the name of a machine, or for `*`, what of the input is secret (`stepwell.vault.marks`).
    """

    in_flight: int = 1_000
    timer_window: int = 10_000
    idle_executions: int = 256
    express_executions: int = 1_000
    express_limit: int = 300_000  # AWS's quota
    express_log_bytes: int = 64 << 20
    retention_days: int = 90  # as AWS keeps a history
    transitions: tuple[int, int] | None = None
    sensitive: Mapping[str, str] = field(default_factory=dict)
