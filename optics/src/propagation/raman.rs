//! Stimulated Raman scattering: how powers run along a fibre when channels and pumps feed each other.
//!
//! dP_i/dz = ±P_i·(−α_i + Σ_j C_ij·P_j), with light running both ways; the gain C scales with frequency and with the
//! overlap of the modes (D'Amico et al., J. Lightwave Technol. 40 (2022), 3499-3511, III.D). Pumps also make noise.

use super::amplifier::PLANCK;
use super::comb::Channels;
use super::fibre::{FibreClass, FibreOnComb, FibreSpan, OutOfTable};
use super::solver::{RamanMethod, RamanSolver};
use crate::equipment::defaults;
use crate::line::{RamanPump, RamanPumping};

/// Boltzmann's constant, in J/K.
const BOLTZMANN: f64 = 1.380_649e-23;
/// When a pass changes no power by more, both directions agree.
const SETTLED: f64 = 1e-6;
/// When the equations hold as well as this, the powers are good enough.
const ACCURATE: f64 = 1e-3;
/// More passes are of no use.
const PASSES: usize = 1000;

/// Powers along a fibre.
#[derive(Debug)]
pub(crate) struct PowerProfile {
    /// Places along the fibre, in m, from 0 to its length.
    pub z_m: Vec<f64>,
    /// Power of each channel at each place, relative to what enters: all places of one channel behind each other.
    pub relative: Vec<f64>,
    pumps: Vec<(RamanPump, Vec<f64>)>,
}

impl PowerProfile {
    /// Without Raman scattering: exponential between the splices.
    pub(crate) fn exponential(span: &FibreSpan, fibre: &FibreOnComb, channels: usize) -> Self {
        let (z_m, transmission) = with_splices(vec![0.0, span.length_m], &span.lumped);
        let mut relative = Vec::with_capacity(channels * z_m.len());
        for channel in 0..channels {
            let mut spliced = 1.0;
            for (z, transmission) in z_m.iter().zip(&transmission) {
                spliced *= transmission;
                relative.push((-fibre.alpha.at(channel) * z).exp() * spliced);
            }
        }
        Self { z_m, relative, pumps: Vec::new() }
    }

    /// With Raman scattering among channels that enter with these powers, and pumps.
    pub(crate) fn with_raman(
        span: &FibreSpan,
        class: &FibreClass,
        channels: &Channels,
        power_w: &[f64],
        pumping: Option<&RamanPumping>,
        (solver, resolution_m): (&RamanSolver, f64),
    ) -> Result<Self, OutOfTable> {
        let pumps = pumping.map_or(&[][..], |pumping| &pumping.pumps);
        let lit = |co: bool| pumps.iter().filter(move |pump| pump.co_propagating == co);
        // What is fed in at the end has passed the connector there.
        let entering = |pump: &RamanPump| pump.power_w * span.transmission_out;
        let forward_w: Vec<f64> = power_w.iter().copied().chain(lit(true).map(entering)).collect();
        let backward_w: Vec<f64> = lit(false).map(entering).collect();
        let frequency: Vec<f64> = channels
            .frequency_hz
            .iter()
            .copied()
            .chain(lit(true).map(|pump| pump.frequency_hz))
            .chain(lit(false).map(|pump| pump.frequency_hz))
            .collect();
        let alpha = class.alpha(&frequency)?;
        let alpha: Vec<f64> = (0..frequency.len()).map(|i| alpha.at(i)).collect();
        let gain = class.raman_gain(&frequency);
        let (z, transmission) = with_splices(points(span.length_m, solver.step_m), &span.lumped);
        let ways = Ways { alpha: &alpha, gain: &gain, forward: forward_w.len() };
        let mut power = ways.one_way(0..forward_w.len(), &forward_w, &z, &transmission, solver.method);
        if !backward_w.is_empty() {
            let mirrored: Vec<f64> = z.iter().rev().map(|place| span.length_m - place).collect();
            let splices: Vec<f64> = transmission.iter().rev().copied().collect();
            let backward = forward_w.len()..frequency.len();
            let seen_backward = ways.one_way(backward, &backward_w, &mirrored, &splices, solver.method);
            power.extend(seen_backward.chunks(z.len()).flat_map(|row| row.iter().rev()));
            ways.both_ways(&mut power, &z, &transmission);
        }
        let (kept, _) = with_splices(points(span.length_m, resolution_m), &span.lumped);
        let row = |i: usize| resample(&z, &power[i * z.len()..(i + 1) * z.len()], &kept);
        let relative = (0..power_w.len())
            .flat_map(|i| row(i).into_iter().map(move |power| power / power_w[i]))
            .collect();
        let ordered = lit(true).chain(lit(false)).enumerate();
        let pumps = ordered.map(|(i, pump)| (*pump, row(power_w.len() + i))).collect();
        Ok(Self { z_m: kept, relative, pumps })
    }

