//! Signed sessions with real daemons, judged by the laboratory. It wants the binaries of `make build` or `make test`, and `make packages`.

use std::process::Command;

/// Runs the laboratory; what it said.
fn lab(arguments: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_bgp-demo"))
        .arg("lab")
        .args("--sessions 2 --routes-in 200 --routes-out 200 --patience 60".split(' '))
        .args(arguments.split(' '))
        .output()
        .expect("the laboratory");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "lab {arguments}: {said}");
    assert!(!said.contains("hidden"), "a key is shown: {said}");
    said
}

#[test]
fn a_peer_with_another_key_is_refused_without_a_word() {
    let said = lab("--peer bird --md5 hidden-1 --peer-md5 hidden-2");
    assert!(said.contains("nobody was answered"), "{said}");
}

#[test]
fn signed_sessions_of_a_real_daemon_survive() {
    let said = lab("--peer bird --md5 hidden --ttl-security --failovers 2");
    assert!(said.contains("verdict: PASS"), "{said}");
}

#[test]
fn keys_change_while_route_processors_die() {
    let said = lab("--peer ours --ao hidden --failovers 2 --family 6");
    assert!(said.contains("verdict: PASS"), "{said}");
}
