//! The register on a real etcd that speaks TLS and asks its clients for certificates (package etcd-server).

#[allow(dead_code)]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use support::etcd::{Etcd, ServerTls};
use support::{Directory, eventually};
use tcp_ha_ipc::certificates::{self, Order};
use tcp_ha_ipc::register::{
    EtcdCertificate, EtcdConfig, EtcdRegister, EtcdTls, EtcdUser, RemoteRegister,
};
use tcp_ha_ipc::{CasError, Epoch, Incarnation, Register, RegisterError};
use zeroize::Zeroizing;

fn name(octet: u8) -> Incarnation {
    Incarnation::from_bytes([octet; 16])
}

/// Certificates of nodes `a` and `b`, and of a member `etcd` that is called by `host`.
struct Files(Directory);

impl Files {
    fn make(host: &str) -> Self {
        let directory = Directory::new();
        let mut order = Order::new("lab".parse().unwrap(), &directory.0);
        order.members = vec![format!("etcd={host}").parse().unwrap()];
        certificates::make(&order).unwrap();
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.0.join(name)
    }

    fn server(&self) -> ServerTls {
        ServerTls {
            certificate: self.path("etcd.crt"),
            key: self.path("etcd.key"),
            trusted: self.path("ca.crt"),
        }
    }

    /// What node `a` has.
    fn client(&self) -> EtcdTls {
        EtcdTls {
            authority: self.path("ca.crt"),
            own: Some(EtcdCertificate {
                certificate: self.path("a.crt"),
                key: self.path("a.key"),
            }),
        }
    }
}

fn config(urls: &[String], tls: EtcdTls) -> EtcdConfig {
    let mut config = EtcdConfig::new(urls.to_vec());
    // Handshakes of a busy host take their time.
    config.connect_timeout = Duration::from_secs(5);
    config.answer_timeout = Duration::from_secs(5);
    config.tls = Some(tls);
    config
}

fn open(etcd: &Etcd, tls: EtcdTls) -> EtcdRegister {
    EtcdRegister::open(&config(&[etcd.url()], tls)).unwrap()
}

/// The one line in which a read fails.
fn line(register: &EtcdRegister) -> String {
    let Err(RegisterError::Unavailable(line)) = register.read() else {
        panic!("{:?}", register.read());
    };
    assert!(!line.contains(char::is_control), "{line:?}");
    line
}

#[test]
fn the_register_is_read_and_changed_over_tls_with_a_certificate() {
    let files = Files::make("127.0.0.1");
    let etcd = Etcd::start_with(files.server());
    let inner = open(&etcd, files.client());
    assert!(inner.certificate_expires().is_some());
    let patience = Duration::from_secs(10);
    let register = RemoteRegister::start(inner, "etcd", etcd.url(), patience).unwrap();
    assert_eq!(register.read(), Ok(None));
    let tenure = register.compare_and_swap(None, name(1), None).unwrap();
    let tenure = register
        .compare_and_swap(Some(tenure.epoch()), name(1), Some(name(2)))
        .unwrap();
    assert_eq!(register.read(), Ok(Some(tenure.entry())));
    let swapped = register.compare_and_swap(Some(Epoch(1)), name(3), None);
    assert_eq!(swapped, Err(CasError::Lost(Some(tenure.entry()))));
}

#[test]
fn what_comes_between_a_node_and_etcd_is_one_line_that_says_what_to_do() {
    let files = Files::make("127.0.0.1");
    let others = Files::make("127.0.0.1");
    let etcd = Etcd::start_with(files.server());
    let own = |from: &Files| from.client().own;
    let tls = |authority: &Files, own| EtcdTls {
        authority: authority.path("ca.crt"),
        own,
    };
    let wrong_authority = line(&open(&etcd, tls(&others, own(&files))));
    assert!(
        wrong_authority.contains("not issued by the authority of")
            && wrong_authority.contains(&etcd.url()),
        "{wrong_authority}"
    );
    let refused = line(&open(&etcd, tls(&files, own(&others))));
    assert!(
        refused.contains("it refuses the certificate") && refused.contains("a.crt"),
        "{refused}"
    );
    let missing = line(&open(&etcd, tls(&files, None)));
    assert!(missing.contains("it wants a certificate"), "{missing}");
    let plain = etcd.url().replace("https", "http");
    let plain = line(&EtcdRegister::open(&EtcdConfig::new(vec![plain])).unwrap());
    assert!(plain.contains("does it want https://?"), "{plain}");
}

