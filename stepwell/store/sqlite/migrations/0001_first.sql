-- The first schema. Times are milliseconds since 1970 (UTC).

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What never changes about an execution, written once. The input comes last: reading the rest does not touch it.
CREATE TABLE executions (
    key             INTEGER PRIMARY KEY,
    arn             TEXT NOT NULL UNIQUE,
    machine_arn     TEXT NOT NULL,
    machine_id      INTEGER NOT NULL,
    name            TEXT NOT NULL,
    definition_hash TEXT NOT NULL,
    revision_id     TEXT NOT NULL,
    role_arn        TEXT NOT NULL,
    start_date      INTEGER NOT NULL,
    trace_header    TEXT,
    version_arn     TEXT,
    alias_arn       TEXT,
    test_case       TEXT,
    parent_key      INTEGER,
    input           TEXT NOT NULL
) STRICT;

-- What a turn changes: small rows, many a page. `listed_at` is the stop date once ended, else the start date.
-- The output is written by the last turn only.
CREATE TABLE progress (
    key           INTEGER PRIMARY KEY,
    version       INTEGER NOT NULL,
    machine_id    INTEGER NOT NULL,
    start_date    INTEGER NOT NULL,
    status        TEXT NOT NULL,
    listed_at     INTEGER NOT NULL,
    last_event_id INTEGER NOT NULL,
    clock         INTEGER,
    stop_date     INTEGER,
    error         TEXT,
    redrive_count INTEGER NOT NULL,
    redrive_date  INTEGER,
    data          BLOB NOT NULL,
    cause         TEXT,
    output        TEXT
) STRICT;

CREATE INDEX progress_by_date ON progress (machine_id, listed_at);
CREATE INDEX progress_by_status ON progress (machine_id, status, listed_at);
CREATE INDEX progress_running ON progress (key) WHERE status = 'RUNNING';

-- Frames, timers, history and payloads keep their rowid. What a group of turns adds then lies side by side and only the
-- narrow index is spread, which halves what a commit writes; and removals of many rows at a time can seek by rowid.
CREATE TABLE frames (
    execution INTEGER NOT NULL,
    path      TEXT NOT NULL,
    data      BLOB NOT NULL,
    PRIMARY KEY (execution, path)
) STRICT;

CREATE TABLE history (
    execution INTEGER NOT NULL,
    first_id  INTEGER NOT NULL,
    last_id   INTEGER NOT NULL,
    data      BLOB NOT NULL,
    PRIMARY KEY (execution, first_id)
) STRICT;

CREATE TABLE payloads (
    execution INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    text      TEXT NOT NULL,
    PRIMARY KEY (execution, hash)
) STRICT;

CREATE TABLE timers (
    execution INTEGER NOT NULL,
    name      TEXT NOT NULL,
    due       INTEGER NOT NULL,
    virtual   INTEGER NOT NULL,
    PRIMARY KEY (execution, name)
) STRICT;

CREATE INDEX timers_due ON timers (due) WHERE virtual = 0;

-- The outbox.
CREATE TABLE effects (
    execution INTEGER NOT NULL,
    id        INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    target    TEXT NOT NULL,
    path      TEXT NOT NULL,
    data      BLOB NOT NULL,
    PRIMARY KEY (execution, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX effects_by_kind ON effects (kind, execution, id);
CREATE INDEX effects_by_target ON effects (kind, target, execution, id);
CREATE INDEX effects_by_path ON effects (execution, path);

CREATE TABLE definitions (
    hash TEXT PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;

-- AUTOINCREMENT: the id of a deleted machine is never given again, so its executions never show under another.
CREATE TABLE machines (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    arn             TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    type            TEXT NOT NULL,
    status          TEXT NOT NULL,
    definition_hash TEXT NOT NULL,
    role_arn        TEXT NOT NULL,
    creation_date   INTEGER NOT NULL,
    update_date     INTEGER NOT NULL,
    revision_id     TEXT NOT NULL,
    configuration   TEXT NOT NULL
) STRICT;

CREATE INDEX machines_by_date ON machines (creation_date);

CREATE TABLE activities (
    arn           TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    creation_date INTEGER NOT NULL,
    configuration TEXT NOT NULL
) STRICT;

CREATE INDEX activities_by_date ON activities (creation_date, name);

CREATE TABLE tags (
    arn   TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (arn, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
