use std::fs;

use clap::Parser;
use tcp_ha::ipc::certificates::{self, Order};

use crate::cli::CommandLine;
use crate::config::Config;
use crate::testing::TempDir;

const REST: &str = r#"
[device]
name = "rp1"
[interface]
mac = "02:00:5e:00:01:01"
addresses = ["10.99.0.1/24"]
[bgp]
as = 65001
router_id = "10.99.0.1"
[node]
name = "rp1"
register = "/run/x/register"
status = "rp1.sock"
"#;

const GOOD: &str = r#"[register]
etcd = ["https://192.0.2.3:2379", "https://etcd.example.net:2379"]
key = "/pairs/lab"
user = "rp"
password = { file = "password" }
[register.tls]
ca = "ca.crt"
certificate = "a.crt"
key = "a.key"
"#;

/// A directory with the files that [`GOOD`] names.
fn files() -> TempDir {
    let dir = TempDir::new();
    certificates::make(&Order::new("lab".parse().unwrap(), dir.path())).unwrap();
    fs::write(dir.path().join("password"), "open sesame\nnot this\n").unwrap();
    dir
}

fn load(dir: &TempDir, register: &str, more: &str) -> Result<Config, String> {
    let path = dir.path().join("rp.toml");
    fs::write(&path, format!("{register}{REST}")).unwrap();
    let line = format!("active-rp --config {} {more}", path.display());
    let line = CommandLine::try_parse_from(line.split_whitespace()).unwrap();
    let loaded = Config::load(&line.flags).map_err(|error| error.to_string());
    let shown = format!("{loaded:?}");
    assert!(!shown.contains("sesame"), "{shown}");
    loaded
}

#[test]
fn an_etcd_with_tls_and_users_is_taken_and_the_password_is_not_shown() {
    let dir = files();
    let etcd = load(&dir, GOOD, "").unwrap().etcd.unwrap();
    assert_eq!(etcd.key, "/pairs/lab");
    let tls = etcd.tls.unwrap();
    assert_eq!(tls.authority, dir.path().join("ca.crt"));
    assert_eq!(tls.own.unwrap().key, dir.path().join("a.key"));
    let password = zeroize::Zeroizing::new("open sesame".to_owned());
    let user = tcp_ha::ipc::register::EtcdUser::new("rp".to_owned(), password);
    assert_eq!(etcd.user, Some(user));
}

#[test]
fn the_command_line_says_the_same() {
    let dir = files();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let more = format!(
        "--etcd https://192.0.2.3:2379 --etcd https://etcd.example.net:2379 --etcd-ca {} --etcd-certificate {} --etcd-key {} \
         --etcd-user rp --etcd-password-file {}",
        at("ca.crt"),
        at("a.crt"),
        at("a.key"),
        at("password")
    );
    let from_file = load(&dir, GOOD, "").unwrap().etcd;
    let key = "[register]\nkey = \"/pairs/lab\"\n";
    assert_eq!(load(&dir, key, &more).unwrap().etcd, from_file);
}

#[test]
fn a_mistake_names_its_own_line_and_file() {
    let dir = files();
    for (from, to, line, what) in [
        ("\"a.crt\"", "\"gone.crt\"", 8, "gone.crt: cannot read it"),
        (
            "\"a.key\"",
            "\"b.key\"",
            9,
            "not the key of the certificate",
        ),
        ("\"ca.crt\"", "\"gone\"", 7, "gone: cannot read it"),
        ("ca = \"ca.crt\"\n", "", 7, "certificate needs ca"),
        ("key = \"a.key\"\n", "", 8, "certificate needs key"),
        ("certificate = \"a.crt\"\n", "", 8, "key needs certificate"),
        ("user = \"rp\"\n", "", 4, "password needs user"),
        (
            "{ file = \"password\" }",
            "\"\"",
            5,
            "the password is empty",
        ),
        (
            "{ file = \"password\" }",
            "{ file = \"none\" }",
            5,
            "none: No such file",
        ),
        (
            "password = { file = \"password\" }\n",
            "",
            4,
            "user needs password",
        ),
        (
            "https://etcd.",
            "http://etcd.",
            2,
            "all https:// or all http://",
        ),
        (
            "etcd = [\"https://192.0.2.3:2379\", \"https://etcd.example.net:2379\"]\n",
            "",
            2,
            "belongs to etcd",
        ),
    ] {
        assert_eq!(GOOD.matches(from).count(), 1, "{from:?}");
        let said = load(&dir, &GOOD.replace(from, to), "").unwrap_err();
        let place = format!("rp.toml:{line}: ");
        assert!(said.contains(&place) && said.contains(what), "{said}");
        assert!(!said.contains('\n'), "{said}");
    }
}

#[test]
fn https_needs_an_authority_and_a_password_needs_https() {
    let dir = files();
    let tls = GOOD.find("[register.tls]").unwrap();
    let said = load(&dir, &GOOD[..tls], "").unwrap_err();
    assert!(
        said.contains("rp.toml:2: ") && said.contains("needs ca"),
        "{said}"
    );
    let plain = GOOD[..tls].replace("https", "http");
    let said = load(&dir, &plain, "").unwrap_err();
    assert!(said.contains("goes to https:// only"), "{said}");
}
