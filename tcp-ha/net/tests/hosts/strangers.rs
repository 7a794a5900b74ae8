//! Strangers at the door of an active whose standby is well: each is counted by its reason, and the pair goes on.

use super::world::{Node, World, refused, until};
use ipc::refusal::{Refusal, Refusals};
use ipc::transport::TlsListener;
use ipc::transport::tls::{Bound, Credentials, Dial};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use tcp_ha_net::Status;

/// Waits until the active has refused somebody for `reason`; the pair is what it was.
async fn refused_and_unharmed(active: &Node, before: &Status, reason: Refusal) {
    let told = until(active, reason.name(), |status| refused(status, reason) > 0).await;
    assert!(told.protected, "{told:#?}");
    assert_eq!((told.epoch, &told.peer), (before.epoch, &before.peer));
    let lost = told.counters.map(|counters| counters.standby_lost);
    assert_eq!(lost, Some(0));
    let last = told.channel.last_refused.expect("somebody was refused");
    assert_eq!(last.reason, reason.to_string());
    let from = last.from.expect("an address");
    assert!(from.starts_with("127.0.0.1:"), "{from}");
}

/// A pair that is well: the active, its standby, and what the active says.
async fn pair(world: &World) -> (Node, Node, Status) {
    let (active, standby) = world.pair().await;
    let before = active.stack.status().await.expect("a node");
    (active, standby, before)
}

#[tokio::test]
async fn plain_octets_do_the_pair_no_harm() {
    let world = World::new("plain");
    let (active, _standby, before) = pair(&world).await;
    let mut raw = TcpStream::connect(world.listen[0]).expect("a listener");
    raw.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("room");
    let _ = raw.read_to_end(&mut Vec::new());
    refused_and_unharmed(&active, &before, Refusal::NotTls).await;
}

#[tokio::test]
async fn the_silent_do_the_pair_no_harm() {
    let world = World::new("silent");
    let (active, _standby, before) = pair(&world).await;
    let silent: Vec<_> = (0..20)
        .map(|_| TcpStream::connect(world.listen[0]).expect("a listener"))
        .collect();
    refused_and_unharmed(&active, &before, Refusal::TooMany).await;
    refused_and_unharmed(&active, &before, Refusal::HandshakeTimedOut).await;
    drop(silent);
}

#[tokio::test]
async fn a_certificate_of_another_authority_does_the_pair_no_harm() {
    let (world, other) = (World::new("authority"), World::new("other"));
    let (active, _standby, before) = pair(&world).await;
    // The stranger looks over its own authority's shoulder and refuses the active, which hears of it.
    let failed = dial(&world, &other.credentials(1)).expect_err("a stranger");
    assert_eq!(failed, Some(Refusal::OtherAuthority));
    refused_and_unharmed(&active, &before, Refusal::Declined).await;
    let output = openssl(&world, &["-tls1_3"], Some(&other));
    refused_and_unharmed(&active, &before, Refusal::OtherAuthority).await;
    assert!(output.contains("alert"), "{output}");
}

#[tokio::test]
async fn a_foreign_client_without_a_certificate_does_the_pair_no_harm() {
    let world = World::new("nobody");
    let (active, _standby, before) = pair(&world).await;
    let output = openssl(&world, &["-tls1_3"], None);
    refused_and_unharmed(&active, &before, Refusal::NoCertificate).await;
    assert!(output.contains("certificate required"), "{output}");
}

#[tokio::test]
async fn an_older_tls_is_refused_whatever_certificate_comes_with_it() {
    let world = World::new("old");
    let (active, _standby, before) = pair(&world).await;
    let output = openssl(&world, &["-tls1_2"], Some(&world));
    refused_and_unharmed(&active, &before, Refusal::OldTls).await;
    assert!(output.contains("alert protocol version"), "{output}");
}

#[tokio::test]
async fn a_foreign_client_of_the_pair_s_own_is_let_in_as_far_as_its_hello() {
    let world = World::new("foreign");
    let (active, _standby, before) = pair(&world).await;
    let output = openssl(&world, &["-tls1_3"], Some(&world));
    assert!(output.contains("Verify return code: 0 (ok)"), "{output}");
    refused_and_unharmed(&active, &before, Refusal::Busy).await;
}

#[tokio::test]
async fn a_node_does_not_talk_to_an_impostor() {
    let (world, other) = (World::new("impostor"), World::new("other"));
    let bound = Bound::bind(world.listen[0]).expect("a free port");
    let impostor = TlsListener::start(&bound, other.credentials(0), Arc::default());
    let _impostor = impostor.expect("a listener");
    // Somebody has been active there before; who answers now is another.
    let register = ipc::register::FileRegister::open(world.register()).expect("a register");
    let gone = ipc::Incarnation::from_bytes([7; 16]);
    ipc::Register::compare_and_swap(&register, None, gone, None).expect("an empty register");
    let standby = world.node(1, tcp_ha_net::Begin::Standby).await;
    let told = until(&standby, "a refusal", |status| {
        refused(status, Refusal::OtherAuthority) > 0
    })
    .await;
    let why = told.unprotected.unwrap_or_default();
    assert!(why.contains("another authority"), "{why}");
}

fn dial(world: &World, credentials: &Credentials) -> Result<(), Option<Refusal>> {
    let mut dial = Dial::start(world.listen[0], credentials).map_err(|failed| failed.refusal)?;
    loop {
        match dial.advance() {
            Ok(None) => std::thread::yield_now(),
            Ok(Some(_)) => return Ok(()),
            Err(failed) => return Err(failed.refusal),
        }
    }
}

/// What `openssl s_client` says of the active's door, with the second node's certificate of `of`, if any.
fn openssl(world: &World, more: &[&str], of: Option<&World>) -> String {
    let mut command = Command::new("openssl");
    command
        .args(["s_client", "-alpn", "tcp-ha-ipc", "-connect"])
        .arg(world.listen[0].to_string())
        .arg("-CAfile")
        .arg(world.files(1).authority)
        .args(more);
    if let Some(of) = of {
        let files = of.files(1);
        command.arg("-cert").arg(files.certificate);
        command.arg("-key").arg(files.key);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl: apt-get install openssl");
    // It stays until the other side has had its say.
    let stdin = child.stdin.take();
    let output = child.wait_with_output().expect("a child");
    drop(stdin);
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn refusals_are_shared_by_threads() {
    let refusals = Arc::new(Refusals::default());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let refusals = Arc::clone(&refusals);
            std::thread::spawn(move || {
                for _ in 0..1_000 {
                    refusals.count(Refusal::NotTls, None);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("a thread");
    }
    assert_eq!(refusals.of(Refusal::NotTls), 4_000);
}
