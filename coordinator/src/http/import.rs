//! Files of other formats as documents; what is wrong with them comes with sheet, row and column.

use optics::finding::Finding;
use optics::topology::Topology;
use optics::traffic::TrafficMatrix;

/// The network part of a file.
pub fn topology(format: &str, _file: &[u8]) -> Result<(Topology, Vec<Finding>), Vec<Finding>> {
    Err(vec![Finding::error("UNKNOWN_FORMAT", "", format!("{format} is not known"))])
}

/// The demands of a file.
pub fn traffic(format: &str, _file: &[u8]) -> Result<(TrafficMatrix, Vec<Finding>), Vec<Finding>> {
    Err(vec![Finding::error("UNKNOWN_FORMAT", "", format!("{format} is not known"))])
}