    /// Relative power of a channel at each place.
    pub(crate) fn of(&self, channel: usize) -> &[f64] {
        &self.relative[channel * self.z_m.len()..(channel + 1) * self.z_m.len()]
    }

    /// Relative power of a channel at the end.
    pub(crate) fn at_end(&self, channel: usize) -> f64 {
        self.relative[(channel + 1) * self.z_m.len() - 1]
    }

    /// Power of spontaneous Raman scattering in each channel, as if it came in at the fibre's start, in W:
    /// Σ over pumps above of 2·h·f·R·(1 + η)·C·∫ P_pump/relative dz, η the phonons at the fibre's temperature.
    pub(crate) fn spontaneous_w(
        &self,
        class: &FibreClass,
        channels: &Channels,
        temperature_k: f64,
    ) -> Vec<f64> {
        let mut noise = vec![0.0; channels.frequency_hz.len()];
        for (pump, power) in &self.pumps {
            for (i, noise) in noise.iter_mut().enumerate() {
                let frequency = channels.frequency_hz[i];
                let distance_hz = pump.frequency_hz - frequency;
                if distance_hz <= 0.0 {
                    continue;
                }
                let phonons = 1.0 / (PLANCK * distance_hz / (BOLTZMANN * temperature_k)).exp_m1();
                let integrand: Vec<f64> =
                    power.iter().zip(self.of(i)).map(|(pump, kept)| pump / kept).collect();
                let gain = class.raman_gain_between(frequency, pump.frequency_hz);
                let photons = 2.0 * PLANCK * channels.baud_rate[i] * frequency;
                *noise += photons * (1.0 + phonons) * gain * trapezoid(&self.z_m, &integrand);
            }
        }
        noise
    }
}

impl FibreClass {
    /// C_ij, row by row, in 1/(W·m): what channel i gains from j (negative: loses to it).
    fn raman_gain(&self, frequency: &[f64]) -> Vec<f64> {
        let table = RamanTable::of(self);
        frequency
            .iter()
            .flat_map(|&to| frequency.iter().map(move |&from| (to, from)))
            .map(|(to, from)| table.gain(self, to, from))
            .collect()
    }

    fn raman_gain_between(&self, to_hz: f64, from_hz: f64) -> f64 {
        RamanTable::of(self).gain(self, to_hz, from_hz)
    }
}

/// Raman gain by distance, normalised to the mode overlap and to the frequency of the pump: in m/(W·Hz).
struct RamanTable {
    offset_hz: Vec<f64>,
    value: Vec<f64>,
}

impl RamanTable {
    fn of(class: &FibreClass) -> Self {
        match &class.raman_efficiency {
            None => Self {
                offset_hz: defaults::RAMAN_OFFSET_HZ.to_vec(),
                value: defaults::RAMAN_GAIN_M_PER_W
                    .iter()
                    .map(|gain| gain / defaults::RAMAN_REFERENCE_FREQUENCY_HZ)
                    .collect(),
            },
            Some(own) => {
                let pump_hz = own.reference_frequency_hz;
                let overlap =
                    |offset: f64| if own.normalised { 1.0 } else { class.overlap(pump_hz - offset, pump_hz) };
                Self {
                    offset_hz: own.offset_hz.clone(),
                    value: own
                        .offset_hz
                        .iter()
                        .zip(&own.value)
                        .map(|(&offset, gain)| gain * overlap(offset) / pump_hz)
                        .collect(),
                }
            }
        }
    }

    /// Photons that move down lose the difference in energy to vibrations.
    fn gain(&self, class: &FibreClass, to_hz: f64, from_hz: f64) -> f64 {
        let distance_hz = from_hz - to_hz;
        let size = linear(&self.offset_hz, &self.value, distance_hz.abs());
        let gain = size * from_hz / class.overlap(to_hz, from_hz);
        if distance_hz < 0.0 { -gain * to_hz / from_hz } else { gain }
    }
}

impl FibreClass {
    fn overlap(&self, a_hz: f64, b_hz: f64) -> f64 {
        f64::midpoint(self.effective_area(a_hz), self.effective_area(b_hz))
    }
}

