//! Decibels: ratios and powers between the linear and the logarithmic scale.

use std::f64::consts::LN_10;

/// The ratio that so many decibels stand for: 10^(x/10); −∞ dB is 0.
#[inline]
pub fn from_db(db: f64) -> f64 {
    (db * (LN_10 / 10.0)).exp()
}

/// A ratio in decibels: 10·log₁₀(x); 0 is −∞ dB.
#[inline]
pub fn to_db(ratio: f64) -> f64 {
    10.0 * ratio.log10()
}

/// A power given in dBm, in W.
#[inline]
pub fn watts(dbm: f64) -> f64 {
    from_db(dbm) * 1e-3
}

/// A power given in W, in dBm.
#[inline]
pub fn dbm(watts: f64) -> f64 {
    to_db(watts * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_inverse_to_each_other() {
        for db in [-60.0, -3.0, 0.0, 0.1, 23.0] {
            assert!((to_db(from_db(db)) - db).abs() < 1e-12);
            assert!((dbm(watts(db)) - db).abs() < 1e-12);
        }
        assert!((watts(0.0) - 1e-3).abs() < 1e-18);
        assert!(from_db(f64::NEG_INFINITY).abs() == 0.0);
        assert!(to_db(0.0).is_infinite() && to_db(0.0) < 0.0);
    }
}
