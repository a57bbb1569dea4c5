-- What runs ask of workers beside their algorithm, and runs that are held.
ALTER TABLE runs
    ADD COLUMN worker_labels jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN memory_mib integer NOT NULL DEFAULT 0 CHECK (memory_mib >= 0),
    ADD COLUMN paused boolean NOT NULL DEFAULT false;
-- the leader reads these every second
CREATE INDEX runs_paused ON runs (partition, id) WHERE paused AND state IN ('queued', 'running');
-- the quota of open runs
CREATE INDEX runs_open_by_submitter ON runs (submitter) WHERE state IN ('queued', 'running');

-- What an algorithm said while it worked at a shard that failed.
ALTER TABLE shard_failures ADD COLUMN note text;
