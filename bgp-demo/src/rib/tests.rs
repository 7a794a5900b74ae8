//! Adj-RIB-Out against a model that simply remembers what was told.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::attributes::{Attributes, Interner, PathAttributes};
use crate::prefix::{Families, Family, Prefix};

/// Prefixes that lie in each other, in both families.
fn prefixes() -> Vec<Prefix> {
    let texts = [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.0.0.0/16",
        "10.0.0.0/24",
        "10.0.0.0/32",
        "10.0.1.0/24",
        "10.128.0.0/9",
        "11.0.0.0/8",
        "192.0.2.0/24",
        "255.255.255.255/32",
        "::/0",
        "2001:db8::/32",
        "2001:db8::/48",
        "2001:db8::/128",
        "2001:db8:1::/48",
    ];
    texts
        .iter()
        .map(|text| text.parse().expect("a prefix"))
        .collect()
}

/// Peers are told what is chosen, unless its MED is 2.
fn desired(_: &Prefix, path: Option<&Path>) -> Option<Attributes> {
    path.map(|path| path.attributes.clone())
        .filter(|attributes| attributes.med != Some(2))
}

struct Bench {
    loc_rib: LocRib,
    interner: Interner,
    adj_rib_out: AdjRibOut,
    /// The model.
    told: BTreeMap<Prefix, Attributes>,
}

impl Bench {
    fn new() -> Self {
        Self {
            loc_rib: LocRib::default(),
            interner: Interner::default(),
            adj_rib_out: AdjRibOut::new(Families::from_iter(Family::ALL)),
            told: BTreeMap::new(),
        }
    }

    fn attributes(&mut self, med: u32) -> Attributes {
        let attributes = PathAttributes {
            med: Some(med),
            ..PathAttributes::originated(IpAddr::V4(Ipv4Addr::LOCALHOST))
        };
        self.interner.intern(attributes)
    }

    fn set_route(&mut self, prefix: Prefix, med: Option<u32>) {
        let attributes = med.map(|med| self.attributes(med));
        if let Some(change) = self.loc_rib.set(prefix, Source::Local, attributes, |_| 0) {
            let new = desired(&prefix, change.new.as_ref());
            self.adj_rib_out
                .desired_changed(prefix, desired(&prefix, change.old.as_ref()), &new);
        }
    }

    /// Sends up to `count` prefixes of the next group.
    fn send(&mut self, count: usize) {
        let Some(group) = self.adj_rib_out.next_group(&self.loc_rib, &mut desired) else {
            return;
        };
        let attributes = group.attributes.clone();
        let prefixes: Vec<Prefix> = (0..count)
            .filter_map(|_| group.prefixes.pop_front())
            .collect();
        for prefix in prefixes {
            let due = self.adj_rib_out.differs(&prefix)
                && desired(&prefix, self.loc_rib.best(&prefix)) == attributes;
            if due {
                self.remember(prefix, attributes.clone());
                self.adj_rib_out.settle(&prefix, attributes.is_none());
            }
        }
    }

    /// As on a replica: the peer has been told something, whatever it should be told.
    fn hear(&mut self, prefix: Prefix, med: Option<u32>) {
        let told = med.map(|med| self.attributes(med));
        self.remember(prefix, told.clone());
        self.adj_rib_out
            .set_told(prefix, told, &self.loc_rib, desired);
    }

    fn remember(&mut self, prefix: Prefix, told: Option<Attributes>) {
        match told {
            Some(attributes) => self.told.insert(prefix, attributes),
            None => self.told.remove(&prefix),
        };
    }

