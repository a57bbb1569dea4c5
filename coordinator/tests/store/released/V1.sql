SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.algorithms (
    name text NOT NULL,
    version integer NOT NULL,
    descriptor jsonb NOT NULL,
    announced_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.cluster_settings (
    partition smallint NOT NULL,
    paused boolean DEFAULT false NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.documents (
    hash bytea NOT NULL,
    bytes bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT documents_hash_check CHECK ((octet_length(hash) = 32))
);
ALTER TABLE ONLY public.documents ALTER COLUMN bytes SET COMPRESSION lz4;
CREATE TABLE public.drain_requests (
    worker uuid NOT NULL,
    requested_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.idempotency (
    principal text NOT NULL,
    key text NOT NULL,
    body_hash bytea NOT NULL,
    answer json,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_body_hash_check CHECK ((octet_length(body_hash) = 32))
);
CREATE TABLE public.input_versions (
    input_id uuid NOT NULL,
    version integer NOT NULL,
    hash bytea NOT NULL,
    size bigint NOT NULL,
    comment text NOT NULL,
    summary jsonb NOT NULL,
    author text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT input_versions_version_check CHECK ((version >= 1))
);
CREATE TABLE public.inputs (
    id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    author text NOT NULL,
    latest integer NOT NULL,
    revision bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT inputs_kind_check CHECK ((kind = ANY (ARRAY['topology'::text, 'traffic_matrix'::text]))),
    CONSTRAINT inputs_latest_check CHECK ((latest >= 1))
);
CREATE TABLE public.leadership (
    partition smallint NOT NULL,
    epoch integer DEFAULT 0 NOT NULL,
    address text,
    since timestamp with time zone,
    build text,
    CONSTRAINT leadership_check CHECK (((epoch = 0) OR ((address IS NOT NULL) AND (since IS NOT NULL) AND (build IS NOT NULL)))),
    CONSTRAINT leadership_epoch_check CHECK ((epoch >= 0))
);
CREATE TABLE public.refinery_schema_history (
    version integer NOT NULL,
    name character varying(255),
    applied_on character varying(255),
    checksum character varying(255)
);
CREATE TABLE public.run_events (
    run_id uuid NOT NULL,
    seq bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    kind text NOT NULL,
    body jsonb NOT NULL,
    CONSTRAINT run_events_seq_check CHECK ((seq >= 1))
);
CREATE TABLE public.runs (
    id uuid NOT NULL,
    partition smallint DEFAULT 0 NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    algorithm text NOT NULL,
    version integer NOT NULL,
    params jsonb NOT NULL,
    spec bytea NOT NULL,
    inputs jsonb NOT NULL,
    seed bigint NOT NULL,
    fingerprint bytea NOT NULL,
    label text,
    priority smallint DEFAULT 0 NOT NULL,
    deadline_at timestamp with time zone,
    until text DEFAULT 'done'::text NOT NULL,
    submitter text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    waiting_reason text,
    last_event bigint DEFAULT 0 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    error jsonb,
    estimate jsonb,
    report jsonb,
    CONSTRAINT runs_check CHECK (((state = ANY (ARRAY['queued'::text, 'running'::text])) = (ended_at IS NULL))),
    CONSTRAINT runs_check1 CHECK (((state <> 'queued'::text) OR (started_at IS NULL))),
    CONSTRAINT runs_check2 CHECK (((state <> ALL (ARRAY['running'::text, 'planned'::text, 'succeeded'::text])) OR (started_at IS NOT NULL))),
    CONSTRAINT runs_check3 CHECK (((state = 'succeeded'::text) = (report IS NOT NULL))),
    CONSTRAINT runs_check4 CHECK (((state = 'failed'::text) = (error IS NOT NULL))),
    CONSTRAINT runs_check5 CHECK (((state = 'planned'::text) = (estimate IS NOT NULL))),
    CONSTRAINT runs_check6 CHECK (((waiting_reason IS NULL) OR (ended_at IS NULL))),
    CONSTRAINT runs_fingerprint_check CHECK ((octet_length(fingerprint) = 32)),
    CONSTRAINT runs_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'planned'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text]))),
    CONSTRAINT runs_until_check CHECK ((until = ANY (ARRAY['done'::text, 'planned'::text])))
)
WITH (fillfactor='80');
ALTER TABLE ONLY public.runs ALTER COLUMN report SET COMPRESSION lz4;
CREATE TABLE public.shard_failures (
    run_id uuid NOT NULL,
    seq bigint NOT NULL,
    stage integer NOT NULL,
    shard integer,
    worker uuid,
    at timestamp with time zone DEFAULT now() NOT NULL,
    kind text NOT NULL,
    message text NOT NULL
);
CREATE TABLE public.shard_results (
    run_id uuid NOT NULL,
    stage integer NOT NULL,
    shard integer NOT NULL,
    worker uuid NOT NULL,
    started_at timestamp with time zone NOT NULL,
    cpu_us bigint NOT NULL,
    wall_us bigint NOT NULL,
    partial jsonb NOT NULL
)
PARTITION BY RANGE (run_id);
ALTER TABLE ONLY public.shard_results ALTER COLUMN partial SET COMPRESSION lz4;
CREATE TABLE public.shard_results_20261119 (
    run_id uuid NOT NULL,
    stage integer NOT NULL,
    shard integer NOT NULL,
    worker uuid NOT NULL,
    started_at timestamp with time zone NOT NULL,
    cpu_us bigint NOT NULL,
    wall_us bigint NOT NULL,
    partial jsonb NOT NULL
);
ALTER TABLE ONLY public.shard_results_20261119 ALTER COLUMN partial SET COMPRESSION lz4;
CREATE TABLE public.shard_results_20261126 (
    run_id uuid NOT NULL,
    stage integer NOT NULL,
    shard integer NOT NULL,
    worker uuid NOT NULL,
    started_at timestamp with time zone NOT NULL,
    cpu_us bigint NOT NULL,
    wall_us bigint NOT NULL,
    partial jsonb NOT NULL
);
ALTER TABLE ONLY public.shard_results_20261126 ALTER COLUMN partial SET COMPRESSION lz4;
CREATE TABLE public.shard_results_20261203 (
    run_id uuid NOT NULL,
    stage integer NOT NULL,
    shard integer NOT NULL,
    worker uuid NOT NULL,
    started_at timestamp with time zone NOT NULL,
    cpu_us bigint NOT NULL,
    wall_us bigint NOT NULL,
    partial jsonb NOT NULL
);
ALTER TABLE ONLY public.shard_results_20261203 ALTER COLUMN partial SET COMPRESSION lz4;
CREATE TABLE public.shard_results_20261210 (
    run_id uuid NOT NULL,
    stage integer NOT NULL,
    shard integer NOT NULL,
    worker uuid NOT NULL,
    started_at timestamp with time zone NOT NULL,
    cpu_us bigint NOT NULL,
    wall_us bigint NOT NULL,
    partial jsonb NOT NULL
);
ALTER TABLE ONLY public.shard_results_20261210 ALTER COLUMN partial SET COMPRESSION lz4;
CREATE TABLE public.shard_results_20261217 (
    run_id uuid NOT NULL,
    stage integer NOT NULL,
    shard integer NOT NULL,
    worker uuid NOT NULL,
    started_at timestamp with time zone NOT NULL,
    cpu_us bigint NOT NULL,
    wall_us bigint NOT NULL,
    partial jsonb NOT NULL
);
ALTER TABLE ONLY public.shard_results_20261217 ALTER COLUMN partial SET COMPRESSION lz4;
CREATE TABLE public.shard_results_default (
    run_id uuid NOT NULL,
    stage integer NOT NULL,
    shard integer NOT NULL,
    worker uuid NOT NULL,
    started_at timestamp with time zone NOT NULL,
    cpu_us bigint NOT NULL,
    wall_us bigint NOT NULL,
    partial jsonb NOT NULL
);
ALTER TABLE ONLY public.shard_results_default ALTER COLUMN partial SET COMPRESSION lz4;
CREATE TABLE public.stages (
    run_id uuid NOT NULL,
    stage integer NOT NULL,
    name text NOT NULL,
    shards integer NOT NULL,
    done integer DEFAULT 0 NOT NULL,
    opened_at timestamp with time zone DEFAULT now() NOT NULL,
    closed_at timestamp with time zone,
    state_hash bytea NOT NULL,
    state bytea NOT NULL,
    note jsonb,
    CONSTRAINT stages_check CHECK (((done >= 0) AND (done <= shards))),
    CONSTRAINT stages_shards_check CHECK (((shards >= 0) AND (shards <= 10000000))),
    CONSTRAINT stages_stage_check CHECK ((stage >= 0)),
    CONSTRAINT stages_state_hash_check CHECK ((octet_length(state_hash) = 32))
)
WITH (fillfactor='50');
ALTER TABLE ONLY public.stages ALTER COLUMN state SET COMPRESSION lz4;
CREATE TABLE public.writer_position (
    partition smallint NOT NULL,
    epoch integer NOT NULL,
    batch bigint NOT NULL
)
WITH (fillfactor='10');
ALTER TABLE ONLY public.shard_results ATTACH PARTITION public.shard_results_20261119 FOR VALUES FROM ('01a1f11a-6000-0000-0000-000000000000') TO ('01a21526-e400-0000-0000-000000000000');
ALTER TABLE ONLY public.shard_results ATTACH PARTITION public.shard_results_20261126 FOR VALUES FROM ('01a21526-e400-0000-0000-000000000000') TO ('01a23933-6800-0000-0000-000000000000');
ALTER TABLE ONLY public.shard_results ATTACH PARTITION public.shard_results_20261203 FOR VALUES FROM ('01a23933-6800-0000-0000-000000000000') TO ('01a25d3f-ec00-0000-0000-000000000000');
ALTER TABLE ONLY public.shard_results ATTACH PARTITION public.shard_results_20261210 FOR VALUES FROM ('01a25d3f-ec00-0000-0000-000000000000') TO ('01a2814c-7000-0000-0000-000000000000');
ALTER TABLE ONLY public.shard_results ATTACH PARTITION public.shard_results_20261217 FOR VALUES FROM ('01a2814c-7000-0000-0000-000000000000') TO ('01a2a558-f400-0000-0000-000000000000');
ALTER TABLE ONLY public.shard_results ATTACH PARTITION public.shard_results_default DEFAULT;
INSERT INTO public.algorithms VALUES ('spin', 1, '{"name": "spin", "inputs": [], "stages": [{"does": "spins", "name": "spin"}], "summary": "Spins.", "version": 1, "params_schema": {"type": "object"}, "report_schema": {"type": "object"}}', '2026-11-25 18:19:22.622389+00');
INSERT INTO public.algorithms VALUES ('gsnr', 1, '{"name": "gsnr", "inputs": [{"role": "topology", "required": true}], "stages": [{"does": "computes", "name": "quality"}], "summary": "Light.", "version": 1, "params_schema": {"type": "object"}, "report_schema": {"type": "object"}}', '2026-11-25 18:19:22.622389+00');
INSERT INTO public.cluster_settings VALUES (0, false, '2026-11-25 18:19:21.473505+00');
INSERT INTO public.documents VALUES ('\xf97d86279895ccbd51229c342a5caffb011d6d2142d568dfd9973701595201cd', '\x7b226e616d65223a22747269616e676c65222c226e6f646573223a5b7b226964223a2261227d2c7b226964223a2262227d2c7b226964223a2263227d5d2c226c696e6b73223a5b7b226964223a226162222c2261223a2261222c2262223a2262222c226c656e6774685f6b6d223a3130302e307d2c7b226964223a226263222c2261223a2262222c2262223a2263222c226c656e6774685f6b6d223a38302e357d2c7b226964223a226361222c2261223a2263222c2262223a2261222c226c656e6774685f6b6d223a36302e307d5d7d', '2026-11-25 18:19:22.68338+00');
INSERT INTO public.documents VALUES ('\x4a4ffdb6701385dd6c1c7489fc0d1d50470ef496a8a08f94ba2eb5f578c21d01', '\x7b226e616d65223a22747269616e676c65222c226e6f646573223a5b7b226964223a2261227d2c7b226964223a2262227d2c7b226964223a2263227d5d2c226c696e6b73223a5b7b226964223a226162222c2261223a2261222c2262223a2262222c226c656e6774685f6b6d223a3131302e307d2c7b226964223a226263222c2261223a2262222c2262223a2263222c226c656e6774685f6b6d223a38302e357d2c7b226964223a226361222c2261223a2263222c2262223a2261222c226c656e6774685f6b6d223a36302e307d5d7d', '2026-11-25 18:19:23.286402+00');
INSERT INTO public.idempotency VALUES ('local', 'one', '\x073bb9df5126a333b986f341a3e11981cc0f5e201016f70e4c4492a645c1fd56', '{"id":"01a213ef-0dee-7631-8368-d63b497641c2","state":"queued","algorithm":"gsnr","version":1,"params":{},"inputs":[{"role":"topology","hash":"4a4ffdb6701385dd6c1c7489fc0d1d50470ef496a8a08f94ba2eb5f578c21d01","source":{"kind":"version","id":"01a213ef-0abb-74b4-8fed-9478b281bb24","name":"triangle","version":2}}],"seed":7,"fingerprint":"55b6ddb07bb556689135ac158b9452ebb7e8aea3f93040f0871619584e6ae601","label":"kept","priority":0,"deadline_at":null,"until":"done","submitter":"local","created_at":"2026-11-25T18:19:23.496460Z","started_at":null,"ended_at":null,"waiting_reason":null,"error":null,"estimate":null,"last_event":1,"failures":0,"stage":null}', '2026-11-25 18:19:23.49646+00');
INSERT INTO public.idempotency VALUES ('local', 'two', '\x7363a354441c2a44e97d585169d919e41aa4be18b52b165fc1e7d60ac500d12b', '{"id":"01a213ef-0fa7-77b2-88bb-77897a02ebd2","state":"queued","algorithm":"spin","version":1,"params":{"shards": 2},"inputs":[],"seed":0,"fingerprint":"2b57246829cd0e86cf7d6b3fb308b67d81f31bd9714791dd956c5d5ba6740910","label":null,"priority":0,"deadline_at":null,"until":"done","submitter":"local","created_at":"2026-11-25T18:19:23.939770Z","started_at":null,"ended_at":null,"waiting_reason":null,"error":null,"estimate":null,"last_event":1,"failures":0,"stage":null}', '2026-11-25 18:19:23.93977+00');
INSERT INTO public.idempotency VALUES ('local', 'three', '\x07327e6daa7f6f2554eb955a3e548e1c95bb550bab245c12a215a376c875b80c', '{"id":"01a213ef-11b6-74a6-b9a9-f2a2520023c9","state":"queued","algorithm":"spin","version":1,"params":{"shards": 3},"inputs":[],"seed":0,"fingerprint":"fe0224b433dd7dca94a069571032035f9743d44ddc6eba8ae719eb4f45f3b9bd","label":null,"priority":0,"deadline_at":null,"until":"done","submitter":"local","created_at":"2026-11-25T18:19:24.459496Z","started_at":null,"ended_at":null,"waiting_reason":null,"error":null,"estimate":null,"last_event":1,"failures":0,"stage":null}', '2026-11-25 18:19:24.459496+00');
INSERT INTO public.idempotency VALUES ('local', 'four', '\x31a944753254f0c7ad65734420b2cf03a67a72fe6b6a27e83db36ac76b40ad0d', '{"id":"01a213ef-1383-7074-8283-35bc4dbd0bdf","state":"queued","algorithm":"spin","version":1,"params":{"shards": 5},"inputs":[],"seed":0,"fingerprint":"d2709798b604c9851a5a3c583e38335af5983a043652511249200002bcbd1f06","label":null,"priority":0,"deadline_at":null,"until":"done","submitter":"local","created_at":"2026-11-25T18:19:24.930999Z","started_at":null,"ended_at":null,"waiting_reason":null,"error":null,"estimate":null,"last_event":1,"failures":0,"stage":null}', '2026-11-25 18:19:24.930999+00');
INSERT INTO public.idempotency VALUES ('local', 'five', '\x19f45b5da18aff355928b9d2f7b0b61b8b35de9fef3f4d5194d6dc49f6885add', '{"id":"01a213ef-1577-72d9-b703-389835724672","state":"queued","algorithm":"spin","version":1,"params":{"shards": 6},"inputs":[],"seed":0,"fingerprint":"cfe7fb5de4f9863daa5e4fe56b8ce3935c03286b7cab8ff030ed86613a092183","label":null,"priority":0,"deadline_at":null,"until":"done","submitter":"local","created_at":"2026-11-25T18:19:25.413826Z","started_at":null,"ended_at":null,"waiting_reason":null,"error":null,"estimate":null,"last_event":1,"failures":0,"stage":null}', '2026-11-25 18:19:25.413826+00');
INSERT INTO public.input_versions VALUES ('01a213ef-0abb-74b4-8fed-9478b281bb24', 1, '\xf97d86279895ccbd51229c342a5caffb011d6d2142d568dfd9973701595201cd', 208, '', '{"links": 3, "nodes": 3, "length_km": 240.5}', 'local', '2026-11-25 18:19:22.68338+00');
INSERT INTO public.input_versions VALUES ('01a213ef-0abb-74b4-8fed-9478b281bb24', 2, '\x4a4ffdb6701385dd6c1c7489fc0d1d50470ef496a8a08f94ba2eb5f578c21d01', 208, 'longer', '{"links": 3, "nodes": 3, "length_km": 250.5}', 'local', '2026-11-25 18:19:23.286402+00');
INSERT INTO public.inputs VALUES ('01a213ef-0abb-74b4-8fed-9478b281bb24', 'topology', 'triangle', 'local', 2, 2, '2026-11-25 18:19:22.68338+00', '2026-11-25 18:19:23.286402+00', NULL);
INSERT INTO public.leadership VALUES (0, 1, '127.0.0.1:45217', '2026-11-25 18:19:21.702997+00', '0.1.0');
INSERT INTO public.refinery_schema_history VALUES (1, 'first_house', '2026-11-25T18:19:21.473442329Z', '3500110224867609562');
INSERT INTO public.run_events VALUES ('01a213ef-0dee-7631-8368-d63b497641c2', 1, '2026-11-25 18:19:23.49646+00', 'state', '{"state": "queued"}');
INSERT INTO public.run_events VALUES ('01a213ef-0fa7-77b2-88bb-77897a02ebd2', 1, '2026-11-25 18:19:23.93977+00', 'state', '{"state": "queued"}');
INSERT INTO public.run_events VALUES ('01a213ef-11b6-74a6-b9a9-f2a2520023c9', 1, '2026-11-25 18:19:24.459496+00', 'state', '{"state": "queued"}');
INSERT INTO public.run_events VALUES ('01a213ef-1383-7074-8283-35bc4dbd0bdf', 1, '2026-11-25 18:19:24.930999+00', 'state', '{"state": "queued"}');
INSERT INTO public.run_events VALUES ('01a213ef-1577-72d9-b703-389835724672', 1, '2026-11-25 18:19:25.413826+00', 'state', '{"state": "queued"}');
INSERT INTO public.run_events VALUES ('01a213ef-11b6-74a6-b9a9-f2a2520023c9', 2, '2026-11-25 18:19:25.877125+00', 'state', '{"state": "cancelled"}');
INSERT INTO public.run_events VALUES ('01a213ef-0dee-7631-8368-d63b497641c2', 2, '2026-11-25 18:19:26.053378+00', 'state', '{"state": "running"}');
INSERT INTO public.run_events VALUES ('01a213ef-0fa7-77b2-88bb-77897a02ebd2', 2, '2026-11-25 18:19:26.053378+00', 'state', '{"state": "running"}');
INSERT INTO public.run_events VALUES ('01a213ef-1383-7074-8283-35bc4dbd0bdf', 2, '2026-11-25 18:19:26.053378+00', 'state', '{"state": "running"}');
INSERT INTO public.run_events VALUES ('01a213ef-0dee-7631-8368-d63b497641c2', 3, '2026-11-25 18:19:26.060352+00', 'stage_opened', '{"name": "spin", "stage": 0, "shards": 4}');
INSERT INTO public.run_events VALUES ('01a213ef-0fa7-77b2-88bb-77897a02ebd2', 3, '2026-11-25 18:19:26.060352+00', 'stage_opened', '{"name": "spin", "stage": 0, "shards": 4}');
INSERT INTO public.run_events VALUES ('01a213ef-1383-7074-8283-35bc4dbd0bdf', 3, '2026-11-25 18:19:26.060352+00', 'stage_opened', '{"name": "spin", "stage": 0, "shards": 4}');
INSERT INTO public.run_events VALUES ('01a213ef-0dee-7631-8368-d63b497641c2', 4, '2026-11-25 18:19:26.066791+00', 'stage_closed', '{"stage": 0}');
INSERT INTO public.run_events VALUES ('01a213ef-0dee-7631-8368-d63b497641c2', 5, '2026-11-25 18:19:26.066791+00', 'state', '{"state": "succeeded"}');
INSERT INTO public.run_events VALUES ('01a213ef-0fa7-77b2-88bb-77897a02ebd2', 4, '2026-11-25 18:19:26.070185+00', 'shard_failed', '{"kind": "panicked", "shard": 1, "stage": 0, "message": "index out of bounds"}');
INSERT INTO public.run_events VALUES ('01a213ef-0fa7-77b2-88bb-77897a02ebd2', 5, '2026-11-25 18:19:26.070185+00', 'state', '{"state": "failed"}');
INSERT INTO public.runs VALUES ('01a213ef-1577-72d9-b703-389835724672', 0, 'queued', 'spin', 1, '{"shards": 6}', '\x7b22616c676f726974686d223a227370696e222c2276657273696f6e223a312c22706172616d73223a7b22736861726473223a367d2c22696e70757473223a7b7d2c2273656564223a307d', '[]', 0, '\xcfe7fb5de4f9863daa5e4fe56b8ce3935c03286b7cab8ff030ed86613a092183', NULL, 0, NULL, 'done', 'local', '2026-11-25 18:19:25.413826+00', NULL, NULL, 'no worker is connected', 1, 0, NULL, NULL, NULL);
INSERT INTO public.runs VALUES ('01a213ef-11b6-74a6-b9a9-f2a2520023c9', 0, 'cancelled', 'spin', 1, '{"shards": 3}', '\x7b22616c676f726974686d223a227370696e222c2276657273696f6e223a312c22706172616d73223a7b22736861726473223a337d2c22696e70757473223a7b7d2c2273656564223a307d', '[]', 0, '\xfe0224b433dd7dca94a069571032035f9743d44ddc6eba8ae719eb4f45f3b9bd', NULL, 0, NULL, 'done', 'local', '2026-11-25 18:19:24.459496+00', NULL, '2026-11-25 18:19:25.877125+00', NULL, 2, 0, NULL, NULL, NULL);
INSERT INTO public.runs VALUES ('01a213ef-1383-7074-8283-35bc4dbd0bdf', 0, 'running', 'spin', 1, '{"shards": 5}', '\x7b22616c676f726974686d223a227370696e222c2276657273696f6e223a312c22706172616d73223a7b22736861726473223a357d2c22696e70757473223a7b7d2c2273656564223a307d', '[]', 0, '\xd2709798b604c9851a5a3c583e38335af5983a043652511249200002bcbd1f06', NULL, 0, NULL, 'done', 'local', '2026-11-25 18:19:24.930999+00', '2026-11-25 18:19:26.047196+00', NULL, NULL, 3, 0, NULL, NULL, NULL);
INSERT INTO public.runs VALUES ('01a213ef-0dee-7631-8368-d63b497641c2', 0, 'succeeded', 'gsnr', 1, '{}', '\x7b22616c676f726974686d223a2267736e72222c2276657273696f6e223a312c22706172616d73223a7b7d2c22696e70757473223a7b22746f706f6c6f6779223a2234613466666462363730313338356464366331633734383966633064316435303437306566343936613861303866393462613265623566353738633231643031227d2c2273656564223a377d', '[{"hash": "4a4ffdb6701385dd6c1c7489fc0d1d50470ef496a8a08f94ba2eb5f578c21d01", "role": "topology", "source": {"id": "01a213ef-0abb-74b4-8fed-9478b281bb24", "kind": "version", "name": "triangle", "version": 2}}]', 7, '\x55b6ddb07bb556689135ac158b9452ebb7e8aea3f93040f0871619584e6ae601', 'kept', 0, NULL, 'done', 'local', '2026-11-25 18:19:23.49646+00', '2026-11-25 18:19:26.047196+00', '2026-11-25 18:19:26.066194+00', NULL, 5, 0, NULL, NULL, '{"ratio": 0.5, "summary": {"routes": 6}}');
INSERT INTO public.runs VALUES ('01a213ef-0fa7-77b2-88bb-77897a02ebd2', 0, 'failed', 'spin', 1, '{"shards": 2}', '\x7b22616c676f726974686d223a227370696e222c2276657273696f6e223a312c22706172616d73223a7b22736861726473223a327d2c22696e70757473223a7b7d2c2273656564223a307d', '[]', 0, '\x2b57246829cd0e86cf7d6b3fb308b67d81f31bd9714791dd956c5d5ba6740910', NULL, 0, NULL, 'done', 'local', '2026-11-25 18:19:23.93977+00', '2026-11-25 18:19:26.047196+00', '2026-11-25 18:19:26.070496+00', NULL, 5, 1, '{"kind": "panicked", "shard": 1, "stage": 0, "worker": null, "message": "index out of bounds", "pointer": null, "attempts": 3}', NULL, NULL);
INSERT INTO public.shard_failures VALUES ('01a213ef-0fa7-77b2-88bb-77897a02ebd2', 4, 0, 1, NULL, '2026-11-25 18:19:26.067013+00', 'panicked', 'index out of bounds');
INSERT INTO public.shard_results_20261119 VALUES ('01a213ef-0dee-7631-8368-d63b497641c2', 0, 0, '01936f1e-0000-7000-8000-000000000001', '2026-11-25 18:19:26.060871+00', 11, 13, '{"payload": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "checksum": "cfcd208495d565ef66e7dff9f98764da"}');
INSERT INTO public.shard_results_20261119 VALUES ('01a213ef-0dee-7631-8368-d63b497641c2', 0, 1, '01936f1e-0000-7000-8000-000000000001', '2026-11-25 18:19:26.060871+00', 11, 13, '{"payload": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "checksum": "c4ca4238a0b923820dcc509a6f75849b"}');
INSERT INTO public.shard_results_20261119 VALUES ('01a213ef-0dee-7631-8368-d63b497641c2', 0, 2, '01936f1e-0000-7000-8000-000000000001', '2026-11-25 18:19:26.060871+00', 11, 13, '{"payload": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "checksum": "c81e728d9d4c2f636f067f89cc14862c"}');
INSERT INTO public.shard_results_20261119 VALUES ('01a213ef-0dee-7631-8368-d63b497641c2', 0, 3, '01936f1e-0000-7000-8000-000000000001', '2026-11-25 18:19:26.060871+00', 11, 13, '{"payload": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "checksum": "eccbc87e4b5ce2fe28308fd9f2a7baf3"}');
INSERT INTO public.shard_results_20261119 VALUES ('01a213ef-1383-7074-8283-35bc4dbd0bdf', 0, 0, '01936f1e-0000-7000-8000-000000000001', '2026-11-25 18:19:26.063055+00', 11, 13, '{"checksum": "cfcd208495d565ef66e7dff9f98764da"}');
INSERT INTO public.shard_results_20261119 VALUES ('01a213ef-1383-7074-8283-35bc4dbd0bdf', 0, 3, '01936f1e-0000-7000-8000-000000000001', '2026-11-25 18:19:26.063055+00', 11, 13, '{"checksum": "eccbc87e4b5ce2fe28308fd9f2a7baf3"}');
INSERT INTO public.stages VALUES ('01a213ef-1383-7074-8283-35bc4dbd0bdf', 0, 'spin', 5, 2, '2026-11-25 18:19:26.0583+00', NULL, '\xea0c4fd91cf222adb0e60f9b0bc96698bf86e024925f19432473fc99522e1851', '\x7b20227374616765223a2030207d', NULL);
INSERT INTO public.stages VALUES ('01a213ef-0dee-7631-8368-d63b497641c2', 0, 'spin', 4, 4, '2026-11-25 18:19:26.0583+00', '2026-11-25 18:19:26.070934+00', '\xea0c4fd91cf222adb0e60f9b0bc96698bf86e024925f19432473fc99522e1851', '\x7b20227374616765223a2030207d', NULL);
INSERT INTO public.stages VALUES ('01a213ef-0fa7-77b2-88bb-77897a02ebd2', 0, 'spin', 5, 0, '2026-11-25 18:19:26.0583+00', '2026-11-25 18:19:26.070934+00', '\xea0c4fd91cf222adb0e60f9b0bc96698bf86e024925f19432473fc99522e1851', '\x7b20227374616765223a2030207d', NULL);
INSERT INTO public.writer_position VALUES (0, 1, 5);
ALTER TABLE ONLY public.algorithms
    ADD CONSTRAINT algorithms_pkey PRIMARY KEY (name, version);
