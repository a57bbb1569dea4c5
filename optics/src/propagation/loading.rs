//! Which other channels share the line with a channel that is looked at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comb::{Channel, Comb, CombError, channel_count};

/// Which channels share the line with the one under test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Loading {
    /// The whole band is full of channels like the one under test: GNPy's assumption. The answer does not depend on what
    /// else is lit.
    #[default]
    LikeItself,
    /// The whole band is full of the channels the lines are designed for: what a full line does to it.
    ReferenceFull,
    /// On each link the channels that are really lit there: adding a channel changes the answer.
    Actual,
}

impl Loading {
    /// The comb a channel is propagated in, where it is the same on all links; none for [`Loading::Actual`], where it is
    /// not (see [`LitLine`](super::LitLine)).
    ///
    /// `band` is what a comb of channels like itself fills (lower and upper edge in Hz); `reference` the comb of a full
    /// line, of which those whose slots overlap the channel's give way to it.
    pub fn comb(self, channel: Channel, band: [f64; 2], reference: &Comb) -> Result<Option<Comb>, CombError> {
        let apart = |other: &Channel| {
            let distance_hz = (other.frequency_hz - channel.frequency_hz).abs();
            // A Hertz of overlap is rounding.
            distance_hz + 1.0 >= f64::midpoint(other.slot_width_hz, channel.slot_width_hz)
        };
        match self {
            Self::LikeItself => {
                let count = channel_count(band[0], band[1], channel.slot_width_hz);
                Comb::uniform(band[0], count, channel).map(Some)
            }
            Self::ReferenceFull => {
                Comb::new(reference.iter().filter(apart).chain([channel]).collect()).map(Some)
            }
            Self::Actual => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(frequency_hz: f64, baud_rate: f64, slot_width_hz: f64) -> Channel {
        Channel {
            frequency_hz,
            baud_rate,
            slot_width_hz,
            roll_off: 0.15,
            offset_db: 0.0,
            tx_osnr_db: 40.0,
            tx_power_dbm: 0.0,
        }
    }

    #[test]
    fn a_wide_channel_takes_the_place_of_narrow_ones() {
        let reference = Comb::uniform(191.3e12, 76, channel(0.0, 32e9, 50e9)).unwrap();
        let wide = channel(193.1e12, 64e9, 75e9);
        let comb = |loading: Loading| loading.comb(wide, [191.3e12, 195.1e12], &reference).unwrap();
        assert_eq!(comb(Loading::LikeItself).map(|comb| comb.len()), Some(50));
        assert_eq!(comb(Loading::ReferenceFull).map(|comb| comb.len()), Some(76 - 3 + 1));
        assert_eq!(comb(Loading::Actual), None);
    }
}
