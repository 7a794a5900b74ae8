//! From a value to a place on the paper, and the values that an axis names.

/// A linear scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// Values at both ends.
    pub(super) values: (f64, f64),
    /// Places of both ends.
    pub(super) places: (f64, f64),
}

impl Scale {
    /// Where `value` is; values beyond an end are at that end.
    pub(super) fn place(self, value: f64) -> f64 {
        let (from, to) = self.values;
        let part = ((value - from) / (to - from)).clamp(0.0, 1.0);
        self.places.0 + part * (self.places.1 - self.places.0)
    }

    /// Whether `value` lies between the ends.
    pub(super) fn has(self, value: f64) -> bool {
        (self.values.0..=self.values.1).contains(&value)
    }

    /// Round values between the ends, about `count` of them.
    pub(super) fn ticks(self, count: usize) -> Vec<f64> {
        let (from, to) = self.values;
        let rough = (to - from) / count.max(1) as f64;
        if rough <= 0.0 || !rough.is_finite() {
            return Vec::new();
        }
        let magnitude = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * magnitude);
        let step = steps.into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * magnitude);
        let first = (from / step).ceil() as i64;
        let last = (to / step).floor() as i64;
        (first..=last).map(|number| number as f64 * step).collect()
    }
}

/// A value as an axis names it: as many digits as tell its neighbours from it.
pub(super) fn label(value: f64) -> String {
    let digits = (0..3).find(|digits| {
        let scaled = value * 10_f64.powi(*digits);
        (scaled - scaled.round()).abs() < 1e-6
    });
    let digits = digits.unwrap_or(3) as usize;
    // Minus nothing is nothing.
    format!("{:.digits$}", value + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_ends_and_what_is_beyond_stays_there() {
        let scale = Scale {
            values: (-1.0, 1.0),
            places: (100.0, 0.0),
        };
        assert_eq!(scale.place(-1.0), 100.0);
        assert_eq!(scale.place(0.0), 50.0);
        assert_eq!(scale.place(7.0), 0.0);
    }

    #[test]
    fn ticks_are_round_and_within() {
        let scale = Scale {
            values: (-60.0, 340.0),
            places: (0.0, 1.0),
        };
        assert_eq!(scale.ticks(4), [0.0, 100.0, 200.0, 300.0]);
        let none = Scale {
            values: (1.0, 1.0),
            places: (0.0, 1.0),
        };
        assert!(none.ticks(4).is_empty());
    }

    #[test]
    fn small_values_keep_a_digit() {
        assert_eq!(label(0.5), "0.5");
        assert_eq!(label(0.05), "0.05");
        assert_eq!(label(-20.0), "-20");
        assert_eq!(label(2.0), "2");
    }
}
