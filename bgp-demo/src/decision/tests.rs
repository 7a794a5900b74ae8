//! The decision is a function of the set.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::attributes::{AsPath, Origin};

fn attributes(path: &[u32]) -> PathAttributes {
    PathAttributes {
        as_path: AsPath::from_sequence(path),
        ..PathAttributes::originated(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

fn peer(low: u8) -> CandidateOrigin {
    let address = Ipv4Addr::new(10, 0, 0, low);
    CandidateOrigin::Peer {
        external: true,
        identifier: address,
        address: address.into(),
    }
}

/// That the second is preferred to the first.
fn prefers_second(
    first: (PathAttributes, CandidateOrigin),
    second: (PathAttributes, CandidateOrigin),
) {
    let candidate = |it: &'_ (PathAttributes, CandidateOrigin)| (it.0.clone(), it.1);
    let (first, second) = (candidate(&first), candidate(&second));
    let both = [
        Candidate {
            attributes: &first.0,
            origin: first.1,
        },
        Candidate {
            attributes: &second.0,
            origin: second.1,
        },
    ];
    assert_eq!(best(&both), Some(1));
    assert_eq!(best(&[both[1], both[0]]), Some(0));
}

#[test]
fn each_criterion_decides_where_those_before_it_are_equal() {
    let base = || attributes(&[1, 2]);
    let with = |change: fn(&mut PathAttributes)| {
        let mut it = base();
        change(&mut it);
        it
    };
    let second_with = |change| prefers_second((base(), peer(1)), (with(change), peer(2)));
    second_with(|it| it.local_pref = Some(101));
    second_with(|it| it.as_path = AsPath::from_sequence(&[1]));
    prefers_second(
        (with(|it| it.origin = Origin::Egp), peer(1)),
        (base(), peer(2)),
    );
    prefers_second((with(|it| it.med = Some(1)), peer(1)), (base(), peer(2)));
    let identifier = Ipv4Addr::new(1, 1, 1, 1);
    let internal = CandidateOrigin::Peer {
        external: false,
        identifier,
        address: identifier.into(),
    };
    prefers_second((base(), internal), (base(), peer(2)));
    prefers_second((base(), peer(2)), (base(), peer(1)));
    prefers_second(
        (base(), peer(1)),
        (attributes(&[1, 2, 3]), CandidateOrigin::Local),
    );
}

#[test]
fn med_counts_only_within_one_neighbouring_as() {
    let with_med = |path: &[u32], med| PathAttributes {
        med: Some(med),
        ..attributes(path)
    };
    // The MED of another AS does not decide; the identifier does.
    prefers_second(
        (with_med(&[9, 2], 1), peer(2)),
        (with_med(&[1, 2], 5), peer(1)),
    );
    let routes = [
        (with_med(&[1, 2], 5), peer(1)),
        (with_med(&[9, 2], 7), peer(2)),
        (with_med(&[1, 2], 1), peer(3)),
    ];
    let candidates: Vec<_> = routes
        .iter()
        .map(|(attributes, origin)| Candidate {
            attributes,
            origin: *origin,
        })
        .collect();
    // The first falls to the third; of the rest the lower identifier stays.
    assert_eq!(best(&candidates), Some(1));
}

#[test]
fn there_is_no_best_of_none() {
    assert_eq!(best(&[]), None);
}

proptest! {
    #[test]
    fn order_does_not_matter(
        routes in vec((vec(1..4_u32, 0..4), 0..3_u32, 0..3_u32, any::<bool>(), 0..2_u8), 1..8),
        shuffle in vec(any::<prop::sample::Index>(), 8),
    ) {
        let routes: Vec<(PathAttributes, CandidateOrigin)> = routes.into_iter().enumerate().map(|(at, it)| {
            let (path, local_pref, med, external, identifier) = it;
            let attributes = PathAttributes { local_pref: Some(local_pref), med: Some(med), ..attributes(&path) };
            let address = Ipv4Addr::new(10, 0, 0, u8::try_from(at).expect("few")).into();
            (attributes, CandidateOrigin::Peer { external, identifier: Ipv4Addr::new(1, 1, 1, identifier), address })
        }).collect();
        let all: Vec<_> = routes.iter().map(|(attributes, origin)| Candidate { attributes, origin: *origin }).collect();
        let mut other = all.clone();
        for (at, with) in shuffle.iter().enumerate().take(other.len()) {
            let with = with.index(other.len());
            other.swap(at, with);
        }
        let chosen = |set: &[Candidate<'_>]| best(set).map(|at| set[at].origin);
        prop_assert_eq!(chosen(&all), chosen(&other));
    }
}