#[test]
fn a_swap_that_is_refused_for_its_certificate_was_not_made() {
    let files = Files::make("127.0.0.1");
    let others = Files::make("127.0.0.1");
    let etcd = Etcd::start_with(files.server());
    for (authority, own) in [(&files, &others), (&others, &files)] {
        let tls = EtcdTls {
            authority: authority.path("ca.crt"),
            own: own.client().own,
        };
        let swapped = open(&etcd, tls).compare_and_swap(None, name(1), None);
        assert!(
            matches!(swapped, Err(CasError::Unavailable(_))),
            "{swapped:?}"
        );
    }
    assert_eq!(open(&etcd, files.client()).read(), Ok(None));
}

#[test]
fn a_certificate_for_another_host_is_refused_by_name() {
    let files = Files::make("etcd.example.net");
    let etcd = Etcd::start_with(files.server());
    let line = line(&open(&etcd, files.client()));
    assert!(
        line.contains("not for 127.0.0.1") && line.contains("etcd.example.net"),
        "{line}"
    );
}

#[test]
fn an_etcd_without_tls_is_told_as_such() {
    let files = Files::make("127.0.0.1");
    let etcd = Etcd::start();
    let url = etcd.url().replace("http", "https");
    let line = line(&EtcdRegister::open(&config(&[url], files.client())).unwrap());
    assert!(line.contains("does it speak TLS 1.3?"), "{line}");
}

#[test]
fn certificates_that_are_replaced_count_from_the_next_request() {
    let files = Files::make("127.0.0.1");
    let others = Files::make("127.0.0.1");
    let etcd = Etcd::start_with(files.server());
    let used = Directory::new();
    let put = |from: &Files, name: &str| replace(&from.path(name), &used.0.join(name));
    for name in ["ca.crt", "a.crt", "a.key"] {
        put(if name == "ca.crt" { &files } else { &others }, name);
    }
    let own = EtcdCertificate {
        certificate: used.0.join("a.crt"),
        key: used.0.join("a.key"),
    };
    let tls = EtcdTls {
        authority: used.0.join("ca.crt"),
        own: Some(own),
    };
    let register = open(&etcd, tls);
    assert!(line(&register).contains("it refuses the certificate"));
    put(&files, "a.crt");
    // The key is still that of the former one, which stays in use.
    assert!(line(&register).contains("it refuses the certificate"));
    put(&files, "a.key");
    assert_eq!(register.read(), Ok(None));
}

/// As an administrator replaces a file: never half of it there.
fn replace(from: &Path, to: &Path) {
    let beside = to.with_extension("new");
    fs::copy(from, &beside).unwrap();
    fs::rename(&beside, to).unwrap();
}

/// Users are asked for; `rp` may touch the register's key alone.
fn with_users(etcd: &Etcd) {
    let done = |arguments: &[&str]| {
        etcd.ctl(arguments)
            .unwrap_or_else(|| panic!("etcdctl {arguments:?}"))
    };
    done(&["user", "add", "root:sesame"]);
    done(&["user", "grant-role", "root", "root"]);
    done(&["role", "add", "register"]);
    done(&[
        "role",
        "grant-permission",
        "register",
        "readwrite",
        "/tcp-ha/register",
    ]);
    done(&["user", "add", "rp:open"]);
    done(&["user", "grant-role", "rp", "register"]);
    done(&["auth", "enable"]);
}

fn with_user(etcd: &Etcd, files: &Files, user: &str, password: &str) -> EtcdConfig {
    let mut config = config(&[etcd.url()], files.client());
    let password = Zeroizing::new(password.to_owned());
    config.user = Some(EtcdUser::new(user.to_owned(), password));
    config
}

#[test]
fn a_user_s_password_opens_the_key_and_is_never_shown() {
    let files = Files::make("127.0.0.1");
    let mut etcd = Etcd::start_with(files.server());
    with_users(&etcd);
    let unasked = line(&open(&etcd, files.client()));
    assert!(unasked.contains("give user and password"), "{unasked}");
    let config = with_user(&etcd, &files, "rp", "wrong-one");
    let wrong = EtcdRegister::open(&config).unwrap();
    let told = line(&wrong);
    assert!(told.contains("as user \"rp\""), "{told}");
    for shown in [told, format!("{config:?} {wrong:?}")] {
        assert!(!shown.contains("wrong-one"), "{shown}");
    }
    let config = with_user(&etcd, &files, "rp", "open");
    let register = EtcdRegister::open(&config).unwrap();
    assert_eq!(register.read(), Ok(None));
    let tenure = register.compare_and_swap(None, name(1), None).unwrap();
    // Its tokens do not outlive it.
    etcd.kill();
    etcd.restart_unasked();
    let found = eventually("an answer", || register.read().ok());
    assert_eq!(found, Some(tenure.entry()));
    let mut elsewhere = with_user(&etcd, &files, "rp", "open");
    elsewhere.key = "/another".to_owned();
    let denied = line(&EtcdRegister::open(&elsewhere).unwrap());
    assert!(denied.contains("permission denied"), "{denied}");
}
