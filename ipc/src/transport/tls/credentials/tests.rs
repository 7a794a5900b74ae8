use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::certificates::{self, Order};
use crate::testing::TempDir;

/// Files of the pair `lab` with nodes `a` and `b`.
fn made() -> (TempDir, Order) {
    let dir = TempDir::new();
    let order = Order::new("lab".parse().unwrap(), dir.path());
    certificates::make(&order).unwrap();
    (dir, order)
}

fn error(files: &CredentialFiles, pair: &str) -> (About, String) {
    let error = Credentials::load(files, &pair.parse().unwrap()).unwrap_err();
    (error.about, error.what)
}

#[test]
fn what_was_made_is_taken_and_says_when_it_ends() {
    let (_dir, order) = made();
    let credentials = Credentials::load(&order.files("a"), &order.pair).unwrap();
    let days = credentials.expires().days_since(Moment::now());
    assert!((3648..=3650).contains(&days), "{days}");
    let said = format!("{credentials:?}");
    assert!(said.starts_with("Credentials(lab, until 20"), "{said}");
}

#[test]
fn a_key_that_others_may_read_is_not_taken() {
    let (_dir, order) = made();
    let files = order.files("a");
    for (mode, taken) in [(0o600, true), (0o640, true), (0o644, false), (0o660, false)] {
        fs::set_permissions(&files.key, Permissions::from_mode(mode)).unwrap();
        let loaded = Credentials::load(&files, &order.pair);
        assert_eq!(loaded.is_ok(), taken, "{mode:o}");
        if let Err(error) = loaded {
            assert_eq!(error.about, About::Key);
            assert!(error.what.contains("chmod 600"), "{error}");
        }
    }
}

#[test]
fn a_key_that_does_not_fit_is_named_with_the_certificate() {
    let (_dir, order) = made();
    let mut files = order.files("a");
    files.key = order.files("b").key;
    let (about, what) = error(&files, "lab");
    assert_eq!(about, About::Key);
    assert!(what.contains("b.key") && what.contains("a.crt"), "{what}");
}

#[test]
fn a_missing_file_is_named() {
    let (dir, order) = made();
    let gone = dir.path().join("gone");
    let whole = order.files("a");
    let cases = [
        (
            About::Certificate,
            CredentialFiles {
                certificate: gone.clone(),
                ..whole.clone()
            },
        ),
        (
            About::Key,
            CredentialFiles {
                key: gone.clone(),
                ..whole.clone()
            },
        ),
        (
            About::Authority,
            CredentialFiles {
                authority: gone,
                ..whole
            },
        ),
    ];
    for (about, files) in cases {
        let (blamed, what) = error(&files, "lab");
        assert_eq!(blamed, about);
        assert!(what.contains("gone: cannot read it"), "{what}");
    }
}

#[test]
fn what_is_no_pem_or_too_long_is_not_taken_and_not_quoted() {
    let (dir, order) = made();
    let odd = dir.path().join("odd");
    let texts = [
        "secret words".to_owned(),
        "-----BEGIN PRIVATE KEY-----\nsecret words\n-----END PRIVATE KEY-----\n".to_owned(),
        "secret words\n".repeat(8 << 10),
    ];
    for text in texts {
        fs::write(&odd, &text).unwrap();
        fs::set_permissions(&odd, Permissions::from_mode(0o600)).unwrap();
        let whole = order.files("a");
        let cases = [
            (
                About::Certificate,
                CredentialFiles {
                    certificate: odd.clone(),
                    ..whole.clone()
                },
            ),
            (
                About::Key,
                CredentialFiles {
                    key: odd.clone(),
                    ..whole.clone()
                },
            ),
            (
                About::Authority,
                CredentialFiles {
                    authority: odd.clone(),
                    ..whole
                },
            ),
        ];
        for (about, files) in cases {
            let (blamed, what) = error(&files, "lab");
            assert_eq!(blamed, about, "{what}");
            assert!(what.contains("odd: ") && !what.contains("secret"), "{what}");
        }
    }
}

#[test]
fn a_certificate_of_another_pair_or_authority_is_not_the_node_s_own() {
    let (_dir, order) = made();
    let (about, what) = error(&order.files("a"), "field");
    assert_eq!(about, About::Pair);
    assert!(what.contains("tcp-ha:pair:field"), "{what}");
    let (_other, others) = made();
    let mut files = order.files("a");
    files.authority = others.files("a").authority;
    let (about, what) = error(&files, "lab");
    assert_eq!(about, About::Certificate);
    assert!(what.contains("not issued by the authority"), "{what}");
}

#[test]
fn what_is_over_and_what_is_not_yet_is_said_with_its_date() {
    let (_dir, order) = made();
    let files = order.files("a");
    let at = |moment| Credentials::load_at(&files, &order.pair, moment).unwrap_err();
    let over = at(Moment::now().plus_days(3651));
    assert_eq!(over.about, About::Certificate);
    assert!(over.what.contains("expired on 20"), "{over}");
    let early = at(Moment::now().minus_days(4));
    assert!(early.what.contains("is the clock right?"), "{early}");
}

#[test]
fn names_of_pairs_are_few_and_plain() {
    for name in ["a", "rp-1.example_2", &"x".repeat(63)] {
        assert_eq!(name.parse::<PairName>().unwrap().as_str(), name);
    }
    for name in ["", "a b", "a/b", "ä", &"x".repeat(64)] {
        assert!(name.parse::<PairName>().is_err(), "{name}");
    }
}
