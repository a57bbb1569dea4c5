//! The rounding rule of design: to a multiple of a step, half to even.

/// A step of gains and powers: what is finer than 0.1 dB is cut to one digit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step(f64);

impl Step {
    /// A step in dB. One digit is kept, as GNPy does: 0.25 acts as 0.2.
    pub fn new(step_db: f64) -> Self {
        // printing rounds the decimal value exactly, multiplying by ten does not (0.15 is a little less than that)
        Self(format!("{step_db:.1}").parse().unwrap_or(step_db))
    }

    /// The multiple of the step nearest to a value, with one digit; two digits of the value where the step is 0.
    pub fn round(self, value: f64) -> f64 {
        if self.0 >= 0.01 {
            digits((value / self.0).round_ties_even() * self.0, 10.0)
        } else {
            digits(value, 100.0)
        }
    }
}

fn digits(value: f64, scale: f64) -> f64 {
    (value * scale).round_ties_even() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_to_the_nearest_step_and_halves_to_the_even_one() {
        let cases = [
            (123.456, 1000.0, 0.0),
            (123.456, 1.0, 123.0),
            (123.456, 0.1, 123.5),
            (123.456, 0.0, 123.46),
            (123.25, 0.5, 123.0),
            (123.75, 0.5, 124.0),
            (-1.25, 0.5, -1.0),
            (123.3, 0.2, 123.2),
            (0.5, 0.25, 0.4),
            (1.0, 0.05, 1.0),
            (1.04, 0.04, 1.04),
        ];
        for (value, step, expected) in cases {
            let found = Step::new(step).round(value);
            assert!((found - expected).abs() < 1e-12, "{value} in steps of {step}: {found}");
        }
    }
}
