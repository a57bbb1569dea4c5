//! Which other channels share the line with a channel that is looked at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comb::{Channel, Comb, CombError, channel_count};

/// What a line is taken to be lit with when the quality of a channel is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Loading {
    /// Channels like the one looked at, all over the band, as GNPy does: the answer does not depend on what else is lit.
    #[default]
    LikeItself,
    /// The reference comb, but for the channels in the way of the one looked at: what a full line of today does to it.
    ReferenceFull,
    /// The channels really lit: the least margin is kept, and adding a channel changes the answer.
    Actual,
}

impl Loading {
    /// The comb a channel is propagated in.
    ///
    /// `band` is what a comb of channels like itself fills (lower and upper edge in Hz); `reference` the comb of a full
    /// line; `lit` the channels really lit. Of the latter two, those whose slots overlap the channel's give way to it.
    pub fn comb(
        self,
        channel: Channel,
        band: [f64; 2],
        reference: &Comb,
        lit: &[Channel],
    ) -> Result<Comb, CombError> {
        match self {
            Self::LikeItself => {
                Comb::uniform(band[0], channel_count(band[0], band[1], channel.slot_width_hz), channel)
            }
            Self::ReferenceFull => Self::beside(channel, reference.iter()),
            Self::Actual => Self::beside(channel, lit.iter().copied()),
        }
    }

    fn beside(channel: Channel, others: impl Iterator<Item = Channel>) -> Result<Comb, CombError> {
        let apart = |other: &Channel| {
            let distance_hz = (other.frequency_hz - channel.frequency_hz).abs();
            // A Hertz of overlap is rounding.
            distance_hz + 1.0 >= f64::midpoint(other.slot_width_hz, channel.slot_width_hz)
        };
        Comb::new(others.filter(apart).chain([channel]).collect())
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
        let comb =
            |loading: Loading, lit: &[Channel]| loading.comb(wide, [191.3e12, 195.1e12], &reference, lit);
        assert_eq!(comb(Loading::LikeItself, &[]).unwrap().len(), 50);
        assert_eq!(comb(Loading::ReferenceFull, &[]).unwrap().len(), 76 - 3 + 1);
        assert_eq!(comb(Loading::Actual, &[]).unwrap().len(), 1);
        let neighbours = [
            channel(193.1625e12, 32e9, 50e9),
            channel(193.0e12, 32e9, 50e9),
            channel(193.125e12, 32e9, 50e9),
        ];
        let lit = comb(Loading::Actual, &neighbours).unwrap();
        assert_eq!(lit.len(), 3, "the one that overlaps gives way, the one that touches stays");
    }
}