/// Light that runs forward (the first ones) and backward.
struct Ways<'a> {
    alpha: &'a [f64],
    gain: &'a [f64],
    forward: usize,
}

impl Ways<'_> {
    /// Powers at each place of light that runs one way, alone; row by row.
    fn one_way(
        &self,
        members: std::ops::Range<usize>,
        entering_w: &[f64],
        z: &[f64],
        transmission: &[f64],
        method: RamanMethod,
    ) -> Vec<f64> {
        let all = self.alpha.len();
        let count = members.len();
        let gain: Vec<f64> = members
            .clone()
            .flat_map(|i| &self.gain[i * all + members.start..i * all + members.end])
            .copied()
            .collect();
        let alpha = &self.alpha[members];
        match method {
            RamanMethod::Numerical => {
                let mut power: Vec<f64> =
                    entering_w.iter().flat_map(|&w| std::iter::repeat_n(w, z.len())).collect();
                for k in 1..z.len() {
                    let here: Vec<f64> = (0..count).map(|i| power[i * z.len() + k - 1]).collect();
                    for i in 0..count {
                        let slope = dot(&gain[i * count..(i + 1) * count], &here) - alpha[i];
                        power[i * z.len() + k] =
                            here[i] * (1.0 + slope * (z[k] - z[k - 1])) * transmission[k - 1];
                    }
                }
                power
            }
            RamanMethod::Perturbative { order } => {
                perturbative(&gain, alpha, entering_w, z, transmission, order)
            }
        }
    }

    /// Lets both directions feed each other, by Euler steps to and fro, until nothing changes.
    fn both_ways(&self, power: &mut [f64], z: &[f64], transmission: &[f64]) {
        let (all, places) = (self.alpha.len(), z.len());
        let step: Vec<f64> = z.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // Place by place: all powers of a place behind each other.
        let mut next: Vec<f64> = (0..places)
            .flat_map(|k| (0..all).map(move |i| (i, k)))
            .map(|(i, k)| power[i * places + k])
            .collect();
        let slope = |here: &[f64], i: usize| dot(&self.gain[i * all..(i + 1) * all], here) - self.alpha[i];
        for _ in 0..PASSES {
            let previous = next.clone();
            for k in 1..places {
                let (before, after) = next.split_at_mut(k * all);
                let here = &before[(k - 1) * all..];
                for i in 0..self.forward {
                    after[i] = here[i] * (1.0 + slope(here, i) * step[k - 1]) * transmission[k - 1];
                }
            }
            for k in (1..places).rev() {
                let (before, after) = next.split_at_mut(k * all);
                let here = &after[..all];
                for i in self.forward..all {
                    before[(k - 1) * all + i] =
                        here[i] * (1.0 + slope(here, i) * step[k - 1]) * transmission[k];
                }
            }
            let change = next.iter().zip(&previous).map(|(next, previous)| ((next - previous) / next).abs());
            let change = change.fold(0.0, f64::max);
            let mut error: f64 = 0.0;
            for k in 0..places - 1 {
                let here = &next[k * all..(k + 1) * all];
                for i in 0..self.forward {
                    let expected = here[i] * slope(here, i) * transmission[k];
                    let found = (next[(k + 1) * all + i] - here[i]) / step[k];
                    error = error.max(((expected - found) / expected).abs());
                }
            }
            if change <= SETTLED || error <= ACCURATE {
                break;
            }
        }
        for k in 0..places {
            for i in 0..all {
                power[i * places + k] = next[k * all + i];
            }
        }
    }
}

/// Expansion of ln P in the Raman gain, from splice to splice.
fn perturbative(
    gain: &[f64],
    alpha: &[f64],
    entering_w: &[f64],
    z: &[f64],
    transmission: &[f64],
    order: u8,
) -> Vec<f64> {
    let (count, places) = (alpha.len(), z.len());
    let mut power: Vec<f64> = entering_w.iter().flat_map(|&w| std::iter::repeat_n(w, places)).collect();
    let mut launched = entering_w.to_vec();
    let splices = (0..places).filter(|&k| transmission[k] < 1.0 && k > 0 && k + 1 < places);
    let mut from = 0;
    let mut spliced = 1.0;
    for to in splices.chain([places - 1]) {
        if to == from {
            continue;
        }
        for power in &mut launched {
            *power *= spliced;
        }
        let along: Vec<f64> = z[from..=to].iter().map(|place| place - z[from]).collect();
        let exponent = expand(gain, alpha, &launched, &along, order);
        for i in 0..count {
            for (k, exponent) in exponent[i * along.len()..(i + 1) * along.len()].iter().enumerate().skip(1) {
                power[i * places + from + k] = launched[i] * exponent.exp();
            }
        }
        for (i, launched) in launched.iter_mut().enumerate() {
            *launched = power[i * places + to];
        }
        spliced = transmission[to];
        from = to;
    }
    power
}

