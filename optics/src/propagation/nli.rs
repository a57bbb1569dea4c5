//! Non-linear interference by the closed form of the incoherent Gaussian noise model.
//!
//! P. Poggiolini, "The GN model of non-linear propagation in uncompensated coherent optical systems"
//! (arXiv:1209.0394), eq. 120 and 123. The interference of channel i, as a share of its power, is
//!
//! ```text
//! r_i = γ_i² Σ_j G_ij (Le_j P_j)²      G_ij = w_ij / (2π B_ij La_j R_j²) · [asinh(K_ij (Δf_ij + R_j/2)) − asinh(K_ij (Δf_ij − R_j/2))]/2
//! ```
//!
//! with K_ij = π² La_j B_ij R_i, B_ij the mean |β₂|, La = 1/α, Le the effective length, w_ij = 16/27 for the channel
//! itself and 32/27 for others. G depends on the kind of fibre and the comb only, so it is made once.

use std::f64::consts::PI;

use super::comb::Channels;
use super::fibre::{FibreOnComb, PerChannel};
use super::light::Light;

/// Weight of a channel's interference with itself.
pub(crate) const SELF_WEIGHT: f64 = 16.0 / 27.0;
/// Weight of the interference of another channel.
pub(crate) const CROSS_WEIGHT: f64 = 32.0 / 27.0;

/// The matrix G, column by column.
#[derive(Debug)]
pub(crate) struct Kernel {
    shape: Shape,
    count: usize,
}

#[derive(Debug)]
enum Shape {
    /// G depends on i − j: its values from i − j = 1 − n to n − 1.
    Toeplitz(Vec<f64>),
    /// All columns, one behind the other.
    Full(Vec<f64>),
}

impl Kernel {
    pub(crate) fn new(channels: &Channels, fibre: &FibreOnComb) -> Self {
        let count = channels.frequency_hz.len();
        let shape = match (&fibre.alpha, &fibre.beta2, Lattice::of(channels)) {
            (PerChannel::Flat(alpha), PerChannel::Flat(beta2), Some(lattice)) => {
                let baud_rate = channels.baud_rate[0];
                let by_distance: Vec<f64> = (0..=lattice.extent)
                    .map(|steps| {
                        let weight = if steps == 0 { SELF_WEIGHT } else { CROSS_WEIGHT };
                        weight
                            * coupling(
                                steps as f64 * lattice.step_hz,
                                baud_rate,
                                baud_rate,
                                *alpha,
                                beta2.abs(),
                            )
                    })
                    .collect();
                if lattice.extent + 1 == count {
                    Shape::Toeplitz(
                        (1..count).rev().chain(0..count).map(|steps| by_distance[steps]).collect(),
                    )
                } else {
                    let place = &lattice.places;
                    let steps = place.iter().flat_map(|j| place.iter().map(move |i| i.abs_diff(*j)));
                    Shape::Full(steps.map(|steps| by_distance[steps]).collect())
                }
            }
            _ => Shape::Full(
                (0..count)
                    .flat_map(|j| (0..count).map(move |i| (i, j)))
                    .map(|(i, j)| {
                        let weight = if i == j { SELF_WEIGHT } else { CROSS_WEIGHT };
                        let distance_hz = channels.frequency_hz[j] - channels.frequency_hz[i];
                        let beta2 = f64::midpoint(fibre.beta2.at(i), fibre.beta2.at(j)).abs();
                        let [cut, pump] = [channels.baud_rate[i], channels.baud_rate[j]];
                        weight * coupling(distance_hz, cut, pump, fibre.alpha.at(j), beta2)
                    })
                    .collect(),
            ),
        };
        Self { shape, count }
    }

    /// Adds the interference of pumps (Le·P)², left in the light's scratch, times a factor common to all.
    pub(crate) fn interfere(&self, light: &mut Light, gamma_squared: &[f64], factor: f64) {
        let [pumps, shares] = &mut light.scratch;
        self.multiply(pumps, shares);
        for (((nli, ase), share), gamma) in
            light.nli.iter_mut().zip(&light.ase).zip(shares).zip(gamma_squared)
        {
            let share = *share * gamma * factor;
            *nli += (1.0 + ase + *nli) * share / (1.0 - share);
        }
    }

    /// G·x, four columns at a time: loads and stores of the result are shared by four products.
    fn multiply(&self, x: &[f64], result: &mut [f64]) {
        let count = self.count;
        let column = |j: usize| match &self.shape {
            Shape::Toeplitz(values) => &values[count - 1 - j..2 * count - 1 - j],
            Shape::Full(values) => &values[j * count..(j + 1) * count],
        };
        result.fill(0.0);
        let whole = count - count % 4;
        for j in (0..whole).step_by(4) {
            let [x0, x1, x2, x3] = [x[j], x[j + 1], x[j + 2], x[j + 3]];
            let columns = column(j).iter().zip(column(j + 1)).zip(column(j + 2)).zip(column(j + 3));
            for (sum, (((c0, c1), c2), c3)) in result.iter_mut().zip(columns) {
                *sum += (c0 * x0 + c1 * x1) + (c2 * x2 + c3 * x3);
            }
        }
        for (j, x) in x.iter().enumerate().skip(whole) {
            for (sum, value) in result.iter_mut().zip(column(j)) {
                *sum += value * x;
            }
        }
    }
}

/// G_ij without its weight. Without dispersion the bracket over B tends to π²·La·R_i·R_j, which is taken there.
fn coupling(distance_hz: f64, cut_baud: f64, pump_baud: f64, alpha: f64, beta2: f64) -> f64 {
    let asymptotic_m = 1.0 / alpha;
    let slope = PI * PI * asymptotic_m * beta2 * cut_baud;
    if slope * (distance_hz.abs() + pump_baud) < 1e-9 {
        return PI * cut_baud / (4.0 * pump_baud);
    }
    let upper = (slope * (distance_hz + pump_baud / 2.0)).asinh();
    let lower = (slope * (distance_hz - pump_baud / 2.0)).asinh();
    (upper - lower) / 2.0 / (2.0 * PI * beta2 * asymptotic_m * pump_baud * pump_baud)
}

/// Channels of one symbol rate whose centres are whole steps apart.
struct Lattice {
    step_hz: f64,
    /// Steps from the first channel to each.
    places: Vec<usize>,
    /// Steps from the first channel to the last.
    extent: usize,
}

impl Lattice {
    /// None where the channels are no lattice, or one too sparse to be worth it.
    fn of(channels: &Channels) -> Option<Self> {
        let frequency = &channels.frequency_hz;
        let baud_rate = channels.baud_rate[0];
        if channels.baud_rate.iter().any(|other| other.to_bits() != baud_rate.to_bits()) {
            return None;
        }
        let step_hz = frequency.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        if frequency.len() == 1 {
            return Some(Self { step_hz: 1.0, places: vec![0], extent: 0 });
        }
        let places = frequency.iter().map(|f| {
            let steps = (f - frequency[0]) / step_hz;
            // A hundredth of a Hertz per step is rounding of the file, not another place.
            let whole = (steps - steps.round()).abs() * step_hz < 1e-2 * (1.0 + steps);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be below 4096"
            )]
            let place = (whole && steps < 4096.0).then(|| steps.round() as usize);
            place
        });
        let places = places.collect::<Option<Vec<usize>>>()?;
        let extent = places.last().copied()?;
        Some(Self { step_hz, places, extent })
    }
}
