use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::certificates::{self, Order};
use crate::register::{EtcdConfig, EtcdRegister};
use crate::testing::TempDir;

/// What node `a` of the pair `lab` has for an etcd of the same authority.
fn made() -> (TempDir, EtcdTls) {
    let dir = TempDir::new();
    certificates::make(&Order::new("lab".parse().unwrap(), dir.path())).unwrap();
    let at = |name: &str| dir.path().join(name);
    let tls = EtcdTls {
        authority: at("ca.crt"),
        own: Some(EtcdCertificate {
            certificate: at("a.crt"),
            key: at("a.key"),
        }),
    };
    (dir, tls)
}

#[test]
fn a_certificate_that_has_ended_or_not_begun_is_said_with_its_date() {
    let (_dir, tls) = made();
    let at = |moment| tls.load_at(moment).err().unwrap();
    let over = at(Moment::now().plus_days(3651));
    assert_eq!(over.about, About::Certificate);
    assert!(
        over.what.contains("a.crt: expired on 20") && over.what.ends_with("make a new one"),
        "{over}"
    );
    let early = at(Moment::now().minus_days(4));
    assert!(early.what.contains("is the clock right?"), "{early}");
    let expires = tls.load_at(Moment::now()).unwrap().expires.unwrap();
    let days = expires.days_since(Moment::now());
    assert!((3648..=3650).contains(&days), "{days}");
}

#[test]
fn a_certificate_of_an_authority_that_is_not_etcd_s_own_is_taken() {
    let (_dir, tls) = made();
    let (_other, others) = made();
    let mixed = EtcdTls {
        authority: others.authority,
        own: tls.own,
    };
    assert_eq!(mixed.check(), Ok(()));
}

#[test]
fn each_file_that_is_of_no_use_is_named() {
    let (dir, tls) = made();
    let (_other, others) = made();
    let own = tls.own.clone().unwrap();
    let with = |own: EtcdCertificate| EtcdTls {
        own: Some(own),
        ..tls.clone()
    };
    let gone = dir.path().join("gone");
    let not_its_key = with(EtcdCertificate {
        key: others.own.unwrap().key,
        ..own.clone()
    });
    let no_certificate = with(EtcdCertificate {
        certificate: gone.clone(),
        ..own
    });
    let no_authority = EtcdTls {
        authority: gone,
        ..tls.clone()
    };
    for (tls, about, what) in [
        (not_its_key, About::Key, "not the key of the certificate"),
        (no_certificate, About::Certificate, "gone: cannot read it"),
        (no_authority, About::Authority, "gone: cannot read it"),
    ] {
        let error = tls.check().unwrap_err();
        assert_eq!(error.about, about, "{error}");
        assert!(error.what.contains(what), "{error}");
    }
    let key = tls.own.as_ref().unwrap().key.clone();
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let error = tls.check().unwrap_err();
    assert!(error.what.contains("chmod 600"), "{error}");
}

#[test]
fn what_belongs_to_https_alone_is_told_so() {
    let (_dir, tls) = made();
    let error = |urls: &[&str], tls: Option<&EtcdTls>| {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        let mut config = EtcdConfig::new(urls);
        config.tls = tls.cloned();
        EtcdRegister::open(&config).unwrap_err().to_string()
    };
    let (plain, secret) = ("http://192.0.2.1:2379", "https://192.0.2.2:2379");
    for (said, part) in [
        (error(&[secret], None), "https:// needs ca"),
        (error(&[plain], Some(&tls)), "are for https://"),
        (
            error(&[secret, plain], Some(&tls)),
            "all https:// or all http://",
        ),
    ] {
        assert!(said.contains(part), "{said}");
    }
}
