//! A node of the pair's own certificates that says what it should not: recorded, old, of another time or version.

use super::world::{BOUND, Node, World, refused, until};
use ipc::frame::{self, FrameHeader, FrameKind};
use ipc::refusal::Refusal;
use ipc::schema::v1::RefuseReason;
use ipc::schema::{Hello, Version, Versions};
use ipc::session::{LocalIdentity, Session, SessionEvent};
use ipc::transport::tls::{Bound, Dial};
use ipc::transport::{TlsListener, TlsTransport, Transport};
use ipc::{Epoch, Incarnation, Lsn, codec};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tcp_ha_net::{Begin, Role, Status};

const FORGER: Incarnation = Incarnation::from_bytes([0xf0; 16]);

/// Somebody who has the second node's key.
struct Forger {
    transport: TlsTransport,
    session: Session,
    /// Everything that it has said.
    said: Vec<u8>,
    events: Vec<SessionEvent>,
}

fn identity() -> LocalIdentity {
    LocalIdentity {
        incarnation: FORGER,
        config_digest: [0; 32],
        heartbeat: Duration::from_millis(20),
        software: "forged".to_owned(),
        versions: Versions::SPOKEN,
    }
}

fn named(status: &Status) -> Incarnation {
    status.incarnation.parse().expect("a name")
}

impl Forger {
    /// Through the handshake; what it says is the caller's.
    fn new(world: &World, local: LocalIdentity, to: Incarnation, epoch: Epoch) -> Forger {
        let mut dial = Dial::start(world.listen[0], &world.credentials(1)).expect("a way");
        let transport = loop {
            if let Some(transport) = dial.advance().expect("a node of the pair") {
                break transport;
            }
        };
        Forger {
            transport,
            session: Session::initiate(local, to, epoch),
            said: Vec::new(),
            events: Vec::new(),
        }
    }