ALTER TABLE ONLY public.cluster_settings
    ADD CONSTRAINT cluster_settings_pkey PRIMARY KEY (partition);
ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.drain_requests
    ADD CONSTRAINT drain_requests_pkey PRIMARY KEY (worker);
ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (principal, key);
ALTER TABLE ONLY public.input_versions
    ADD CONSTRAINT input_versions_pkey PRIMARY KEY (input_id, version);
ALTER TABLE ONLY public.inputs
    ADD CONSTRAINT inputs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.leadership
    ADD CONSTRAINT leadership_pkey PRIMARY KEY (partition);
ALTER TABLE ONLY public.refinery_schema_history
    ADD CONSTRAINT refinery_schema_history_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.run_events
    ADD CONSTRAINT run_events_pkey PRIMARY KEY (run_id, seq);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.shard_failures
    ADD CONSTRAINT shard_failures_pkey PRIMARY KEY (run_id, seq);
ALTER TABLE ONLY public.shard_results
    ADD CONSTRAINT shard_results_pkey PRIMARY KEY (run_id, stage, shard);
ALTER TABLE ONLY public.shard_results_20261119
    ADD CONSTRAINT shard_results_20261119_pkey PRIMARY KEY (run_id, stage, shard);
ALTER TABLE ONLY public.shard_results_20261126
    ADD CONSTRAINT shard_results_20261126_pkey PRIMARY KEY (run_id, stage, shard);
