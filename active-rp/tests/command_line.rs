//! What the binary says when it cannot do what it is asked.

use std::process::{Command, Output};

fn run(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_active-rp"))
        .args(words)
        .output()
        .unwrap()
}

fn one_line(output: &Output) -> &str {
    let text = str::from_utf8(&output.stderr).unwrap().trim_end();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn a_configuration_that_cannot_be_used_is_one_line_and_status_78() {
    let output = run(&["--config", "/nowhere/rp.toml"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(
        one_line(&output).starts_with("/nowhere/rp.toml:1: "),
        "{output:?}"
    );
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(78));
    assert!(one_line(&output).contains("--config"), "{output:?}");
}

#[test]
fn nobody_to_ask_is_one_line_and_status_1() {
    for words in [
        &["status"][..],
        &["routes"],
        &["switchover"],
        &["originate", "/etc/hostname"],
    ] {
        let output = run(&[words, &["--socket", "/nowhere/rp.sock"]].concat());
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(
            one_line(&output).starts_with("/nowhere/rp.sock: "),
            "{output:?}"
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = run(&[
        "withdraw",
        "--socket",
        "/nowhere/rp.sock",
        "/nowhere/routes",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        one_line(&output).starts_with("/nowhere/routes: "),
        "{output:?}"
    );
}

#[test]
fn what_is_asked_and_what_is_run_are_not_mixed() {
    assert_eq!(
        run(&["--mtu", "1400", "status", "--socket", "/x"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        run(&["status"]).status.code(),
        Some(2),
        "a socket is needed"
    );
}

#[test]
fn a_status_socket_that_cannot_be_bound_ends_the_node_before_it_speaks() {
    let output = run(&[
        "--name",
        "rp1",
        "--register",
        "/nowhere/register",
        "--status",
        "/nowhere/rp.sock",
        "--device",
        "x",
        "--device-kind",
        "memory",
        "--mac",
        "02:00:00:00:00:01",
        "--address",
        "10.0.0.1/24",
        "--as",
        "65001",
        "--router-id",
        "10.0.0.1",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(one_line(&output).contains("/nowhere/rp.sock"), "{output:?}");
}

#[test]
fn certificates_are_made_once() {
    let dir = std::env::temp_dir().join(format!("rp-certificates-{}", std::process::id()));
    let words = [
        "certificates",
        "--pair",
        "lab",
        "--directory",
        dir.to_str().unwrap(),
        "--hosts",
        "rp1,rp2",
    ];
    let output = run(&words);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("pair lab, valid until 20"), "{said}");
    for name in [
        "ca.key", "ca.crt", "rp1.key", "rp1.crt", "rp2.key", "rp2.crt",
    ] {
        let path = dir.join(name);
        assert!(
            path.exists() && said.contains(path.to_str().unwrap()),
            "{said}"
        );
    }
    assert!(!said.contains("PRIVATE"), "{said}");
    let again = run(&words);
    assert_eq!(again.status.code(), Some(1));
    assert!(one_line(&again).contains("is there already"), "{again:?}");
    std::fs::remove_dir_all(dir).unwrap();
}
