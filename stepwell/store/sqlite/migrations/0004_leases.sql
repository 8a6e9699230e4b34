-- Calls of functions that remote workers have taken.
CREATE TABLE leases (
    call     BLOB PRIMARY KEY,
    token    BLOB NOT NULL,
    function TEXT NOT NULL,
    worker   TEXT,
    taken    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
