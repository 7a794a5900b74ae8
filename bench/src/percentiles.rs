//! Percentiles of many figures.

/// Many figures of one kind.
#[derive(Clone, Debug, Default)]
pub struct Percentiles(Vec<f64>);

impl Percentiles {
    /// One figure more.
    pub fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The smallest figure that so many parts of a hundred do not exceed; NaN of none.
    pub fn at(&mut self, part: f64) -> f64 {
        self.0.sort_by(f64::total_cmp);
        let rank = (part / 100.0 * self.0.len() as f64).ceil() as usize;
        let figure = self.0.get(rank.saturating_sub(1));
        figure.copied().unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_a_hundred_is_the_fiftieth() {
        let mut figures = Percentiles::default();
        (1..=100).rev().for_each(|n| figures.push(f64::from(n)));
        assert_eq!((figures.at(50.0), figures.at(99.0)), (50.0, 99.0));
        assert_eq!((figures.at(0.0), figures.at(100.0)), (1.0, 100.0));
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert!(Percentiles::default().at(50.0).is_nan());
    }
}
