-- What a job has beside its execution, which has the same key. `input` is there while it has no execution only; it comes
-- last, so that listings do not read it.
CREATE TABLE jobs (
    key         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    type        TEXT NOT NULL,
    group_key   TEXT,
    caller      TEXT,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    fingerprint BLOB,
    callback    TEXT,
    queued      INTEGER NOT NULL,
    outcome     TEXT,
    error       TEXT,
    cause       TEXT,
    ended_at    INTEGER,
    fraction    REAL,
    message     TEXT,
    progress_at INTEGER,
    input       TEXT
) STRICT;

CREATE INDEX jobs_by_type ON jobs (type, key);
CREATE INDEX jobs_by_group ON jobs (group_key, key) WHERE group_key IS NOT NULL;
CREATE INDEX jobs_by_expiry ON jobs (expires_at, key);
CREATE INDEX jobs_queued ON jobs (type, key, group_key) WHERE queued = 1;
CREATE INDEX jobs_queued_by_group ON jobs (type, group_key, key) WHERE queued = 1;
