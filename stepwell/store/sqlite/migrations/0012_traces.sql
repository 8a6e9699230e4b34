-- The traces that executions are part of: only those that have one.
CREATE TABLE traces (
    execution INTEGER PRIMARY KEY,
    trace     TEXT NOT NULL
) STRICT;
