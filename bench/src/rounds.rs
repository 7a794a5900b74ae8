//! Rounds in turn: A B A B, so that what disturbs one disturbs the other.

use crate::spread::Spread;
use std::io;

/// One of those that are compared: its name, and what it does to give `N` figures.
pub struct Contender<'a, const N: usize> {
    /// As the table has it.
    pub name: String,
    /// One round.
    pub round: Box<dyn FnMut() -> io::Result<[f64; N]> + 'a>,
}

impl<'a, const N: usize> Contender<'a, N> {
    /// See the fields.
    pub fn new(
        name: impl Into<String>,
        round: impl FnMut() -> io::Result<[f64; N]> + 'a,
    ) -> Contender<'a, N> {
        Contender {
            name: name.into(),
            round: Box::new(round),
        }
    }
}

/// Lets them all have a turn, `rounds` times; the figures of each, in their order.
///
/// # Errors
/// A round fails, or there is none.
pub fn in_turn<const N: usize>(
    rounds: usize,
    mut contenders: Vec<Contender<'_, N>>,
) -> io::Result<Vec<(String, [Spread; N])>> {
    let mut figures = vec![[(); N].map(|()| Vec::new()); contenders.len()];
    for _ in 0..rounds {
        for (contender, figures) in contenders.iter_mut().zip(&mut figures) {
            let seen = (contender.round)().map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", contender.name))
            })?;
            for (figures, figure) in figures.iter_mut().zip(seen) {
                figures.push(figure);
            }
        }
    }
    let none = || io::Error::other("--rounds must be at least 1");
    let spreads = contenders.into_iter().zip(figures);
    spreads
        .map(|(contender, figures)| {
            let spreads: Vec<Spread> = figures
                .into_iter()
                .map(|figures| Spread::of(figures).ok_or_else(none))
                .collect::<io::Result<_>>()?;
            let spreads = spreads.try_into().map_err(|_| none())?;
            Ok((contender.name, spreads))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn contenders_take_turns() {
        let order = RefCell::new(String::new());
        let contender = |name: &'static str, figure: f64| {
            let order = &order;
            Contender::new(name, move || {
                order.borrow_mut().push_str(name);
                Ok([figure])
            })
        };
        let seen = in_turn(3, vec![contender("A", 1.0), contender("B", 2.0)]);
        let seen = seen.expect("no round fails");
        assert_eq!(*order.borrow(), "ABABAB");
        assert_eq!((seen[0].1[0].median, seen[1].1[0].median), (1.0, 2.0));
    }

    #[test]
    fn a_failed_round_names_its_contender() {
        let fails = Contender::<1>::new("B", || Err(io::Error::other("no root")));
        let error = in_turn(1, vec![fails]).expect_err("it fails");
        assert_eq!(error.to_string(), "B: no root");
    }

    #[test]
    fn no_rounds_are_no_figures() {
        let idle = Contender::new("A", || Ok([1.0]));
        assert!(in_turn(0, vec![idle]).is_err());
    }
}
