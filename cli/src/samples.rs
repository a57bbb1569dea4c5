//! The sample networks that ship with the program.

use crate::error::CliError;

/// A network with its traffic.
#[derive(Debug)]
pub struct Sample {
    /// Its name on the command line.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// Its topology document.
    pub topology: &'static str,
    /// Its traffic document.
    pub traffic: &'static str,
}

/// Every sample.
pub const ALL: &[Sample] = &[
    Sample {
        name: "nsfnet",
        title: "NSFNET, the research backbone of the United States (14 sites)",
        topology: include_str!("../../samples/nsfnet/topology.json"),
        traffic: include_str!("../../samples/nsfnet/traffic.json"),
    },
    Sample {
        name: "italy",
        title: "a national network of Italy",
        topology: include_str!("../../samples/italy/topology.json"),
        traffic: include_str!("../../samples/italy/traffic.json"),
    },
];

/// The sample of this name.
pub fn find(name: &str) -> Result<&'static Sample, CliError> {
    let known = || ALL.iter().map(|sample| sample.name).collect::<Vec<_>>().join(", ");
    ALL.iter()
        .find(|sample| sample.name == name)
        .ok_or_else(|| CliError::Usage(format!("there is no sample {name:?}; there are {}", known())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_a_valid_network_with_traffic_between_its_sites() {
        for sample in ALL {
            let topology = serde_json::from_str(sample.topology).unwrap();
            let traffic = serde_json::from_str(sample.traffic).unwrap();
            assert!(
                !optics::validate::validate_topology(&topology)
                    .iter()
                    .any(optics::finding::Finding::is_error)
            );
            assert!(
                !optics::validate::validate_traffic_on(&traffic, &topology)
                    .iter()
                    .any(optics::finding::Finding::is_error)
            );
        }
        assert!(find("nsfnet").is_ok() && matches!(find("atlantis"), Err(CliError::Usage(_))));
    }
}
