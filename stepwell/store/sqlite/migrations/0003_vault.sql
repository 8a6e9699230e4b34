-- Sealed values, by the brand of the references that stand for them.
CREATE TABLE vault_values (
    brand     TEXT NOT NULL,
    id        TEXT NOT NULL,
    path      TEXT NOT NULL,
    since     INTEGER NOT NULL,
    ends      INTEGER,
    refresher TEXT,
    lifetime  INTEGER,
    box       BLOB NOT NULL,
    PRIMARY KEY (brand, id)
) STRICT;

-- The executions that may open the values of a brand; `until` is NULL while one runs. Values go with the last of them.
CREATE TABLE vault_holders (
    execution INTEGER PRIMARY KEY,
    brand     TEXT NOT NULL,
    until     INTEGER,
    digest    BLOB
) STRICT;

CREATE INDEX vault_holders_by_brand ON vault_holders (brand);
CREATE INDEX vault_holders_due ON vault_holders (until) WHERE until IS NOT NULL;

-- Data keys, each wrapped by a key that is not here.
CREATE TABLE vault_keys (
    number  INTEGER PRIMARY KEY,
    wrapped BLOB NOT NULL
) STRICT;
