-- Schedules, their groups, and the runs that fell due and are to be started.

CREATE TABLE schedule_groups (
    arn          TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    created      INTEGER NOT NULL,
    modified     INTEGER NOT NULL,
    client_token TEXT
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: what was started for a deleted schedule is never taken for another's of the same name.
CREATE TABLE schedules (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    arn              TEXT NOT NULL UNIQUE,
    group_arn        TEXT NOT NULL,
    group_name       TEXT NOT NULL,
    name             TEXT NOT NULL,
    expression       TEXT NOT NULL,
    timezone         TEXT NOT NULL,
    target           TEXT NOT NULL,
    state            TEXT NOT NULL,
    created          INTEGER NOT NULL,
    modified         INTEGER NOT NULL,
    anchor           INTEGER NOT NULL,
    start            INTEGER,
    "end"            INTEGER,
    window           INTEGER NOT NULL,
    description      TEXT,
    kms_key_arn      TEXT,
    delete_when_done INTEGER NOT NULL,
    catch_up         TEXT NOT NULL,
    overlap          TEXT NOT NULL,
    client_token     TEXT,
    declared         TEXT,
    next_due         INTEGER,
    last_due         INTEGER,
    last_execution   TEXT,
    last_error       TEXT,
    revision         INTEGER NOT NULL
) STRICT;

CREATE INDEX schedules_due ON schedules (next_due) WHERE next_due IS NOT NULL;
CREATE INDEX schedules_by_group ON schedules (group_arn);
CREATE INDEX schedules_declared ON schedules (id) WHERE declared IS NOT NULL;

CREATE TABLE schedule_runs (
    schedule  INTEGER NOT NULL,
    due       INTEGER NOT NULL,
    first_try INTEGER NOT NULL,
    try_at    INTEGER NOT NULL,
    attempts  INTEGER NOT NULL,
    PRIMARY KEY (schedule, due)
) STRICT, WITHOUT ROWID;

CREATE INDEX schedule_runs_due ON schedule_runs (try_at);
