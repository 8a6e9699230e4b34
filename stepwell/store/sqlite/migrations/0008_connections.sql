-- How requests of state machines to others are authorised; what is secret is sealed.
CREATE TABLE connections (
    place       TEXT NOT NULL,
    name        TEXT NOT NULL,
    arn         TEXT NOT NULL,
    kind        TEXT NOT NULL,
    description TEXT,
    shown       TEXT NOT NULL,
    box         BLOB NOT NULL,
    version     TEXT NOT NULL,
    created     INTEGER NOT NULL,
    modified    INTEGER NOT NULL,
    PRIMARY KEY (place, name)
) STRICT, WITHOUT ROWID;
