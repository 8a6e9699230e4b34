-- Jobs whose end is to be told to an address that their client gave: it stands there until that is done.
CREATE INDEX jobs_by_callback ON jobs (key) WHERE callback IS NOT NULL;
