//! The channels that share a line: a comb, as a structure of arrays.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::decibel::{dbm, to_db, watts};

/// The channels that share a line, ascending in frequency. Cheap to clone, immutable.
#[derive(Clone, Debug)]
pub struct Comb {
    channels: Arc<Channels>,
    fingerprint: u64,
}

/// What is known of each channel; all arrays have the same length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Channels {
    /// Centres, in Hz.
    pub frequency_hz: Vec<f64>,
    /// Symbol rates, in Bd.
    pub baud_rate: Vec<f64>,
    /// Widths of the slots, in Hz.
    pub slot_width_hz: Vec<f64>,
    /// Roll-offs of the spectra.
    pub roll_off: Vec<f64>,
    /// Offsets of the power to the target of ROADMs, in dB.
    pub offset_db: Vec<f64>,
    /// OSNR of the transmitters, in dB over 0.1 nm.
    pub tx_osnr_db: Vec<f64>,
    /// Powers of the transmitters, in W.
    pub tx_power_w: Vec<f64>,
}

/// One channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Channel {
    /// Centre, in Hz.
    pub frequency_hz: f64,
    /// Symbol rate, in Bd.
    pub baud_rate: f64,
    /// Width of its slot, in Hz.
    pub slot_width_hz: f64,
    /// Roll-off of its spectrum.
    pub roll_off: f64,
    /// Offset of its power to the target of ROADMs, in dB.
    pub offset_db: f64,
    /// OSNR of its transmitter, in dB over 0.1 nm.
    pub tx_osnr_db: f64,
    /// Power of its transmitter, in dBm.
    pub tx_power_dbm: f64,
}

/// A run of equal channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Partition {
    /// Centre of the first, in Hz.
    pub f_min_hz: f64,
    /// No centre lies above, in Hz.
    pub f_max_hz: f64,
    /// What the channels are, except for their frequency; they are one slot width apart.
    pub channel: Channel,
}

/// Why channels make no comb.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CombError {
    /// There is no channel.
    #[error("a comb has at least one channel")]
    Empty,
    /// A figure that is no number, or not positive where it must be.
    #[error("the channel at {frequency_thz} THz: {field} {value} is impossible")]
    Impossible {
        /// Centre of the channel, in THz.
        frequency_thz: f64,
        /// Which figure.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// A signal wider than its slot.
    #[error(
        "the channel at {frequency_thz} THz: its symbol rate {baud_rate} Bd exceeds its slot of {slot_width_hz} Hz"
    )]
    TooWide {
        /// Centre of the channel, in THz.
        frequency_thz: f64,
        /// Symbol rate, in Bd.
        baud_rate: f64,
        /// Width of the slot, in Hz.
        slot_width_hz: f64,
    },
    /// Two channels in the same place.
    #[error("the channels at {lower_thz} THz and {upper_thz} THz overlap")]
    Overlap {
        /// Centre of the lower, in THz.
        lower_thz: f64,
        /// Centre of the upper, in THz.
        upper_thz: f64,
    },
}

/// How many channels a spacing leaves in a band: ⌊(f_max − f_min)/spacing⌋, exact for whole Hertz; 0 for no spacing.
pub fn channel_count(f_min_hz: f64, f_max_hz: f64, spacing_hz: f64) -> usize {
    let width = f_max_hz - f_min_hz;
    if !(width.is_finite() && spacing_hz > 0.0 && width >= spacing_hz) {
        return 0;
    }
    // Dividing after the remainder is gone cannot be rounded up past a whole number.
    let count = ((width - width % spacing_hz) / spacing_hz).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small positive whole number"
    )]
    let count = count as usize;
    count
}

impl Comb {
    /// The comb of these channels, in any order.
    pub fn new(mut channels: Vec<Channel>) -> Result<Self, CombError> {
        if channels.is_empty() {
            return Err(CombError::Empty);
        }
        channels.sort_by(|a, b| a.frequency_hz.total_cmp(&b.frequency_hz));
        channels.iter().try_for_each(Channel::check)?;
        for pair in channels.windows(2) {
            let (lower, upper) = (&pair[0], &pair[1]);
            if lower.frequency_hz + lower.slot_width_hz / 2.0 > upper.frequency_hz - upper.slot_width_hz / 2.0
            {
                return Err(CombError::Overlap {
                    lower_thz: lower.frequency_hz * 1e-12,
                    upper_thz: upper.frequency_hz * 1e-12,
                });
            }
        }
        let of = |field: fn(&Channel) -> f64| channels.iter().map(field).collect::<Vec<f64>>();
        Ok(Self::of_arrays(Channels {
            frequency_hz: of(|channel| channel.frequency_hz),
            baud_rate: of(|channel| channel.baud_rate),
            slot_width_hz: of(|channel| channel.slot_width_hz),
            roll_off: of(|channel| channel.roll_off),
            offset_db: of(|channel| channel.offset_db),
            tx_osnr_db: of(|channel| channel.tx_osnr_db),
            tx_power_w: of(|channel| watts(channel.tx_power_dbm)),
        }))
    }

