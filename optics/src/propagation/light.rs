//! The state of light at a point of a route: power and noise of each channel.

use super::comb::Comb;

/// The channels of a comb at a point of a route, as a structure of arrays.
///
/// Noise is kept relative to the signal: attenuation then touches one array only, and with u = 1 + ASE/S + NLI/S
/// (the inverse of the signal's share of the power) each noisy element multiplies u.
#[derive(Clone, Debug)]
pub(crate) struct Light {
    /// Signal, ASE and NLI together, in W.
    pub power_w: Vec<f64>,
    /// ASE in the signal's bandwidth over signal.
    pub ase: Vec<f64>,
    /// NLI in the signal's bandwidth over signal.
    pub nli: Vec<f64>,
    /// Accumulated dispersion, in s/m.
    pub cd: Vec<f64>,
    /// PMD squared, in s².
    pub pmd_squared: Vec<f64>,
    /// PDL squared, in dB².
    pub pdl_squared: Vec<f64>,
    /// Noise of ROADMs over 12.5 GHz, over signal; it counts at the receiver only.
    pub roadm_noise: Vec<f64>,
    /// Time of flight, in s.
    pub latency_s: f64,
    /// Room for elements to work in; nothing is kept in it.
    pub scratch: [Vec<f64>; 2],
}

impl Light {
    /// As it leaves the transmitters.
    pub(crate) fn launched(comb: &Comb) -> Self {
        let zero = || vec![0.0; comb.len()];
        Self {
            power_w: comb.channels().tx_power_w.clone(),
            ase: zero(),
            nli: zero(),
            cd: zero(),
            pmd_squared: zero(),
            pdl_squared: zero(),
            roadm_noise: zero(),
            latency_s: 0.0,
            scratch: [zero(), zero()],
        }
    }

    /// Multiplies every power.
    #[inline]
    pub(crate) fn scale(&mut self, transmission: f64) {
        for power in &mut self.power_w {
            *power *= transmission;
        }
    }

    /// The pump strengths to be filled in, and the powers.
    #[inline]
    pub(crate) fn pumps(&mut self) -> (&mut [f64], &[f64]) {
        (&mut self.scratch[0], &self.power_w)
    }

    /// Turns so much of each channel's power, in W, into interference: NLI/S grows by u·r/(1 − r) with r its share
    /// of the power; power and ASE/S stay.
    pub(crate) fn add_nli(&mut self, interference_w: &[f64]) {
        for (((nli, ase), power), interference) in
            self.nli.iter_mut().zip(&self.ase).zip(&self.power_w).zip(interference_w)
        {
            let share = interference / power;
            *nli += (1.0 + ase + *nli) * share / (1.0 - share);
        }
    }

    /// Adds so much ASE power, in W, to each channel: ASE/S grows by u·e/P.
    pub(crate) fn add_ase(&mut self, noise_w: &[f64]) {
        for (((power, ase), nli), noise) in
            self.power_w.iter_mut().zip(&mut self.ase).zip(&self.nli).zip(noise_w)
        {
            *ase += (1.0 + *ase + nli) * noise / *power;
            *power += noise;
        }
    }
}

/// Sum in four lanes, which the compiler keeps in registers side by side.
#[inline]
pub(crate) fn sum(values: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let mut chunks = values.chunks_exact(4);
    for chunk in &mut chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().sum::<f64>() + chunks.remainder().iter().sum::<f64>()
}