    fn check(&self) {
        for prefix in prefixes() {
            let told = self
                .adj_rib_out
                .told(&prefix, desired(&prefix, self.loc_rib.best(&prefix)));
            assert_eq!(told.as_ref(), self.told.get(&prefix), "{prefix}");
        }
        let routes = self.adj_rib_out.routes(&self.loc_rib, desired);
        let model: Vec<_> = self
            .told
            .iter()
            .map(|(prefix, attributes)| (*prefix, attributes.clone()))
            .collect();
        assert_eq!(routes, model);
        assert_eq!(self.adj_rib_out.len(), model.len());
        let mut loaded = AdjRibOut::new(Families::NONE);
        loaded.load(
            model.iter().rev().cloned().collect(),
            self.adj_rib_out.swept(),
            &self.loc_rib,
            desired,
        );
        assert_eq!(loaded.routes(&self.loc_rib, desired), model);
        assert_eq!(loaded.len(), model.len());
    }
}

#[derive(Debug, Clone)]
enum Step {
    SetRoute(usize, Option<u32>),
    Send(usize),
    Hear(usize, Option<u32>),
}

fn steps(hear: bool) -> impl Strategy<Value = Vec<Step>> {
    let med = || proptest::option::of(0..4_u32);
    let place = || 0..prefixes().len();
    let heard = if hear { 2 } else { 0 };
    let step = prop_oneof![
        4 => (place(), med()).prop_map(|(at, med)| Step::SetRoute(at, med)),
        4 => (1..4_usize).prop_map(Step::Send),
        heard => (place(), med()).prop_map(|(at, med)| Step::Hear(at, med)),
    ];
    vec(step, 0..60)
}

fn run(steps: Vec<Step>) -> Bench {
    let prefixes = prefixes();
    let mut bench = Bench::new();
    for step in steps {
        match step {
            Step::SetRoute(at, med) => bench.set_route(prefixes[at], med),
            Step::Send(count) => bench.send(count),
            Step::Hear(at, med) => bench.hear(prefixes[at], med),
        }
        bench.check();
    }
    bench
}

/// Sends until nothing is left; then everybody has been told what should be told.
fn drain(mut bench: Bench) {
    while bench
        .adj_rib_out
        .next_group(&bench.loc_rib, &mut desired)
        .is_some()
    {
        bench.send(3);
    }
    bench.check();
    let wanted: BTreeMap<Prefix, Attributes> = bench
        .loc_rib
        .iter()
        .filter_map(|(prefix, path)| Some((prefix, desired(&prefix, Some(path))?)))
        .collect();
    assert_eq!(bench.told, wanted);
    assert_eq!(bench.adj_rib_out.differences(), 0);
    assert_eq!(bench.adj_rib_out.end_of_rib_due(), Some(Family::Ipv4));
}

proptest! {
    #[test]
    fn a_live_speaker_knows_what_it_told(steps in steps(false)) {
        drain(run(steps));
    }

    #[test]
    fn a_replica_knows_what_was_told_whatever_it_was(steps in steps(true)) {
        drain(run(steps));
    }
}

#[test]
fn the_best_of_a_set_does_not_depend_on_how_it_came_about() {
    let mut interner = Interner::default();
    let mut attributes = |med| {
        interner.intern(PathAttributes {
            med: Some(med),
            ..PathAttributes::originated(IpAddr::V4(Ipv4Addr::LOCALHOST))
        })
    };
    let routes: Vec<_> = (0..4_u16)
        .map(|at| (Source::Peer(PeerIndex(at)), attributes(u32::from(at))))
        .collect();
    let prefix = prefixes()[0];
    // The last of the set by source: a choice that would show another order.
    let last = |paths: &[Path]| paths.len() - 1;
    let (mut one, mut other) = (LocRib::default(), LocRib::default());
    for (source, attributes) in &routes {
        one.set(prefix, *source, Some(attributes.clone()), last);
    }
    for (source, attributes) in routes.iter().rev() {
        other.set(prefix, *source, Some(attributes.clone()), last);
    }
    assert_eq!(one.best(&prefix), other.best(&prefix));
    assert_eq!(
        one.best(&prefix).map(|path| path.source),
        Some(Source::Peer(PeerIndex(3)))
    );
    for (source, _) in &routes {
        one.set(prefix, *source, None, last);
    }
    assert!(one.is_empty());
}
