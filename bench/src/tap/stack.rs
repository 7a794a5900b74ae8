//! Bulk and small messages over a TAP: ours, smoltcp's sockets, and the kernel's TCP on both sides, in the same run.

use super::actor::Actor;
use super::place::{Place, SERVER, SPARE_TAP, TAP};
use super::role::{Mode, NodeRole, Request, Role, Said, Service};
use crate::end::{Direction, Seen};
use crate::report::{Row, Section};
use crate::rounds::{Contender, in_turn};
use crate::spread::Spread;
use std::ffi::OsString;
use std::io;

/// Octets of a small message, and how many there are in a round.
const PING_OCTETS: usize = 100;
const PINGS: usize = 5_000;

/// Who serves, and over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    Ours { mode: Mode, offload: bool },
    Smoltcp,
    KernelByRelay { offload: bool },
    KernelByVeth { offloads: bool },
}

/// The kernel on both sides, as fast as a process on TAPs may be.
const BY_RELAY: Server = Server::KernelByRelay { offload: true };

/// Ours with offload.
const fn ours(mode: Mode) -> Server {
    Server::Ours {
        mode,
        offload: true,
    }
}

impl Server {
    fn name(self) -> &'static str {
        match self {
            Server::Ours {
                mode: Mode::None,
                offload: true,
            } => "ours, unprotected",
            Server::Ours {
                mode: Mode::Logged,
                offload: true,
            } => "ours, protected, `Logged` both ways",
            Server::Ours {
                mode: Mode::Consuming,
                offload: true,
            } => "ours, protected, `Marked` and `Regenerated`",
            Server::Ours { offload: false, .. } => "ours, unprotected, no offload",
            Server::Smoltcp => "smoltcp's socket (it has no offload)",
            Server::KernelByRelay { offload: true } => "kernel, TAP relay",
            Server::KernelByRelay { offload: false } => "kernel, TAP relay, no offload",
            Server::KernelByVeth { offloads: false } => "kernel, veth without offloads",
            Server::KernelByVeth { offloads: true } => "kernel, veth with offloads",
        }
    }
}

/// The processes of one server: what serves, and what else works for it.
struct Serving {
    server: Actor,
    others: Vec<Actor>,
    place: Place,
}

impl Serving {
    fn start(server: Server, service: Service) -> io::Result<Serving> {
        match server {
            Server::Ours { mode, offload } => Serving::ours(mode, offload, service),
            Server::Smoltcp => Serving::smoltcp(service),
            Server::KernelByRelay { offload } => Serving::by_relay(offload, service),
            Server::KernelByVeth { offloads } => {
                let place = Place::with_veth(offloads)?;
                Serving::kernel(place, Vec::new(), service)
            }
        }
    }

    fn ours(mode: Mode, offload: bool, service: Service) -> io::Result<Serving> {
        let place = Place::with_taps()?;
        let (server, others) = nodes(&place, mode, offload, service)?;
        Ok(Serving {
            server: server.until_ready()?,
            others,
            place,
        })
    }

    fn smoltcp(service: Service) -> io::Result<Serving> {
        let Service::Bulk { direction, seconds } = service else {
            return Err(io::Error::other("smoltcp serves bulk alone here"));
        };
        let place = Place::with_taps()?;
        let program = example("smoltcp-end")?;
        let direction = match direction {
            Direction::In => "in",
            Direction::Out => "out",
        };
        let (address, seconds) = (SERVER.to_string(), seconds.to_string());
        let arguments = [TAP, &address, direction, &seconds].map(AsRef::as_ref);
        let server = Actor::run(&place.near, &program, &arguments)?;
        Ok(Serving {
            server: server.until_ready()?,
            others: Vec::new(),
            place,
        })
    }

    fn by_relay(offload: bool, service: Service) -> io::Result<Serving> {
        let place = Place::new()?;
        let taps = ["relay0".to_owned(), "relay1".to_owned()];
        let role = Role::Relay {
            taps: taps.clone(),
            offload,
        };
        let relay = Actor::start(&place.near, &role)?;
        let relay = relay.until_ready()?;
        place.move_far(&taps[1])?;
        place.join(&taps[0], &taps[1])?;
        Serving::kernel(place, vec![relay], service)
    }

