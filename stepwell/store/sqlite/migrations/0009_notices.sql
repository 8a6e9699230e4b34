-- Who is told of executions' changes of status, and what is on its way to them.

CREATE TABLE notice_rules (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    machine  TEXT NOT NULL,
    statuses TEXT NOT NULL,
    channel  TEXT NOT NULL,
    declared INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    UNIQUE (machine, channel)
) STRICT;

-- A row goes when it was delivered. `next_try` is NULL while an earlier row of the same lane waits, and in the dead.
CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id    TEXT NOT NULL,
    lane        TEXT NOT NULL,
    destination TEXT NOT NULL,
    channel     TEXT NOT NULL,
    created     INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    next_try    INTEGER,
    died        INTEGER,
    error       TEXT,
    body        TEXT NOT NULL,
    UNIQUE (event_id, channel)
) STRICT;

CREATE INDEX deliveries_due ON deliveries (destination, next_try) WHERE next_try IS NOT NULL;
CREATE INDEX deliveries_lanes ON deliveries (lane, id) WHERE died IS NULL;
CREATE INDEX deliveries_dead ON deliveries (id) WHERE died IS NOT NULL;
