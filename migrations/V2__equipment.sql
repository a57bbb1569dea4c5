-- Equipment libraries are inputs like topologies and traffic matrices.
ALTER TABLE inputs DROP CONSTRAINT inputs_kind_check;
ALTER TABLE inputs ADD CONSTRAINT inputs_kind_check CHECK (kind IN ('topology', 'traffic_matrix', 'equipment'));
