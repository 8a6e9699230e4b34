-- Log lines, in chunks, and the groups that they are found by.
CREATE TABLE log_groups (
    name    TEXT PRIMARY KEY,
    created INTEGER NOT NULL,
    days    INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE log_chunks (
    id          INTEGER PRIMARY KEY,
    log_group   TEXT NOT NULL,
    stream      TEXT NOT NULL,
    first_time  INTEGER NOT NULL,
    last_time   INTEGER NOT NULL,
    first_place INTEGER NOT NULL,
    last_place  INTEGER NOT NULL,
    lines       INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    data        BLOB NOT NULL
) STRICT;
CREATE INDEX log_chunks_by_group ON log_chunks (log_group, id, stream, first_time, last_time, first_place, last_place, size);
