//! Bounds that both ends of the cluster link rely on. Settings may lower, never raise them.

/// The largest message on the cluster link; a sender refuses to send more, because a receiver would drop the link.
pub const MESSAGE_BYTES: usize = 1 << 20;

/// The largest piece of a document in one message: small enough that heartbeats behind it are not held up.
pub const PIECE_BYTES: usize = 256 << 10;

/// Results up to this size are sent unasked; larger ones are announced and asked for, so that many workers finishing
/// at once cannot fill the coordinator's memory.
pub const INLINE_RESULT_BYTES: usize = 64 << 10;

/// About what the coordinator holds for a result beside its bytes, on its way from the link to the database: what bounds
/// memory counts it, because of small results it is most.
pub const HELD_RESULT_BYTES: usize = 768;

/// The largest document that comes unasked, with the assignment that needs it; larger ones are asked for, so that the
/// receiver sets the pace.
pub const DOCUMENT_ALONG_BYTES: usize = 128 << 10;

/// The largest state of a stage.
pub const STATE_BYTES: usize = 16 << 20;

/// The largest partial result or report.
pub const RESULT_BYTES: usize = 64 << 20;

/// The most shards in a stage.
pub const SHARDS_PER_STAGE: u32 = 10_000_000;

/// The most stages in a run.
pub const STAGES_PER_RUN: u32 = 10_000;

/// The deepest nesting of a stored document (Postgres' own limit is far above, serde_json's is 128).
pub const DOCUMENT_DEPTH: usize = 100;

/// The longest note that an algorithm leaves on a shard: some lines, so that a stage in which every shard fails stays
/// readable and small.
pub const NOTE_BYTES: usize = 4096;

/// The most inputs that a worker lists: a run has a handful, and those used last are the ones that matter.
pub const LISTED_INPUTS: usize = 256;

/// The most unacknowledged results that one heartbeat lists: a heartbeat must stay far below [`MESSAGE_BYTES`], and
/// older ones are listed as younger ones are acknowledged.
pub const LISTED_RESULTS: usize = 4096;
