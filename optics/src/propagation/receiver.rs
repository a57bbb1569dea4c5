//! What a receiver gets: signal to noise ratios with and without the noise of transmitter and ROADMs, in both bandwidths.

use super::comb::Comb;
use super::light::Light;
use crate::decibel::{dbm, from_db, to_db};

/// The bandwidth of 0.1 nm, in Hz.
pub(crate) const NANOMETRE_01_HZ: f64 = 12.5e9;

/// The bandwidth noise is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bandwidth {
    /// That of the signal: its symbol rate.
    Signal,
    /// 0.1 nm: 12.5 GHz.
    Nanometre01,
}

/// What a receiver gets of each channel that reached it.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    comb: Comb,
    power_w: Vec<f64>,
    ase: Vec<f64>,
    nli: Vec<f64>,
    /// Of ROADMs and of the transmitter, over 12.5 GHz, over signal.
    added: Vec<f64>,
    transmitter: Vec<f64>,
    cd: Vec<f64>,
    pmd_squared: Vec<f64>,
    pdl_squared: Vec<f64>,
    latency_s: f64,
}

impl Received {
    pub(crate) fn new(comb: Comb, light: Light) -> Self {
        let transmitter: Vec<f64> = noise_of(&comb.channels().tx_osnr_db);
        Self {
            comb,
            power_w: light.power_w,
            ase: light.ase,
            nli: light.nli,
            added: light.roadm_noise,
            transmitter,
            cd: light.cd,
            pmd_squared: light.pmd_squared,
            pdl_squared: light.pdl_squared,
            latency_s: light.latency_s,
        }
    }

    /// The channels, ascending in frequency: those within the bands of all amplifiers of the route.
    pub fn comb(&self) -> &Comb {
        &self.comb
    }

    /// The same with another OSNR of all transmitters, in dB over 0.1 nm: nothing but the receiver sees it.
    #[must_use]
    pub fn with_tx_osnr(mut self, tx_osnr_db: f64) -> Self {
        self.transmitter.fill(from_db(-tx_osnr_db));
        self
    }

    /// GSNR of each channel, in dB: 1/(ASE + NLI + ROADMs + transmitter, each over signal).
    pub fn gsnr_db(&self, bandwidth: Bandwidth) -> Vec<f64> {
        self.ratios(bandwidth, |i| self.ase[i] + self.nli[i] + self.added_in_signal(i))
    }

    /// OSNR of each channel, in dB: as the GSNR, without NLI.
    pub fn osnr_db(&self, bandwidth: Bandwidth) -> Vec<f64> {
        self.ratios(bandwidth, |i| self.ase[i] + self.added_in_signal(i))
    }

    /// Signal over NLI of each channel, in dB; infinite without NLI.
    pub fn snr_nli_db(&self, bandwidth: Bandwidth) -> Vec<f64> {
        self.ratios(bandwidth, |i| self.nli[i])
    }

    /// OSNR of the line alone, without ROADMs and transmitter, in dB.
    pub fn line_osnr_db(&self, bandwidth: Bandwidth) -> Vec<f64> {
        self.ratios(bandwidth, |i| self.ase[i])
    }

    /// GSNR of the line alone, without ROADMs and transmitter, in dB.
    pub fn line_gsnr_db(&self, bandwidth: Bandwidth) -> Vec<f64> {
        self.ratios(bandwidth, |i| self.ase[i] + self.nli[i])
    }

    /// Power of each channel, noise included, in dBm.
    pub fn power_dbm(&self) -> Vec<f64> {
        self.power_w.iter().map(|&power| dbm(power)).collect()
    }

    /// Accumulated chromatic dispersion of each channel, in ps/nm.
    pub fn cd_ps_per_nm(&self) -> Vec<f64> {
        self.cd.iter().map(|cd| cd * 1e3).collect()
    }

    /// Polarisation mode dispersion of each channel, in ps.
    pub fn pmd_ps(&self) -> Vec<f64> {
        self.pmd_squared.iter().map(|pmd| pmd.sqrt() * 1e12).collect()
    }

    /// Polarisation dependent loss of each channel, in dB.
    pub fn pdl_db(&self) -> Vec<f64> {
        self.pdl_squared.iter().map(|pdl| pdl.sqrt()).collect()
    }

    /// Time of flight, in ms.
    pub fn latency_ms(&self) -> f64 {
        self.latency_s * 1e3
    }

    fn added_in_signal(&self, channel: usize) -> f64 {
        let rate = self.comb.channels().baud_rate[channel];
        (self.added[channel] + self.transmitter[channel]) * rate / NANOMETRE_01_HZ
    }

    fn ratios(&self, bandwidth: Bandwidth, noise: impl Fn(usize) -> f64) -> Vec<f64> {
        let rate = &self.comb.channels().baud_rate;
        let wider = |i: usize| match bandwidth {
            Bandwidth::Signal => 1.0,
            Bandwidth::Nanometre01 => NANOMETRE_01_HZ / rate[i],
        };
        (0..self.comb.len()).map(|i| -to_db(noise(i) * wider(i))).collect()
    }
}

/// 1/OSNR of each, linear.
pub(crate) fn noise_of(osnr_db: &[f64]) -> Vec<f64> {
    // Transmitters are mostly alike: one power of ten serves a run of them.
    let mut last = (f64::NAN, f64::NAN);
    osnr_db
        .iter()
        .map(|&osnr| {
            if osnr.to_bits() != last.0.to_bits() {
                last = (osnr, from_db(-osnr));
            }
            last.1
        })
        .collect()
}
