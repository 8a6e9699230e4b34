-- Executions of which no history is kept: the Express children of map runs. The table is built anew, so that the input
-- stays last: a column behind it would be read through all of it.
CREATE TABLE executions_with_unlogged (
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
    unlogged        INTEGER NOT NULL,
    input           TEXT NOT NULL
) STRICT;
INSERT INTO executions_with_unlogged
SELECT key, arn, machine_arn, machine_id, name, definition_hash, revision_id, role_arn, start_date, trace_header,
       test_case, parent_key, parent_token, awaited_by, map_run_arn, item_count, tokens_hold_clock, 0, input
FROM executions;
DROP TABLE executions;
ALTER TABLE executions_with_unlogged RENAME TO executions;
