use proptest::prelude::*;

use super::v1::TEXT_OCTETS_MAX;
use super::*;
use crate::codec::{decode, encode_into};
use crate::ids::{Epoch, Incarnation, Lsn};

fn octets<T: serde::Serialize>(message: &T) -> Vec<u8> {
    let mut out = Vec::new();
    encode_into(message, &mut out).unwrap();
    out
}

fn hello() -> Hello {
    Hello {
        version_min: 1,
        version_max: 1,
        incarnation: Incarnation::from_bytes([0x11; 16]),
        config_digest: [0x22; 32],
        heartbeat_us: 5000,
        software: "rp 1".to_owned(),
        heard: None,
    }
}

#[test]
fn the_highest_common_version_is_spoken() {
    let versions = |(min, max)| Versions {
        min: Version(min),
        max: Version(max),
    };
    let common = |ours, theirs| versions(ours).common(versions(theirs));
    assert_eq!(common((1, 3), (2, 5)), Some(Version(3)));
    assert_eq!(common((2, 5), (1, 3)), Some(Version(3)));
    assert_eq!(common((1, 1), (1, 1)), Some(Version(1)));
    assert_eq!(common((1, 2), (3, 4)), None);
    assert_eq!(common((3, 4), (1, 2)), None);
}

#[test]
fn the_octets_of_version_1_never_change() {
    let expected = [
        &[1, 1][..],
        &[0x11; 16],
        &[0x22; 32],
        &[251, 0x88, 0x13, 4],
        b"rp 1",
        &[0],
    ]
    .concat();
    assert_eq!(octets(&hello()), expected);
    let answer = Hello {
        heard: Some(Versions {
            min: Version(3),
            max: Version(4),
        }),
        ..hello()
    };
    let (_, common) = expected.split_last().unwrap();
    assert_eq!(octets(&answer), [common, &[1, 3, 4]].concat());
    let reasons = [
        RefuseReason::VersionMismatch,
        RefuseReason::ConfigurationDiffers,
        RefuseReason::WrongIncarnation,
        RefuseReason::OldEpoch,
        RefuseReason::NotActive,
        RefuseReason::Busy,
        RefuseReason::Downgraded,
        RefuseReason::Other,
    ];
    assert_eq!(
        reasons.map(|reason| octets(&reason)),
        [[0], [1], [2], [3], [4], [5], [6], [7]]
    );
    assert_eq!(octets(&Ack { lsn: Lsn(300) }), [251, 0x2c, 1]);
    let heartbeat = Heartbeat {
        lsn: Lsn(1),
        time_us: 0x0001_0203,
        answer_us: 9,
    };
    assert_eq!(octets(&heartbeat), [1, 252, 3, 2, 1, 0, 9]);
    let reason = || "why".to_owned();
    let controls = [
        Control::CaughtUp { lsn: Lsn(7) },
        Control::Paired { epoch: Epoch(8) },
        Control::HandOver { epoch: Epoch(9) },
        Control::Resign {
            cause: ResignCause::Full,
            reason: reason(),
        },
        Control::Goodbye { reason: reason() },
    ];
    let expected: [&[u8]; 5] = [
        &[0, 7],
        &[1, 8],
        &[2, 9],
        b"\x03\x02\x03why",
        b"\x04\x03why",
    ];
    assert_eq!(controls.map(|control| octets(&control)), expected);
    let causes = [
        ResignCause::Asked,
        ResignCause::Record,
        ResignCause::Full,
        ResignCause::Replica,
    ];
    assert_eq!(causes.map(|cause| octets(&cause)), [[0], [1], [2], [3]]);
}

#[test]
fn the_octets_of_an_audit_never_change() {
    let audited = Control::Audited(Audited {
        round: 300,
        over: true,
        compared: 7,
        more: false,
        findings: vec![
            Finding::Differs(1),
            Finding::Missing(2),
            Finding::Stale(3),
            Finding::SharedDiffers,
            Finding::ApplicationDiffers(4),
            Finding::ApplicationSharedDiffers,
        ],
    });
    let expected = [
        &[5, 251, 0x2c, 1, 1, 7, 0, 6][..],
        &[0, 1, 1, 2, 2, 3, 3, 4, 4, 5],
    ];
    assert_eq!(octets(&audited), expected.concat());
}

#[test]
fn findings_beyond_the_bound_are_refused() {
    let told = |count| {
        Control::Audited(Audited {
            findings: vec![Finding::Stale(9); count],
            ..Audited::default()
        })
    };
    assert!(decode::<Control>(&octets(&told(v1::FINDINGS_MAX + 1))).is_err());
    let most = told(v1::FINDINGS_MAX);
    assert_eq!(decode(&octets(&most)), Ok(most));
}

#[test]
fn a_text_beyond_the_bound_is_refused() {
    let long = Control::Goodbye {
        reason: "x".repeat(TEXT_OCTETS_MAX + 1),
    };
    assert!(decode::<Control>(&octets(&long)).is_err());
    let longest = Control::Goodbye {
        reason: "x".repeat(TEXT_OCTETS_MAX),
    };
    assert_eq!(decode(&octets(&longest)), Ok(longest));
}

#[test]
fn a_text_is_cut_between_characters() {
    let cut = v1::cut("é".repeat(200));
    assert_eq!(cut, "é".repeat(127));
    assert_eq!(v1::cut("short".to_owned()), "short");
}

proptest! {
    #[test]
    fn garbage_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..120)) {
        let _ = decode::<Hello>(&octets);
        let _ = decode::<Control>(&octets);
        let _ = decode::<Heartbeat>(&octets);
        let _ = decode::<RefuseReason>(&octets);
    }
}
