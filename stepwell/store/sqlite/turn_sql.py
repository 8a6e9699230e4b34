"""The SQL that turns are written with.

Rules that must stay true here:
- Every statement serves many rows, and lets rows of NULL fall (see `bulk`).
- Every statement reaches its rows by key: none scans a table.
"""

from __future__ import annotations

from typing import Final

from stepwell.store.jobs import NewJob
from stepwell.store.sqlite.bulk import Bulk, Row

# One row: the standing of all executions asked for, and the ARNs asked for that are taken, as two JSON texts.
CHECK = """
SELECT (SELECT json_group_array(json_array(key, version, machine_id, start_date, status, listed_at))
        FROM progress WHERE key IN (SELECT value FROM json_each(?))),
       (SELECT json_group_array(arn)
        FROM executions WHERE arn IN (SELECT value FROM json_each(?)))
"""

EXECUTIONS = Bulk(
    19,
    """
    INSERT INTO executions (key, arn, machine_arn, machine_id, name, definition_hash, revision_id, role_arn, start_date,
                            trace_header, test_case, parent_key, parent_token, awaited_by, map_run_arn,
                            item_count, tokens_hold_clock, unlogged, input)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
    """,
)

# Rows of progress are the same tuple in all three statements; each takes what it needs.
PROGRESS_FIRST = Bulk(
    17,
    """
    INSERT INTO progress (key, version, machine_id, start_date, status, listed_at, last_event_id, clock, stop_date,
                          error, redrive_count, redrive_date, data, version_arn, alias_arn, cause, output)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
    """,
)

_CHANGED = """
    version = v.column2, last_event_id = v.column7, clock = v.column8, stop_date = v.column9, error = v.column10,
    redrive_count = v.column11, redrive_date = v.column12, data = v.column13, cause = v.column16, output = v.column17
"""

# Setting `status` and `listed_at` writes three indexes anew, even with the same values: most turns need not.
PROGRESS_NEXT = Bulk(17, f"UPDATE progress SET {_CHANGED} FROM (VALUES {{rows}}) AS v WHERE progress.key = v.column1")  # noqa: S608

PROGRESS_MOVED = Bulk(
    17,
    f"""
    UPDATE progress SET status = v.column5, listed_at = v.column6, {_CHANGED}
    FROM (VALUES {{rows}}) AS v WHERE progress.key = v.column1
    """,  # noqa: S608
)

EVENTS = Bulk(
    4,
    """
    INSERT INTO history (execution, first_id, last_id, data)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
    """,
)

PAYLOADS = Bulk(
    3,
    """
    INSERT INTO payloads (execution, hash, text)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
    ON CONFLICT DO NOTHING
    """,
)

FRAMES_REMOVED = Bulk(
    3,
    """
    DELETE FROM frames WHERE rowid IN (
        SELECT f.rowid FROM (VALUES {rows}) AS v CROSS JOIN frames AS f
        WHERE f.execution = v.column1 AND f.path >= v.column2 AND f.path < v.column3)
    """,
)

FRAMES = Bulk(
    3,
    """
    INSERT INTO frames (execution, path, data)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
    ON CONFLICT DO UPDATE SET data = excluded.data
    """,
)

TIMERS_REMOVED = Bulk(
    2,
    """
    DELETE FROM timers WHERE rowid IN (
        SELECT t.rowid FROM (VALUES {rows}) AS v CROSS JOIN timers AS t
        WHERE t.execution = v.column1 AND t.name = v.column2)
    """,
)

TIMERS_REMOVED_BELOW = Bulk(
    3,
    """
    DELETE FROM timers WHERE rowid IN (
        SELECT t.rowid FROM (VALUES {rows}) AS v CROSS JOIN timers AS t
        WHERE t.execution = v.column1 AND t.name >= v.column2 AND t.name < v.column3)
    """,
)

TIMERS = Bulk(
    4,
    """
    INSERT INTO timers (execution, name, due, virtual)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
    ON CONFLICT DO UPDATE SET due = excluded.due, virtual = excluded.virtual
    """,
)

# The SELECT around VALUES lets SQLite seek to each row; with VALUES alone it scans the table.
EFFECTS_REMOVED = Bulk(2, "DELETE FROM effects WHERE (execution, id) IN (SELECT * FROM (VALUES {rows}))")

EFFECTS_REMOVED_BELOW = Bulk(
    3,
    """
    DELETE FROM effects WHERE (execution, id) IN (
        SELECT e.execution, e.id FROM (VALUES {rows}) AS v CROSS JOIN effects AS e
        WHERE e.execution = v.column1 AND e.path >= v.column2 AND e.path < v.column3)
    """,
)

EFFECTS = Bulk(
    6,
    """
    INSERT INTO effects (execution, id, kind, target, path, data)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
    ON CONFLICT DO UPDATE
    SET kind = excluded.kind, target = excluded.target, path = excluded.path, data = excluded.data
    """,
)

NEW_JOBS: Final = Bulk(
    9,
    """
    INSERT OR REPLACE INTO jobs (key, id, type, created_at, expires_at, group_key, caller, fingerprint, callback,
                                 queued)
    SELECT *, 0 FROM (VALUES {rows}) WHERE column1 IS NOT NULL
    """,
)
"""Jobs that start at once: written with the first turns of their executions."""

JOBS_ENDED: Final = Bulk(2, "UPDATE jobs SET ended = v.column2 FROM (VALUES {rows}) AS v WHERE jobs.key = v.column1")
"""Whether an execution has ended, for the job that it may be."""


def job_row(key: int, job: NewJob) -> Row:
    """The columns of `NEW_JOBS`."""
    return (
        key,
        job.id,
        job.type,
        job.created_at,
        job.expires_at,
        job.group,
        job.caller,
        job.fingerprint,
        job.callback,
    )