/// ln(P/P₀) at each place, row by row: −αz and up to four orders of the Raman gain.
fn expand(gain: &[f64], alpha: &[f64], launched: &[f64], z: &[f64], order: u8) -> Vec<f64> {
    let (count, places) = (alpha.len(), z.len());
    let per_place = |f: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
        (0..count).flat_map(|i| (0..places).map(move |k| f(i, k))).collect()
    };
    let decay = per_place(&|i, k| (-alpha[i] * z[k]).exp());
    let mut exponent = per_place(&|i, k| -alpha[i] * z[k]);
    // Each order is fed by the integral of what the lower ones make of the decay.
    let fed = |integral: &[f64]| {
        let mut sum = vec![0.0; count * places];
        for i in 0..count {
            let row = &mut sum[i * places..(i + 1) * places];
            for j in 0..count {
                let strength = gain[i * count + j] * launched[j];
                for (sum, integral) in row.iter_mut().zip(&integral[j * places..(j + 1) * places]) {
                    *sum += strength * integral;
                }
            }
        }
        sum
    };
    let integrate = |factor: &dyn Fn(usize) -> f64| {
        let mut integral = vec![0.0; count * places];
        for i in 0..count {
            let at = |k: usize| decay[i * places + k] * factor(i * places + k);
            for k in 1..places {
                let area = f64::midpoint(at(k - 1), at(k)) * (z[k] - z[k - 1]);
                integral[i * places + k] = integral[i * places + k - 1] + area;
            }
        }
        integral
    };
    let effective = per_place(&|i, k| (1.0 - decay[i * places + k]) / alpha[i]);
    let mut orders: Vec<Vec<f64>> = Vec::new();
    for done in 0..order.min(4) {
        let integral = match (done, &orders[..]) {
            (1, [g1]) => integrate(&|at| g1[at]),
            (2, [g1, g2]) => integrate(&|at| g2[at] + g1[at] * g1[at] / 2.0),
            (3, [g1, g2, g3]) => integrate(&|at| g3[at] + g1[at] * g2[at] + g1[at].powi(3) / 6.0),
            _ => effective.clone(),
        };
        let next = fed(&integral);
        exponent.iter_mut().zip(&next).for_each(|(sum, next)| *sum += next);
        orders.push(next);
    }
    exponent
}

/// Points from 0 to a length, a step apart but for the last.
fn points(length_m: f64, step_m: f64) -> Vec<f64> {
    let mut points: Vec<f64> = Vec::new();
    while (points.len() as f64) * step_m < length_m {
        points.push(points.len() as f64 * step_m);
    }
    points.push(length_m);
    points
}

/// The points with those of splices among them, and the transmission at each.
fn with_splices(points: Vec<f64>, splices: &[(f64, f64)]) -> (Vec<f64>, Vec<f64>) {
    let mut all: Vec<(f64, f64)> = splices.to_vec();
    all.extend(
        points
            .into_iter()
            .filter(|point| splices.iter().all(|splice| splice.0.to_bits() != point.to_bits()))
            .map(|point| (point, 1.0)),
    );
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.into_iter().unzip()
}

fn resample(x: &[f64], y: &[f64], at: &[f64]) -> Vec<f64> {
    at.iter().map(|&place| linear(x, y, place)).collect()
}

/// Linear between points, clamped outside.
pub(crate) fn linear(x: &[f64], y: &[f64], at: f64) -> f64 {
    let above = x.partition_point(|&x| x < at);
    match (above.checked_sub(1), x.get(above)) {
        (Some(below), Some(&upper)) => {
            y[below] + (y[above] - y[below]) * (at - x[below]) / (upper - x[below])
        }
        (None, _) => y.first().copied().unwrap_or(0.0),
        (Some(below), None) => y[below],
    }
}

fn trapezoid(x: &[f64], y: &[f64]) -> f64 {
    x.windows(2).zip(y.windows(2)).map(|(x, y)| (x[1] - x[0]) * f64::midpoint(y[0], y[1])).sum()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (mut a_chunks, mut b_chunks) = (a.chunks_exact(4), b.chunks_exact(4));
    for (a, b) in (&mut a_chunks).zip(&mut b_chunks) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    let rest: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f64>() + rest
}
