-- What is kept for how long, large documents in pieces, and an index for every query of the API.

-- Which documents a run takes. A document that no version of an input and no run refers to is collected.
CREATE TABLE run_documents (
    run_id uuid NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    hash   bytea NOT NULL REFERENCES documents (hash),
    PRIMARY KEY (run_id, hash)
);
CREATE INDEX run_documents_by_hash ON run_documents (hash);
CREATE INDEX input_versions_by_hash ON input_versions (hash);
INSERT INTO run_documents (run_id, hash)
SELECT DISTINCT r.id, d.hash
  FROM runs r, jsonb_array_elements(r.inputs) AS i (input)
  JOIN documents d ON d.hash = decode(i.input ->> 'hash', 'hex');

-- A large document has no `bytes`, but pieces of equal size that follow each other, the last one shorter.
ALTER TABLE documents ADD COLUMN size bigint;
UPDATE documents SET size = octet_length(bytes);
ALTER TABLE documents
    ALTER COLUMN size SET NOT NULL,
    ALTER COLUMN bytes DROP NOT NULL,
    ADD CONSTRAINT documents_size CHECK (bytes IS NULL OR size = octet_length(bytes));
CREATE TABLE document_pieces (
    hash  bytea NOT NULL REFERENCES documents (hash) ON DELETE CASCADE,
    piece integer NOT NULL CHECK (piece >= 0),
    bytes bytea NOT NULL,
    PRIMARY KEY (hash, piece)
);
DO $$
BEGIN
    ALTER TABLE document_pieces ALTER COLUMN bytes SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN
    RAISE NOTICE 'this server has no lz4: pglz compresses';
END
$$;

-- What an ended run has lost to its age, and when.
ALTER TABLE runs
    ADD COLUMN results_dropped_at timestamptz,
    ADD COLUMN report_dropped_at timestamptz,
    ADD COLUMN history_dropped_at timestamptz,
    DROP CONSTRAINT runs_check3,
    ADD CONSTRAINT runs_report CHECK ((state = 'succeeded') = (report IS NOT NULL OR report_dropped_at IS NOT NULL)),
    ADD CONSTRAINT runs_dropped CHECK (ended_at IS NOT NULL OR (results_dropped_at IS NULL AND history_dropped_at IS NULL));
-- the janitor's way to what is old, without passing over what it has done
CREATE INDEX runs_by_end ON runs (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX runs_with_report ON runs (ended_at) WHERE report IS NOT NULL;
CREATE INDEX runs_with_history ON runs (ended_at) WHERE ended_at IS NOT NULL AND history_dropped_at IS NULL;