ALTER TABLE ONLY public.shard_results_20261203
    ADD CONSTRAINT shard_results_20261203_pkey PRIMARY KEY (run_id, stage, shard);
ALTER TABLE ONLY public.shard_results_20261210
    ADD CONSTRAINT shard_results_20261210_pkey PRIMARY KEY (run_id, stage, shard);
ALTER TABLE ONLY public.shard_results_20261217
    ADD CONSTRAINT shard_results_20261217_pkey PRIMARY KEY (run_id, stage, shard);
ALTER TABLE ONLY public.shard_results_default
    ADD CONSTRAINT shard_results_default_pkey PRIMARY KEY (run_id, stage, shard);
ALTER TABLE ONLY public.stages
    ADD CONSTRAINT stages_pkey PRIMARY KEY (run_id, stage);
ALTER TABLE ONLY public.writer_position
    ADD CONSTRAINT writer_position_pkey PRIMARY KEY (partition);
CREATE INDEX idempotency_by_age ON public.idempotency USING btree (created_at);
CREATE INDEX inputs_listing ON public.inputs USING btree (kind, id) WHERE (deleted_at IS NULL);
CREATE INDEX runs_by_algorithm ON public.runs USING btree (algorithm, id);
CREATE INDEX runs_by_label ON public.runs USING btree (label, id) WHERE (label IS NOT NULL);
CREATE INDEX runs_by_state ON public.runs USING btree (state, id);
CREATE INDEX runs_by_submitter ON public.runs USING btree (submitter, id);
CREATE INDEX runs_open ON public.runs USING btree (partition, id) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text]));
CREATE INDEX runs_reusable ON public.runs USING btree (fingerprint, id) WHERE (state = 'succeeded'::text);
CREATE INDEX shard_failures_by_shard ON public.shard_failures USING btree (run_id, stage, shard, seq);
CREATE INDEX stages_open ON public.stages USING btree (run_id) WHERE (closed_at IS NULL);
ALTER INDEX public.shard_results_pkey ATTACH PARTITION public.shard_results_20261119_pkey;
ALTER INDEX public.shard_results_pkey ATTACH PARTITION public.shard_results_20261126_pkey;
ALTER INDEX public.shard_results_pkey ATTACH PARTITION public.shard_results_20261203_pkey;
ALTER INDEX public.shard_results_pkey ATTACH PARTITION public.shard_results_20261210_pkey;
ALTER INDEX public.shard_results_pkey ATTACH PARTITION public.shard_results_20261217_pkey;
ALTER INDEX public.shard_results_pkey ATTACH PARTITION public.shard_results_default_pkey;
ALTER TABLE ONLY public.input_versions
    ADD CONSTRAINT input_versions_hash_fkey FOREIGN KEY (hash) REFERENCES public.documents(hash);
ALTER TABLE ONLY public.input_versions
    ADD CONSTRAINT input_versions_input_id_fkey FOREIGN KEY (input_id) REFERENCES public.inputs(id);
ALTER TABLE ONLY public.run_events
    ADD CONSTRAINT run_events_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.shard_failures
    ADD CONSTRAINT shard_failures_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.stages
    ADD CONSTRAINT stages_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;
