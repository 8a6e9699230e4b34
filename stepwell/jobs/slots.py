"""Who may run: the bounds of a job type, and what runs now.

Rules that must stay true here:
- What is in memory is bounded by what runs; jobs that wait are rows.
- A slot is taken before the job is handed over, and given back once: when it has ended, or was not handed over.
"""

from __future__ import annotations

from collections import Counter

from stepwell.jobs.declaration import JobType


class Slots:
    """The slots of one job type."""

    def __init__(self, job: JobType) -> None:
        self._job = job
        self._running: dict[int, str | None] = {}
        self._of_group: Counter[str] = Counter()
        self.queued = 0  # how many jobs wait in the store
        self.begun: list[int] = []  # keys of those among them that were started, which is still to be noted

    @property
    def bounded(self) -> bool:
        return self._job.concurrency is not None or self._job.per_key is not None

    def free(self) -> int:
        """How many more jobs of the type may run, whatever their group; a page's worth where nothing bounds them."""
        bound = self._job.concurrency
        return 100 if bound is None else max(0, bound - len(self._running))

    def full_groups(self) -> list[str]:
        """The groups of which no further job may run."""
        bound = self._job.per_key
        return [] if bound is None else [group for group, count in self._of_group.items() if count >= bound]

    def may_run(self, group: str | None) -> bool:
        """Whether one more job of the group may run now."""
        bound = self._job.per_key
        return self.free() > 0 and (bound is None or group is None or self._of_group[group] < bound)

    def take(self, key: int, group: str | None) -> None:
        """A job is handed over, or was found running. Also where the bound is exceeded: it runs."""
        if self.bounded and key not in self._running:
            self._running[key] = group
            if group is not None:
                self._of_group[group] += 1

    def give_back(self, key: int) -> bool:
        """A job has ended; whether it held a slot."""
        if key not in self._running:
            return False
        group = self._running.pop(key)
        if group is not None:
            self._of_group[group] -= 1
            if not self._of_group[group]:
                del self._of_group[group]
        return True