    fn kernel(place: Place, others: Vec<Actor>, service: Service) -> io::Result<Serving> {
        let role = Role::KernelServer {
            address: SERVER,
            service,
        };
        Ok(Serving {
            server: Actor::start(&place.far, &role)?.until_ready()?,
            others,
            place,
        })
    }

    fn client(&self, request: Request) -> io::Result<Actor> {
        let role = Role::KernelClient {
            address: SERVER,
            request,
        };
        Actor::start(&self.place.near, &role)
    }

    fn others_seconds(&self) -> io::Result<f64> {
        self.others.iter().map(Actor::cpu_seconds).sum()
    }
}

/// The program of an example of this crate, which was built with this one.
///
/// # Errors
/// It was not.
pub fn example(name: &str) -> io::Result<OsString> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name("examples").join(name);
    if !path.exists() {
        let what = format!(
            "{} is missing: cargo build --release -p tcp-ha-bench --examples",
            path.display()
        );
        return Err(io::Error::other(what));
    }
    Ok(path.into_os_string())
}

/// Our nodes: the one that serves, and the standby where there is one.
pub(super) fn nodes(
    place: &Place,
    mode: Mode,
    offload: bool,
    service: Service,
) -> io::Result<(Actor, Vec<Actor>)> {
    let protected = mode != Mode::None;
    let role = NodeRole {
        tap: TAP.to_owned(),
        offload,
        register: place.register()?,
        address: SERVER,
        stands_by: false,
        waits_for_standby: protected,
        mode,
        service,
    };
    let server = Actor::start(&place.near, &Role::Node(role.clone()))?;
    let mut others = Vec::new();
    if protected {
        others.push(Actor::start(&place.near, &standby(role))?);
    }
    Ok((server, others))
}

/// The standby of this active.
pub(super) fn standby(active: NodeRole) -> Role {
    Role::Node(NodeRole {
        tap: SPARE_TAP.to_owned(),
        stands_by: true,
        ..active
    })
}

fn seen(actor: &mut Actor) -> io::Result<Seen> {
    loop {
        if let Said::Seen(seen) = actor.hear()? {
            return Ok(seen);
        }
    }
}

/// Megabits per second, and CPU seconds for a gigabyte: of who serves with what works for it, and of the client.
fn transfer(server: Server, direction: Direction, seconds: f64) -> io::Result<[f64; 3]> {
    let mut serving = Serving::start(server, Service::Bulk { direction, seconds })?;
    let others_before = serving.others_seconds()?;
    let mut client = serving.client(Request::Bulk { direction, seconds })?;
    let asked = seen(&mut client)?;
    let served = seen(&mut serving.server)?;
    let others = serving.others_seconds()? - others_before;
    let arrived = match direction {
        Direction::In => served,
        Direction::Out => asked,
    };
    let gigabytes = arrived.octets as f64 / 1e9;
    Ok([
        arrived.megabits(),
        (served.cpu_seconds + others) / gigabytes,
        asked.cpu_seconds / gigabytes,
    ])
}

