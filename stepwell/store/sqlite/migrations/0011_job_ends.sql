-- Whether a job has ended, kept with it by the turns of its execution: what looks for jobs that run, that are to be told
-- of or that have expired seeks to them, however many other jobs and executions there are.
ALTER TABLE jobs ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET ended = 1
WHERE outcome IS NOT NULL
    OR queued = 0 AND NOT EXISTS (SELECT 1 FROM progress AS p WHERE p.key = jobs.key AND p.status = 'RUNNING');

DROP INDEX jobs_by_expiry;
DROP INDEX jobs_by_callback;
CREATE INDEX jobs_running ON jobs (type, key, group_key) WHERE ended = 0 AND queued = 0;
CREATE INDEX jobs_expiring ON jobs (expires_at, key) WHERE ended = 1;
CREATE INDEX jobs_to_be_told ON jobs (key) WHERE ended = 1 AND callback IS NOT NULL;
