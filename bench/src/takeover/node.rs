//! A node of the pair, with limits as in production.

use super::play::{Part, Word, lines};
use crate::end::PORT;
use crate::tap::place::SERVER;
use crate::tap::role::{Said, say};
use std::collections::BTreeSet;
use std::io;
use std::time::Duration;
use tcp_ha::link::{DeviceConfig, DeviceKind};
use tcp_ha::{
    Begin, ListenOptions, Readiness, Stack, StackConfig, StackEvent, StackEvents, TcpStream,
};

/// Length of the address's prefix.
const PREFIX: u8 = 24;
/// Octets of a page.
const PAGE: usize = 4096;
/// Connections that may wait to be accepted.
const BACKLOG: usize = 16_384;
/// Time between two looks at the status before it is ready.
const LOOK: Duration = Duration::from_millis(20);
/// Exit status of a node that is fenced.
const FENCED: i32 = 75;

/// Until the process is ended.
pub(super) async fn play(part: &Part) -> io::Result<()> {
    let Part::Node {
        tap,
        register,
        stands_by,
        sessions,
        echoes,
        heap_mib,
    } = part
    else {
        return Err(io::Error::other("a client is no node"));
    };
    // A process with gigabytes closes its sockets late: whoever waits for that takes over late.
    let heap = touched(heap_mib << 20);
    let device = DeviceConfig::new(DeviceKind::Tap, tap.clone());
    let mut config = StackConfig::new(tap, device, register.clone());
    config.begin = if *stands_by {
        Begin::Standby
    } else {
        Begin::Active
    };
    config.addresses = vec![(SERVER, PREFIX)];
    config.tcp.answer_unknown = true;
    let (stack, events) = Stack::start(config).await?;
    tokio::spawn(hear(events, *sessions));
    let mut options = ListenOptions {
        backlog: BACKLOG,
        ..ListenOptions::default()
    };
    options.connection.nodelay = true;
    if !stands_by {
        while !stack.status().await?.protected {
            tokio::time::sleep(LOOK).await;
        }
        say(&Said::Ready)?;
    }
    let asked = tell(&stack);
    // A standby's listener waits until it speaks; the streams of the dead come first.
    let serving = async {
        let mut listener = stack.listen((SERVER, PORT).into(), options).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(serve(stream, *echoes));
        }
    };
    let ended: io::Result<()> = tokio::select! {
        ended = serving => ended,
        ended = asked => ended,
    };
    drop(heap);
    ended
}

/// Memory of which every page is there.
fn touched(octets: usize) -> Vec<u8> {
    let mut heap = vec![0; octets];
    for page in heap.chunks_mut(PAGE) {
        page[0] = 1;
    }
    std::hint::black_box(heap)
}

async fn serve(mut stream: TcpStream, echoes: bool) -> io::Result<()> {
    if !echoes {
        while stream.read_chunk().await?.is_some() {}
        return Ok(());
    }
    let handle = stream.handle();
    handle.mark_explicitly();
    while let Some(chunk) = stream.read_chunk().await? {
        handle.write_message(chunk, Some(stream.offset())).await?;
    }
    Ok(())
}

/// Says how it took over, whenever it is asked.
async fn tell(stack: &Stack) -> io::Result<()> {
    let mut asked = lines();
    while asked.recv().await.is_some() {
        if let Some(takeover) = stack.status().await?.takeover {
            say(&Said::Takeover(Word::TookOver {
                seen_us: takeover.seen_us,
                claim_us: takeover.claim_us,
                built_us: takeover.built_us,
                speak_us: takeover.speak_us,
                taken: takeover.taken,
                left_behind: takeover.left_behind,
            }))?;
        }
    }
    std::future::pending().await
}

/// Says when all connections are ready, each time that they are.
async fn hear(mut events: StackEvents, sessions: usize) {
    let mut ready = BTreeSet::new();
    while let Some(event) = events.next().await {
        match event {
            StackEvent::Protection { id, readiness } => {
                let changed = match readiness {
                    Readiness::Ready => ready.insert(id),
                    _ => {
                        ready.remove(&id);
                        false
                    }
                };
                if changed && ready.len() == sessions {
                    let _ = say(&Said::Takeover(Word::AllReady));
                }
            }
            StackEvent::Fenced { reason } | StackEvent::Ended { reason } => {
                eprintln!("the node is silent: {reason}");
                std::process::exit(FENCED);
            }
            _ => {}
        }
    }
}
