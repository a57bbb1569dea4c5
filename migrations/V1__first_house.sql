-- What is durable: leadership, runs with their stages, results and events, documents, inputs, and a little more.
-- Needs PostgreSQL 14 or later. Forward only: later changes are new files.

-- Who leads. One row per partition of the runs; today there is one partition.
CREATE TABLE leadership (
    partition  smallint PRIMARY KEY,
    epoch      integer NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    address    text,
    since      timestamptz,
    build      text,
    CHECK (epoch = 0 OR (address IS NOT NULL AND since IS NOT NULL AND build IS NOT NULL))
);
INSERT INTO leadership (partition) VALUES (0);

-- The last batch that the leader's writer committed: tells after a lost connection whether its COMMIT took effect.
CREATE TABLE writer_position (
    partition  smallint PRIMARY KEY,
    epoch      integer NOT NULL,
    batch      bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO writer_position VALUES (0, 0, 0);

-- Wishes of operators.
CREATE TABLE cluster_settings (
    partition  smallint PRIMARY KEY,
    paused     boolean NOT NULL DEFAULT false,
    changed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO cluster_settings (partition) VALUES (0);

CREATE TABLE drain_requests (
    worker       uuid PRIMARY KEY,
    requested_at timestamptz NOT NULL DEFAULT now()
);

-- Every version of every algorithm that a worker ever announced.
CREATE TABLE algorithms (
    name         text NOT NULL,
    version      integer NOT NULL,
    descriptor   jsonb NOT NULL,
    announced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, version)
);

-- Exact bytes of inputs, by their SHA-256.
CREATE TABLE documents (
    hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    bytes      bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Inputs: a head with a name over immutable versions.
CREATE TABLE inputs (
    id         uuid PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('topology', 'traffic_matrix')),
    name       text NOT NULL,
    author     text NOT NULL,
    latest     integer NOT NULL CHECK (latest >= 1),
    revision   bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
CREATE INDEX inputs_listing ON inputs (kind, id) WHERE deleted_at IS NULL;

CREATE TABLE input_versions (
    input_id   uuid NOT NULL REFERENCES inputs (id),
    version    integer NOT NULL CHECK (version >= 1),
    hash       bytea NOT NULL REFERENCES documents (hash),
    size       bigint NOT NULL,
    comment    text NOT NULL,
    summary    jsonb NOT NULL,
    author     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (input_id, version)
);

-- Runs. A run that has not ended is the leader's; everything that changes its state is a conditional update.
CREATE TABLE runs (
    id             uuid PRIMARY KEY,
    partition      smallint NOT NULL DEFAULT 0,
    state          text NOT NULL DEFAULT 'queued'
                   CHECK (state IN ('queued', 'running', 'planned', 'succeeded', 'failed', 'cancelled')),
    algorithm      text NOT NULL,
    version        integer NOT NULL,
    params         jsonb NOT NULL,
    spec           bytea NOT NULL,
    inputs         jsonb NOT NULL,
    seed           bigint NOT NULL,
    fingerprint    bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    label          text,
    priority       smallint NOT NULL DEFAULT 0,
    deadline_at    timestamptz,
    until          text NOT NULL DEFAULT 'done' CHECK (until IN ('done', 'planned')),
    submitter      text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    started_at     timestamptz,
    ended_at       timestamptz,
    waiting_reason text,
    last_event     bigint NOT NULL DEFAULT 0,
    failures       integer NOT NULL DEFAULT 0,
    error          jsonb,
    estimate       jsonb,
    report         jsonb,
    CHECK ((state IN ('queued', 'running')) = (ended_at IS NULL)),
    CHECK (state <> 'queued' OR started_at IS NULL),
    CHECK (state NOT IN ('running', 'planned', 'succeeded') OR started_at IS NOT NULL),
    CHECK ((state = 'succeeded') = (report IS NOT NULL)),
    CHECK ((state = 'failed') = (error IS NOT NULL)),
    CHECK ((state = 'planned') = (estimate IS NOT NULL)),
    CHECK (waiting_reason IS NULL OR ended_at IS NULL)
) WITH (fillfactor = 80);
-- the leader's queue
CREATE INDEX runs_open ON runs (partition, id) WHERE state IN ('queued', 'running');
-- listings: newest first is descending id
CREATE INDEX runs_by_state ON runs (state, id);
CREATE INDEX runs_by_submitter ON runs (submitter, id);
CREATE INDEX runs_by_algorithm ON runs (algorithm, id);
CREATE INDEX runs_by_label ON runs (label, id) WHERE label IS NOT NULL;
-- reuse
CREATE INDEX runs_reusable ON runs (fingerprint, id) WHERE state = 'succeeded';

CREATE TABLE stages (
    run_id     uuid NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    stage      integer NOT NULL CHECK (stage >= 0),
    name       text NOT NULL,
    shards     integer NOT NULL CHECK (shards BETWEEN 0 AND 10000000),
    done       integer NOT NULL DEFAULT 0 CHECK (done BETWEEN 0 AND shards),
    opened_at  timestamptz NOT NULL DEFAULT now(),
    closed_at  timestamptz,
    state_hash bytea NOT NULL CHECK (octet_length(state_hash) = 32),
    state      bytea NOT NULL,
    note       jsonb,
    PRIMARY KEY (run_id, stage)
) WITH (fillfactor = 50);
CREATE INDEX stages_open ON stages (run_id) WHERE closed_at IS NULL;

-- Partial results. Partitioned by the time in the run's UUIDv7: dropping a span of time is instant. Partitions are made
-- ahead by the coordinator; the default one catches what falls outside. No foreign key: rows are many and written once.
CREATE TABLE shard_results (
    run_id     uuid NOT NULL,
    stage      integer NOT NULL,
    shard      integer NOT NULL,
    worker     uuid NOT NULL,
    started_at timestamptz NOT NULL,
    cpu_us     bigint NOT NULL,
    wall_us    bigint NOT NULL,
    partial    jsonb NOT NULL,
    PRIMARY KEY (run_id, stage, shard)
) PARTITION BY RANGE (run_id);

-- lz4 where the server was built with it
DO $$
BEGIN
    ALTER TABLE shard_results ALTER COLUMN partial SET COMPRESSION lz4;
    ALTER TABLE runs ALTER COLUMN report SET COMPRESSION lz4;
    ALTER TABLE stages ALTER COLUMN state SET COMPRESSION lz4;
    ALTER TABLE documents ALTER COLUMN bytes SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN
    RAISE NOTICE 'this server has no lz4: pglz compresses';
END
$$;

CREATE TABLE shard_results_default PARTITION OF shard_results DEFAULT;

-- Events of a run, numbered from 1 without gaps: `runs.last_event` is raised in the same transaction.
CREATE TABLE run_events (
    run_id uuid NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    seq    bigint NOT NULL CHECK (seq >= 1),
    at     timestamptz NOT NULL DEFAULT now(),
    kind   text NOT NULL,
    body   jsonb NOT NULL,
    PRIMARY KEY (run_id, seq)
);

-- Failed attempts; `seq` is the number of the event that tells of it. No shard: an advance failed.
CREATE TABLE shard_failures (
    run_id  uuid NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    seq     bigint NOT NULL,
    stage   integer NOT NULL,
    shard   integer,
    worker  uuid,
    at      timestamptz NOT NULL DEFAULT now(),
    kind    text NOT NULL,
    message text NOT NULL,
    PRIMARY KEY (run_id, seq)
);
CREATE INDEX shard_failures_by_shard ON shard_failures (run_id, stage, shard, seq);

-- Requests that create something, kept for a day: the same key and body is answered as before.
CREATE TABLE idempotency (
    principal  text NOT NULL,
    key        text NOT NULL,
    body_hash  bytea NOT NULL CHECK (octet_length(body_hash) = 32),
    answer     json,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);
