use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::rib::PeerIndex;

const NEXT_HOP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9));

/// Two groups that are told different things.
fn exporter() -> (Exporter, [GroupId; 2]) {
    let mut exporter = Exporter::new(vec![true]);
    let groups = [true, false].map(|external| {
        exporter.group(ExportGroup {
            own_as: 65_001,
            external,
            four_octet_as: true,
            next_hop_self: NEXT_HOP,
        })
    });
    (exporter, groups)
}

/// A route whose attributes no other has.
fn path(exporter: &mut Exporter, number: usize) -> Path {
    let attributes = exporter.intern(PathAttributes {
        med: u32::try_from(number).ok(),
        ..PathAttributes::originated(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)))
    });
    Path {
        source: Source::Peer(PeerIndex(0)),
        attributes,
    }
}

#[test]
fn the_memo_forgets_sets_that_no_route_has() {
    let (mut exporter, groups) = exporter();
    let kept: Vec<Path> = (0..100).map(|number| path(&mut exporter, number)).collect();
    for path in &kept {
        for group in groups {
            assert!(exporter.told(group, path).is_some());
        }
    }
    for number in 100..3 * Exporter::SWEEP_MIN {
        let path = path(&mut exporter, number);
        for group in groups {
            assert!(exporter.told(group, &path).is_some());
        }
    }
    assert!(
        exporter.exported.len() <= Exporter::SWEEP_MIN,
        "{} sets are remembered",
        exporter.exported.len()
    );
    let known = |path: &Path| {
        let address = Arc::as_ptr(&path.attributes).addr();
        exporter.exported.get(&address)
    };
    let of_both = |path: &Path| known(path).is_some_and(|known| known.told.len() == 2);
    assert!(kept.iter().all(of_both), "sets in use are forgotten");
}

#[test]
fn a_remembered_answer_is_the_policy_s() {
    let (mut exporter, groups) = exporter();
    let path = path(&mut exporter, 7);
    for group in [groups, groups].concat() {
        let policy = exporter.groups[group.0 as usize];
        let asked = policy::export(&policy, LearnedBy::External, &path.attributes).map(Arc::new);
        assert_eq!(exporter.told(group, &path), asked);
    }
    let [external, internal] = groups.map(|group| exporter.told(group, &path));
    assert_ne!(external, internal);
}
