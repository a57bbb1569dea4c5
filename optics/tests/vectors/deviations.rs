//! The worst deviation of each quantity, and where it is.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use serde_json::Value;

/// The worst deviation of each quantity.
#[derive(Default)]
pub struct Deviations {
    compared: usize,
    worst: BTreeMap<&'static str, Worst>,
}

/// A deviation and where it is.
pub struct Worst {
    /// Absolute difference; infinite where things are not equal that have no difference.
    pub value: f64,
    /// Where, and both values.
    pub at: String,
}

impl Deviations {
    /// Takes in a number: both not finite agree; `null` stands for not finite.
    pub fn number(&mut self, what: &'static str, at: impl Display, expected: &Value, actual: f64) {
        let (difference, expected) = match expected {
            Value::Null => (if actual.is_finite() { f64::INFINITY } else { 0.0 }, f64::NAN),
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or(f64::NAN);
                let difference = (number - actual).abs();
                (if difference.is_nan() { f64::INFINITY } else { difference }, number)
            }
            _ => (f64::INFINITY, f64::NAN),
        };
        self.take(what, difference, || format!("{at}: {expected} expected, {actual} computed"));
    }

    /// Takes in a series: one number stands for equal ones, `start, step, n` for equally spaced ones.
    pub fn series(&mut self, what: &'static str, at: impl Display, expected: &Value, actual: &[f64]) {
        match expected {
            Value::Array(values) => {
                self.same(what, format_args!("{at} (how many)"), &values.len(), &actual.len());
                for (position, (value, actual)) in values.iter().zip(actual).enumerate() {
                    self.number(what, format_args!("{at} [{position}]"), value, *actual);
                }
            }
            Value::Object(grid) => {
                let part = |key| grid.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
                let (start, step) = (part("start"), part("step"));
                self.number(what, format_args!("{at} (how many)"), &grid["n"], actual.len() as f64);
                for (position, actual) in actual.iter().enumerate() {
                    let expected = (step.mul_add(position as f64, start)).into();
                    self.number(what, format_args!("{at} [{position}]"), &expected, *actual);
                }
            }
            single => {
                for (position, actual) in actual.iter().enumerate() {
                    self.number(what, format_args!("{at} [{position}]"), single, *actual);
                }
            }
        }
    }

    /// Takes in something that is equal or not.
    pub fn same<T: PartialEq + Debug + ?Sized>(
        &mut self,
        what: &'static str,
        at: impl Display,
        expected: &T,
        actual: &T,
    ) {
        let difference = if expected == actual { 0.0 } else { f64::INFINITY };
        self.take(what, difference, || format!("{at}: {expected:?} expected, {actual:?} computed"));
    }

    /// Takes in something that could not be computed.
    pub fn failed(&mut self, what: &'static str, why: impl Display) {
        self.take(what, f64::INFINITY, || why.to_string());
    }

    fn take(&mut self, what: &'static str, value: f64, at: impl FnOnce() -> String) {
        self.compared += 1;
        let slot = self.worst.entry(what).or_insert(Worst { value: -1.0, at: String::new() });
        if value > slot.value {
            *slot = Worst { value, at: at() };
        }
    }

    /// How many numbers and other things were compared.
    pub fn compared(&self) -> usize {
        self.compared
    }

    /// What deviates most; none if nothing was compared.
    pub fn worst(&self) -> Option<(&'static str, &Worst)> {
        self.worst.iter().map(|(what, worst)| (*what, worst)).max_by(|a, b| a.1.value.total_cmp(&b.1.value))
    }

    /// What deviates by more than this.
    pub fn above(&self, tolerance: f64) -> impl Iterator<Item = (&'static str, &Worst)> {
        self.worst
            .iter()
            .map(|(what, worst)| (*what, worst))
            .filter(move |(_, worst)| worst.value > tolerance)
    }
}
