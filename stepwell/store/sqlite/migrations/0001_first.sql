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
    test_case       TEXT,
    parent_key      INTEGER,
    parent_token    TEXT,
    awaited_by      TEXT,
    map_run_arn     TEXT,
    item_count      INTEGER NOT NULL,
    tokens_hold_clock INTEGER NOT NULL,
    input           TEXT NOT NULL
) STRICT;

-- What a turn changes, and what listings go by: small rows, many a page. `listed_at` is the stop date once ended, else
-- the date of the last redrive or of the start. The output is written by the last turn only.
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
    version_arn   TEXT,
    alias_arn     TEXT,
    cause         TEXT,
    output        TEXT
) STRICT;

CREATE INDEX progress_by_date ON progress (machine_id, listed_at);
CREATE INDEX progress_by_status ON progress (machine_id, status, listed_at);
CREATE INDEX progress_by_version ON progress (version_arn, machine_id, listed_at) WHERE version_arn IS NOT NULL;
CREATE INDEX progress_by_alias ON progress (alias_arn, machine_id, listed_at) WHERE alias_arn IS NOT NULL;
-- Map runs have keys as executions have, far above the ids of machines: this index holds their children only.
CREATE INDEX progress_children ON progress (machine_id, key) WHERE machine_id > 4294967296;
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
CREATE INDEX timers_virtual ON timers (execution) WHERE virtual = 1;

-- The outbox. A row without a path is a message: it outlives all frames.
CREATE TABLE effects (
    execution INTEGER NOT NULL,
    id        INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    target    TEXT NOT NULL,
    path      TEXT,
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
    configuration   TEXT NOT NULL,
    created_version TEXT,
    last_version    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX machines_by_date ON machines (creation_date);
CREATE INDEX machines_deleting ON machines (id) WHERE status = 'DELETING';

-- Every revision that a machine has had, also once the machine is gone: executions refer to them.
CREATE TABLE revisions (
    machine_id      INTEGER NOT NULL,
    id              TEXT NOT NULL,
    definition_hash TEXT NOT NULL,
    role_arn        TEXT NOT NULL,
    configuration   TEXT NOT NULL,
    update_date     INTEGER NOT NULL,
    PRIMARY KEY (machine_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE versions (
    machine_id    INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    revision_id   TEXT NOT NULL,
    creation_date INTEGER NOT NULL,
    description   TEXT,
    PRIMARY KEY (machine_id, number),
    UNIQUE (machine_id, revision_id)
) STRICT, WITHOUT ROWID;

-- One or two versions, with their shares in percent.
CREATE TABLE aliases (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    machine_id     INTEGER NOT NULL,
    name           TEXT NOT NULL,
    version        INTEGER NOT NULL,
    weight         INTEGER NOT NULL,
    second_version INTEGER,
    second_weight  INTEGER,
    creation_date  INTEGER NOT NULL,
    update_date    INTEGER NOT NULL,
    description    TEXT,
    UNIQUE (machine_id, name)
) STRICT;

CREATE INDEX aliases_by_date ON aliases (machine_id, creation_date);

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