    /// Equal channels, one slot width apart, the first one slot width above `f_min_hz`; the frequency of `channel` is ignored.
    pub fn uniform(f_min_hz: f64, count: usize, channel: Channel) -> Result<Self, CombError> {
        let spacing_hz = channel.slot_width_hz;
        Self::new((1..=count).map(|i| channel.at(f_min_hz + spacing_hz * i as f64)).collect())
    }

    /// Runs of equal channels; each begins at its `f_min_hz` itself.
    pub fn mixed(partitions: &[Partition]) -> Result<Self, CombError> {
        let channels = partitions.iter().flat_map(|partition| {
            let spacing_hz = partition.channel.slot_width_hz;
            let fits = partition.f_max_hz >= partition.f_min_hz;
            let count =
                if fits { channel_count(partition.f_min_hz, partition.f_max_hz, spacing_hz) + 1 } else { 0 };
            (0..count).map(move |i| partition.channel.at(partition.f_min_hz + spacing_hz * i as f64))
        });
        Self::new(channels.collect())
    }

    fn of_arrays(channels: Channels) -> Self {
        let mut hasher = DefaultHasher::new();
        for array in channels.arrays() {
            for value in array {
                value.to_bits().hash(&mut hasher);
            }
        }
        Self { fingerprint: hasher.finish(), channels: Arc::new(channels) }
    }

    /// The channels.
    pub fn channels(&self) -> &Channels {
        &self.channels
    }

    /// The channels one by one, ascending in frequency.
    pub fn iter(&self) -> impl Iterator<Item = Channel> + '_ {
        let of = &self.channels;
        (0..self.len()).map(|i| Channel {
            frequency_hz: of.frequency_hz[i],
            baud_rate: of.baud_rate[i],
            slot_width_hz: of.slot_width_hz[i],
            roll_off: of.roll_off[i],
            offset_db: of.offset_db[i],
            tx_osnr_db: of.tx_osnr_db[i],
            tx_power_dbm: dbm(of.tx_power_w[i]),
        })
    }

    /// How many channels there are; at least one.
    pub fn len(&self) -> usize {
        self.channels.frequency_hz.len()
    }

    /// Never: a comb has at least one channel.
    pub fn is_empty(&self) -> bool {
        self.channels.frequency_hz.is_empty()
    }

    /// The same comb with every transmitter at this power, in W.
    pub fn with_tx_power(&self, power_w: f64) -> Result<Self, CombError> {
        let mut channels = (*self.channels).clone();
        channels.tx_power_w.fill(power_w);
        if !(power_w.is_finite() && power_w > 0.0) {
            let frequency_thz = channels.frequency_hz[0] * 1e-12;
            return Err(CombError::Impossible {
                frequency_thz,
                field: "tx power",
                value: to_db(power_w * 1e3),
            });
        }
        Ok(Self::of_arrays(channels))
    }

    /// The positions, as ranges, of the channels whose slots lie within one of these bands (lower and upper edge in Hz).
    pub(crate) fn positions_within(&self, bands: &[[f64; 2]]) -> Vec<[usize; 2]> {
        let (frequency, width) = (&self.channels.frequency_hz, &self.channels.slot_width_hz);
        let within = |i: usize, band: &[f64; 2]| {
            frequency[i] - width[i] / 2.0 >= band[0] && frequency[i] + width[i] / 2.0 <= band[1]
        };
        let mut ranges: Vec<[usize; 2]> = Vec::new();
        for i in (0..self.len()).filter(|&i| bands.iter().any(|band| within(i, band))) {
            match ranges.last_mut() {
                Some(last) if last[1] == i => last[1] = i + 1,
                _ => ranges.push([i, i + 1]),
            }
        }
        ranges
    }

    /// The channels at these positions; none where that leaves nothing.
    pub(crate) fn at_positions(&self, ranges: &[[usize; 2]]) -> Option<Self> {
        if ranges == [[0, self.len()]] {
            return Some(self.clone());
        }
        if ranges.is_empty() {
            return None;
        }
        let cut = |array: &[f64]| ranges.iter().flat_map(|&[from, to]| &array[from..to]).copied().collect();
        let [frequency_hz, baud_rate, slot_width_hz, roll_off, offset_db, tx_osnr_db, tx_power_w] =
            self.channels.arrays().map(|array| cut(array));
        let channels =
            Channels { frequency_hz, baud_rate, slot_width_hz, roll_off, offset_db, tx_osnr_db, tx_power_w };
        Some(Self::of_arrays(channels))
    }
}

