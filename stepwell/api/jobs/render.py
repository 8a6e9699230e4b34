"""A job as JSON.

Rules that must stay true here:
- Times are whole Unix seconds. Inputs and outputs are the very texts that they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from stepwell.jobs.job import ENDED, failure_of, status_of, updated_at
from stepwell.store.jobs import JobRow

_LONGEST: Final = 30  # seconds


def job_body(row: JobRow, position: int | None = None, shown: Sequence[str] = ()) -> dict[str, Any]:
    """What `GET /jobs/{id}` answers; a member that does not apply is not there. `shown`: see `JobType`."""
    body: dict[str, Any] = {
        "job_id": row.new.id,
        "job_type": row.new.type,
        "status": status_of(row),
        "created_at": row.new.created_at // 1000,
        "updated_at": updated_at(row) // 1000,
        "expires_at": row.new.expires_at // 1000,
    }
    if row.new.group is not None:
        body["key"] = row.new.group
    if position is not None:
        body["position"] = position
    if row.fraction is not None:
        body["progress"] = progress_body(row)
    if row.input is not None:
        body["inputs"] = orjson.Fragment(row.input)
    if row.output is not None:
        body["outputs"] = orjson.Fragment(row.output)
    if shown:
        body |= {name: value for name, value in _shown(row, shown).items() if name not in body}
    failure = failure_of(row)
    if failure is not None:
        body["error"], body["error_message"] = failure
    return body


def _shown(row: JobRow, names: Sequence[str]) -> dict[str, Any]:
    given = [orjson.loads(text) for text in (row.input, row.output) if text is not None]
    return {name: value[name] for value in given if isinstance(value, dict) for name in names if name in value}


def progress_body(row: JobRow) -> dict[str, Any]:
    body: dict[str, Any] = {"fraction": row.fraction, "at": (row.progress_at or 0) // 1000}
    if row.message is not None:
        body["message"] = row.message
    return body


def retry_after(row: JobRow, now: int) -> int | None:
    """Seconds after which it is worth asking again; None where the job has ended.

    By its progress where it tells one; else half as long again as it has taken so far.
    """
    if status_of(row) in ENDED:
        return None
    elapsed = max(0, now - (row.started_at or row.new.created_at)) / 1000
    if row.fraction is not None and row.fraction > 0 and row.started_at is not None:
        left = elapsed * (1 - row.fraction) / row.fraction
    else:
        left = elapsed / 2
    return min(_LONGEST, max(1, round(left)))