    fn say(&mut self, octets: &[u8]) {
        let (begun, mut written) = (Instant::now(), 0);
        while written < octets.len() {
            match self.transport.write(&octets[written..]) {
                Ok(taken) => written += taken,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
            assert!(begun.elapsed() < BOUND, "nobody reads");
        }
    }

    /// One turn of a standby; false once the other side has closed.
    fn turn(&mut self) -> bool {
        let octets = self.session.outgoing().to_vec();
        self.session.advance(octets.len());
        self.said.extend_from_slice(&octets);
        self.say(&octets);
        let mut piece = [0; 65_536];
        match self.transport.read(&mut piece) {
            Ok(0) => return false,
            Ok(read) => {
                let _ = self.session.feed(&piece[..read]);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        while let Some(event) = self.session.poll() {
            match &event {
                SessionEvent::Batch(batch) => self.session.send_ack(batch.lsn()),
                SessionEvent::Control(ipc::schema::Control::Paired { epoch }) => {
                    self.session.set_epoch(*epoch);
                }
                _ => {}
            }
            self.events.push(event);
        }
        true
    }

    fn until(&mut self, what: &str, says: impl Fn(&[SessionEvent]) -> bool) {
        let begun = Instant::now();
        while !says(&self.events) {
            let open = self.turn();
            assert!(
                open || says(&self.events),
                "closed before {what}: {:?}",
                self.events
            );
            assert!(
                begun.elapsed() < BOUND,
                "waited for {what}: {:?}",
                self.events
            );
        }
    }

    fn is_refused(&mut self, reason: RefuseReason) {
        self.until("a refusal", |events| {
            events.contains(&SessionEvent::Refused(reason))
        });
    }

    fn is_established(&mut self) {
        self.until("a session", |events| {
            events
                .iter()
                .any(|event| matches!(event, SessionEvent::Established { .. }))
        });
    }
}

/// An active that is alone, and what it says.
async fn alone(world: &World) -> (Node, Status) {
    let active = world.node(0, Begin::Active).await;
    let status = until(&active, "the cold start", |status| {
        status.role == Role::Active
    })
    .await;
    (active, status)
}

/// That the active counted `reason`, and that a true standby finds its place.
async fn counted_and_open(world: &World, active: &Node, reason: Refusal) {
    until(active, reason.name(), |status| refused(status, reason) > 0).await;
    let standby = world.node(1, Begin::Standby).await;
    until(active, "a pair", |status| status.protected).await;
    until(&standby, "a pair", |status| status.protected).await;
}

#[tokio::test]
async fn a_hello_for_another_incarnation_is_refused() {
    let world = World::new("incarnation");
    let (active, status) = alone(&world).await;
    let to = Incarnation::from_bytes([1; 16]);
    let mut forger = Forger::new(&world, identity(), to, Epoch(status.epoch));
    forger.is_refused(RefuseReason::WrongIncarnation);
    counted_and_open(&world, &active, Refusal::OtherIncarnation).await;
}

#[tokio::test]
async fn a_hello_of_an_old_epoch_is_refused() {
    let world = World::new("epoch");
    let (active, status) = alone(&world).await;
    let mut forger = Forger::new(&world, identity(), named(&status), Epoch(status.epoch - 1));
    forger.is_refused(RefuseReason::OldEpoch);
    counted_and_open(&world, &active, Refusal::OldEpoch).await;
}

#[tokio::test]
async fn a_hello_of_a_newer_epoch_is_refused_and_the_register_decides() {
    let world = World::new("newer");
    let (active, status) = alone(&world).await;
    let mut forger = Forger::new(&world, identity(), named(&status), Epoch(status.epoch + 7));
    forger.is_refused(RefuseReason::NotActive);
    counted_and_open(&world, &active, Refusal::NotActive).await;
    let told = active.stack.status().await.expect("a node");
    assert_eq!(told.role, Role::Active, "the register still names it");
}

#[tokio::test]
async fn another_configuration_is_refused_and_the_reason_shown() {
    let world = World::new("configuration");
    let (active, status) = alone(&world).await;
    let mut local = identity();
    local.config_digest = [9; 32];
    let mut forger = Forger::new(&world, local, named(&status), Epoch(status.epoch));
    forger.is_refused(RefuseReason::ConfigurationDiffers);
    let told = until(&active, "a reason", |status| {
        refused(status, Refusal::ConfigurationDiffers) > 0
    })
    .await;
    let why = told.unprotected.unwrap_or_default();
    assert!(why.contains("configuration"), "{why}");
    counted_and_open(&world, &active, Refusal::ConfigurationDiffers).await;
}

#[tokio::test]
async fn a_version_that_is_too_old_is_refused() {
    let world = World::new("version");
    let (active, status) = alone(&world).await;
    let (to, epoch) = (named(&status), Epoch(status.epoch));
    let hello = Hello {
        version_min: 0,
        version_max: 0,
        incarnation: FORGER,
        config_digest: [0; 32],
        heartbeat_us: 20_000,
        software: "downgraded".to_owned(),
        heard: None,
    };
    let header = FrameHeader {
        kind: FrameKind::Hello,
        flags: 0,
        epoch,
        from: FORGER,
        to,
    };
    let (mut body, mut octets) = (Vec::new(), Vec::new());
    codec::encode_into(&hello, &mut body).expect("a Hello");
    frame::encode_into(&header, &[&body], &mut octets);
    let mut forger = Forger::new(&world, identity(), to, epoch);
    forger.session.advance(forger.session.outgoing().len());
    forger.say(&octets);
    forger.is_refused(RefuseReason::VersionMismatch);
    let told = active.stack.status().await.expect("a node");
    let why = told.unprotected.unwrap_or_default();
    assert!(why.contains("version"), "{why}");
    counted_and_open(&world, &active, Refusal::VersionDiffers).await;
}

#[tokio::test]
async fn garbage_after_the_handshake_is_refused() {
    let world = World::new("garbage");
    let (active, status) = alone(&world).await;
    let mut forger = Forger::new(&world, identity(), named(&status), Epoch(status.epoch));
    forger.say(&[0x5a; 4_096]);
    counted_and_open(&world, &active, Refusal::GarbledHello).await;
}

#[tokio::test]
async fn whoever_is_silent_after_the_handshake_keeps_no_place() {
    let world = World::new("mute");
    let (active, status) = alone(&world).await;
    let _mute: Vec<_> = (0..3)
        .map(|_| Forger::new(&world, identity(), named(&status), Epoch(status.epoch)))
        .collect();
    let standby = world.node(1, Begin::Standby).await;
    until(&standby, "a pair", |status| status.protected).await;
    // Whoever still had not spoken when the place was taken is told so.
    until(&active, "an end of the mute", |status| {
        refused(status, Refusal::Busy) + refused(status, Refusal::NoHello) == 3
    })
    .await;
    assert!(active.stack.status().await.expect("a node").protected);
}

#[tokio::test]
async fn no_hello_in_time_is_counted() {
    let world = World::new("late");
    let (active, status) = alone(&world).await;
    let _mute = Forger::new(&world, identity(), named(&status), Epoch(status.epoch));
    counted_and_open(&world, &active, Refusal::NoHello).await;
}

#[tokio::test]
async fn a_second_standby_is_refused_and_the_first_stays() {
    let world = World::new("second");
    let (active, _standby) = world.pair().await;
    let before = active.stack.status().await.expect("a node");
    let mut forger = Forger::new(&world, identity(), named(&before), Epoch(before.epoch));
    forger.is_refused(RefuseReason::Busy);
    let told = until(&active, "a refusal", |status| {
        refused(status, Refusal::Busy) > 0
    })
    .await;
    assert!(told.protected, "{told:#?}");
    assert_eq!((told.epoch, told.peer), (before.epoch, before.peer));
}

/// A session in which the forger was the standby of a pair: what it said in it, and the epoch after it.
async fn recorded(world: &World, active: &Node, status: &Status) -> (Vec<u8>, Status) {
    let mut forger = Forger::new(world, identity(), named(status), Epoch(status.epoch));
    forger.until("a pair", |events| {
        let paired = |event: &SessionEvent| {
            matches!(
                event,
                SessionEvent::Control(ipc::schema::Control::Paired { .. })
            )
        };
        events.iter().any(paired)
    });
    // What pairs is acknowledged in the new epoch as well.
    let applied = forger.events.iter().filter_map(|event| match event {
        SessionEvent::Batch(batch) => Some(batch.lsn()),
        _ => None,
    });
    let applied = applied.max().expect("a batch");
    forger.session.send_ack(applied);
    forger.session.send_heartbeat(applied, 0);
    forger.turn();
    let said = std::mem::take(&mut forger.said);
    drop(forger);
    let after = until(active, "its own again", |now| {
        !now.protected && now.epoch > status.epoch + 1
    })
    .await;
    (said, after)
}

/// The frames of a stream, without the Hello at its beginning.
fn without_hello(octets: &[u8]) -> &[u8] {
    let body = u32::from_le_bytes(octets[8..12].try_into().expect("a header"));
    &octets[frame::HEADER_OCTETS + body as usize..]
}

#[tokio::test]
async fn a_session_that_is_played_back_whole_is_refused_at_its_hello() {
    let world = World::new("whole");
    let (active, status) = alone(&world).await;
    let (said, _) = recorded(&world, &active, &status).await;
    let mut again = Forger::new(&world, identity(), named(&status), Epoch(0));
    again.session.advance(again.session.outgoing().len());
    again.say(&said);
    again.is_refused(RefuseReason::OldEpoch);
    counted_and_open(&world, &active, Refusal::OldEpoch).await;
}

#[tokio::test]
async fn frames_of_an_older_epoch_that_are_played_back_acknowledge_nothing() {
    let world = World::new("frames");
    let (active, status) = alone(&world).await;
    let (said, after) = recorded(&world, &active, &status).await;
    // A new session under the same name, with what was said in the old one.
    let mut again = Forger::new(&world, identity(), named(&after), Epoch(after.epoch));
    again.is_established();
    let sent = active.stack.status().await.expect("a node");
    again.say(without_hello(&said));
    let told = until(&active, "frames of old", |status| {
        refused(status, Refusal::FrameOfOldEpoch) >= 2
    })
    .await;
    assert!(told.lsn_acknowledged <= sent.lsn_sent, "{told:?}");
    assert!(!told.protected, "nothing old makes a pair: {told:?}");
    drop(again);
    until(&active, "its end", |status| status.lag_us == 0).await;
    counted_and_open(&world, &active, Refusal::FrameOfOldEpoch).await;
}

#[tokio::test]
async fn frames_of_another_s_session_acknowledge_nothing() {
    let world = World::new("others");
    let (active, status) = alone(&world).await;
    let (said, after) = recorded(&world, &active, &status).await;
    let mut other = identity();
    other.incarnation = Incarnation::from_bytes([0xf1; 16]);
    let mut again = Forger::new(&world, other, named(&after), Epoch(after.epoch));
    again.is_established();
    again.say(without_hello(&said));
    until(&active, "frames of another", |status| {
        refused(status, Refusal::FrameOfOtherIncarnation) >= 2
    })
    .await;
    drop(again);
    counted_and_open(&world, &active, Refusal::FrameOfOtherIncarnation).await;
}

#[tokio::test]
async fn an_acknowledgement_of_what_was_never_sent_ends_the_session() {
    let world = World::new("never");
    let (active, status) = alone(&world).await;
    let mut forger = Forger::new(&world, identity(), named(&status), Epoch(status.epoch));
    forger.is_established();
    forger.session.send_ack(Lsn(1 << 40));
    forger.turn();
    counted_and_open(&world, &active, Refusal::BrokenSession).await;
}

#[tokio::test]
async fn a_node_whose_offer_was_changed_on_the_way_refuses_the_answer() {
    let world = World::new("changed");
    // An active that says to have heard another offer than the standby made.
    let bound = Bound::bind(world.listen[0]).expect("a free port");
    let listener = TlsListener::start(&bound, world.credentials(0), Arc::default());
    let listener = listener.expect("a listener");
    let register = ipc::register::FileRegister::open(world.register()).expect("a register");
    ipc::Register::compare_and_swap(&register, None, FORGER, None).expect("an empty register");
    let standby = world.node(1, Begin::Standby).await;
    let to = named(&standby.stack.status().await.expect("a node"));
    let begun = Instant::now();
    let mut transport = loop {
        if let Ok(transport) = listener.accept() {
            break transport;
        }
        assert!(begun.elapsed() < BOUND, "nobody calls");
        tokio::task::yield_now().await;
    };
    let hello = Hello {
        version_min: 1,
        version_max: 1,
        incarnation: FORGER,
        config_digest: [0; 32],
        heartbeat_us: 20_000,
        software: "between".to_owned(),
        heard: Some(Versions::only(Version(0))),
    };
    let header = FrameHeader {
        kind: FrameKind::Hello,
        flags: 0,
        epoch: Epoch(1),
        from: FORGER,
        to,
    };
    let (mut body, mut octets) = (Vec::new(), Vec::new());
    codec::encode_into(&hello, &mut body).expect("a Hello");
    frame::encode_into(&header, &[&body], &mut octets);
    transport.write(&octets).expect("room");
    let told = until(&standby, "a refusal", |status| {
        refused(status, Refusal::Downgraded) > 0
    })
    .await;
    assert!(!told.protected);
}