/// Combs are equal when all their channels are, to the last bit.
impl PartialEq for Comb {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
            && (Arc::ptr_eq(&self.channels, &other.channels) || self.channels == other.channels)
    }
}

impl Channels {
    fn arrays(&self) -> [&Vec<f64>; 7] {
        [
            &self.frequency_hz,
            &self.baud_rate,
            &self.slot_width_hz,
            &self.roll_off,
            &self.offset_db,
            &self.tx_osnr_db,
            &self.tx_power_w,
        ]
    }
}

impl Channel {
    /// The same channel elsewhere.
    #[must_use]
    pub fn at(self, frequency_hz: f64) -> Self {
        Self { frequency_hz, ..self }
    }

    fn check(&self) -> Result<(), CombError> {
        let frequency_thz = self.frequency_hz * 1e-12;
        for (field, value, least) in [
            ("frequency", self.frequency_hz, f64::MIN_POSITIVE),
            ("symbol rate", self.baud_rate, f64::MIN_POSITIVE),
            ("slot width", self.slot_width_hz, f64::MIN_POSITIVE),
            ("roll-off", self.roll_off, 0.0),
            ("power offset", self.offset_db, -200.0),
            ("transmitter OSNR", self.tx_osnr_db, -200.0),
            ("transmitter power", self.tx_power_dbm, -200.0),
        ] {
            if !(value.is_finite() && value >= least) {
                return Err(CombError::Impossible { frequency_thz, field, value });
            }
        }
        if self.baud_rate > self.slot_width_hz {
            let (baud_rate, slot_width_hz) = (self.baud_rate, self.slot_width_hz);
            return Err(CombError::TooWide { frequency_thz, baud_rate, slot_width_hz });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNEL: Channel = Channel {
        frequency_hz: 0.0,
        baud_rate: 32e9,
        slot_width_hz: 50e9,
        roll_off: 0.15,
        offset_db: 0.0,
        tx_osnr_db: 40.0,
        tx_power_dbm: 0.0,
    };

    #[test]
    fn a_uniform_comb_begins_one_spacing_above_its_band() {
        let comb = Comb::uniform(191.3e12, channel_count(191.3e12, 196.1e12, 50e9), CHANNEL).unwrap();
        assert_eq!(comb.len(), 96);
        assert!((comb.channels().frequency_hz[0] - 191.35e12).abs() < 1.0);
        assert!((comb.channels().frequency_hz[95] - 196.1e12).abs() < 1.0);
        let cut = comb.positions_within(&[[191.3e12, 196.1e12]]);
        assert_eq!(cut, [[0, 95]], "the last slot reaches over the band's edge");
        assert_eq!(comb.at_positions(&cut).unwrap().len(), 95);
        assert!(comb.at_positions(&comb.positions_within(&[[186e12, 187e12]])).is_none());
    }

    #[test]
    fn a_mixed_comb_begins_at_the_edges_of_its_partitions() {
        let wide = Channel { baud_rate: 64e9, slot_width_hz: 75e9, ..CHANNEL };
        let comb = Comb::mixed(&[
            Partition { f_min_hz: 193.0e12, f_max_hz: 193.2e12, channel: wide },
            Partition { f_min_hz: 191.4e12, f_max_hz: 191.5e12, channel: CHANNEL },
        ])
        .unwrap();
        let expected = [191.4e12, 191.45e12, 191.5e12, 193.0e12, 193.075e12, 193.15e12];
        assert_eq!(comb.len(), expected.len());
        for (found, expected) in comb.channels().frequency_hz.iter().zip(expected) {
            assert!((found - expected).abs() < 1.0);
        }
        assert_eq!(comb.positions_within(&[[191.3e12, 191.5e12], [193.0e12, 193.2e12]]), [[0, 2], [4, 6]]);
    }

    #[test]
    fn impossible_channels_are_refused() {
        let comb = |channels: &[Channel]| Comb::new(channels.to_vec());
        assert_eq!(comb(&[]), Err(CombError::Empty));
        let at = CHANNEL.at(193.1e12);
        assert!(matches!(comb(&[at, at.at(193.14e12)]), Err(CombError::Overlap { .. })));
        assert!(matches!(comb(&[Channel { baud_rate: 60e9, ..at }]), Err(CombError::TooWide { .. })));
        let nothing = Channel { tx_power_dbm: f64::NEG_INFINITY, ..at };
        assert!(matches!(comb(&[nothing]), Err(CombError::Impossible { field: "transmitter power", .. })));
        assert_eq!(channel_count(193e12, 192e12, 50e9), 0);
        assert_eq!(channel_count(193e12, 194e12, 0.0), 0);
    }
}