/// Bulk, each way; with `only`, of those servers alone whose name has these words, or of one direction (`received`, `sent`) before a colon.
///
/// # Errors
/// No root, or a process fails.
pub fn bulk(rounds: usize, seconds: f64, only: Option<&str>) -> io::Result<Vec<Section>> {
    const SERVERS: [Server; 9] = [
        BY_RELAY,
        ours(Mode::None),
        ours(Mode::Logged),
        ours(Mode::Consuming),
        Server::Smoltcp,
        Server::Ours {
            mode: Mode::None,
            offload: false,
        },
        Server::KernelByRelay { offload: false },
        Server::KernelByVeth { offloads: false },
        Server::KernelByVeth { offloads: true },
    ];
    let ways = [
        (Direction::In, "Stack: bulk received over a TAP"),
        (Direction::Out, "Stack: bulk sent over a TAP"),
    ];
    let how = format!(
        "One connection with a kernel's client, MTU 1500, {seconds} s a transfer; a frame stands for up to 64 KiB (virtio headers, TSO) but \
         where it says so. Ratios are over kernel to kernel through a process that copies such frames between two TAPs. CPU: of who serves, \
         with its standby or its relay, as processes; what the kernel does for a frame that is written into a TAP is charged to who writes it."
    );
    let (way, words) = only.map_or(("", ""), |only| only.split_once(':').unwrap_or(("", only)));
    let mut sections = Vec::new();
    for (direction, title) in ways {
        if !title.contains(way) {
            continue;
        }
        let wanted = SERVERS.into_iter().filter(|it| it.name().contains(words));
        let contenders = wanted.map(|server| {
            Contender::new(server.name(), move || transfer(server, direction, seconds))
        });
        let seen = in_turn(rounds, contenders.collect())?;
        let Some((_, first)) = seen.first() else {
            let what = format!("no server has \"{words}\" in its name");
            return Err(io::Error::other(what));
        };
        let mut section = Section::new(title, &how);
        for (at, (what, unit)) in [
            ("goodput", "Mbit/s"),
            ("CPU of who serves", "s/GB"),
            ("CPU of the client", "s/GB"),
        ]
        .into_iter()
        .enumerate()
        {
            for (name, spreads) in &seen {
                let row = Row::of(format!("{name}: {what}"), unit, spreads[at]);
                section.rows.push(row.over(&first[at]));
            }
        }
        section.rows.extend(judged(&seen));
        sections.push(section);
    }
    Ok(sections)
}

/// What there are goals for: goodput over another's.
fn judged(seen: &[(String, [Spread; 3])]) -> Vec<Row> {
    let goodput = |server: Server| {
        let mut seen = seen.iter();
        let found = seen.find(|(name, _)| name == server.name());
        found.map(|(_, spreads)| spreads[0].median)
    };
    let none = ours(Mode::None);
    let pairs = [
        (none, BY_RELAY, ">= 1.0"),
        (none, Server::Smoltcp, ">= 4"),
        (ours(Mode::Logged), none, ">= 0.8"),
        (ours(Mode::Consuming), none, ">= 0.95"),
    ];
    let row = |(server, over, goal): (Server, Server, &str)| {
        let ratio = goodput(server)? / goodput(over)?;
        let what = format!("{} over {}", server.name(), over.name());
        let mut row = Row::once(what, "of goodput", ratio).goal(goal);
        row.ratio = Some(ratio);
        Some(row)
    };
    pairs.into_iter().filter_map(row).collect()
}

/// Small messages there and back.
///
/// # Errors
/// No root, or a process fails.
pub fn small(rounds: usize) -> io::Result<Section> {
    const SERVERS: [Server; 4] = [
        BY_RELAY,
        ours(Mode::None),
        ours(Mode::Logged),
        Server::KernelByVeth { offloads: false },
    ];
    let request = Request::Ping {
        octets: PING_OCTETS,
        times: PINGS,
    };
    let contenders = SERVERS.map(|server| {
        Contender::new(server.name(), move || {
            let serving = Serving::start(server, Service::Echo)?;
            let mut client = serving.client(request)?;
            loop {
                if let Said::RoundTrips { p50, p99 } = client.hear()? {
                    return Ok([p50, p99]);
                }
            }
        })
    });
    let seen = in_turn(rounds, contenders.into())?;
    let mut section = Section::new(
        "Stack: small messages over a TAP",
        "100 octets from a kernel's client to an echo and back, one at a time. Ratios are over kernel to kernel through a TAP relay. \
         What protection adds is a whole echo's: the request's batch, the daemon's, and the gate.",
    );
    for (at, what) in ["p50", "p99"].into_iter().enumerate() {
        for (name, spreads) in &seen {
            let row = Row::of(format!("{name}: {what}"), "us", spreads[at]);
            section.rows.push(row.over(&seen[0].1[at]));
        }
    }
    Ok(section)
}
