//! What dispersion, PMD and PDL cost a receiver, by the curves of its mode.

use super::receiver::Received;
use crate::equipment::transceiver::{Impairment, Penalty};

/// Penalty curves of a mode, ready to be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PenaltyCurves {
    curves: Vec<(Impairment, Vec<(f64, f64)>)>,
}

impl PenaltyCurves {
    /// The curves through these points. One that begins above zero also passes through no penalty at zero.
    pub fn new(points: &[Penalty]) -> Self {
        let curve = |impairment: Impairment| {
            let mut curve: Vec<(f64, f64)> = points
                .iter()
                .filter(|point| point.impairment == impairment)
                .map(|point| (point.value, point.penalty_db))
                .collect();
            if curve.iter().all(|point| point.0 > 0.0) && !curve.is_empty() {
                curve.push((0.0, 0.0));
            }
            curve.sort_by(|a, b| a.0.total_cmp(&b.0));
            (impairment, curve)
        };
        let curves = [Impairment::ChromaticDispersion, Impairment::Pmd, Impairment::Pdl].map(curve);
        Self { curves: curves.into_iter().filter(|(_, curve)| !curve.is_empty()).collect() }
    }

    /// Whether there is no curve, and so never a penalty.
    pub fn is_empty(&self) -> bool {
        self.curves.is_empty()
    }

    /// The sum of penalties in dB at so much dispersion in ps/nm, PMD in ps and PDL in dB; infinite outside a curve.
    pub fn at(&self, cd_ps_per_nm: f64, pmd_ps: f64, pdl_db: f64) -> f64 {
        self.curves
            .iter()
            .map(|(impairment, curve)| {
                let value = match impairment {
                    Impairment::ChromaticDispersion => cd_ps_per_nm,
                    Impairment::Pmd => pmd_ps,
                    Impairment::Pdl => pdl_db,
                };
                read(curve, value)
            })
            .sum()
    }

    /// The penalty of each channel received, in dB.
    pub fn of(&self, received: &Received) -> Vec<f64> {
        if self.is_empty() {
            return vec![0.0; received.comb().len()];
        }
        let [cd, pmd, pdl] = [received.cd_ps_per_nm(), received.pmd_ps(), received.pdl_db()];
        cd.iter().zip(&pmd).zip(&pdl).map(|((cd, pmd), pdl)| self.at(*cd, *pmd, *pdl)).collect()
    }
}

/// Linear between the points, infinite outside.
fn read(curve: &[(f64, f64)], value: f64) -> f64 {
    let above = curve.partition_point(|point| point.0 <= value);
    let Some(lower) = above.checked_sub(1).map(|below| curve[below]) else {
        return f64::INFINITY;
    };
    match curve.get(above) {
        Some(upper) => lower.1 + (upper.1 - lower.1) * (value - lower.0) / (upper.0 - lower.0),
        None if value <= lower.0 => lower.1,
        None => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(impairment: Impairment, value: f64, penalty_db: f64) -> Penalty {
        Penalty { impairment, value, penalty_db }
    }

    #[test]
    fn curves_are_linear_and_end() {
        use Impairment::{ChromaticDispersion, Pmd};
        let curves = PenaltyCurves::new(&[
            point(ChromaticDispersion, 40e3, 1.0),
            point(ChromaticDispersion, -4e3, 0.0),
            point(Pmd, 30.0, 0.5),
        ]);
        let at = |cd: f64, pmd: f64| curves.at(cd, pmd, 99.0);
        assert!((at(-4e3, 0.0) - 0.0).abs() < 1e-12);
        assert!((at(18e3, 0.0) - 0.5).abs() < 1e-12);
        assert!((at(40e3, 15.0) - 1.25).abs() < 1e-12, "the PMD curve begins at no penalty for no PMD");
        assert!([at(40e3 + 1.0, 0.0), at(-5e3, 0.0), at(0.0, 31.0)].iter().all(|db| db.is_infinite()));
        assert!(PenaltyCurves::new(&[]).at(1e9, 1e9, 1e9).abs() < 1e-12);
    }
}
