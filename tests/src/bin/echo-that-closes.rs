//! An echo server like the example's, whose daemon closes and resets everything when the process is continued after a stop: what it then
//! wants to say must not be heard.
#![forbid(unsafe_code)]

use std::error::Error;
use std::net::IpAddr;
use tcp_ha::link::{DeviceConfig, DeviceKind};
use tcp_ha::{Begin, ListenOptions, Stack, StackConfig, StackEvent, StreamHandle};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

const SIGCONT: i32 = 18;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [register, tap, address] = arguments.as_slice() else {
        return Err("usage: echo-that-closes REGISTER TAP ADDRESS/PREFIX".into());
    };
    let (ip, prefix) = address
        .split_once('/')
        .ok_or("ADDRESS/PREFIX has no prefix length")?;
    let ip: IpAddr = ip.parse()?;
    let device = DeviceConfig::new(DeviceKind::Tap, tap.clone());
    let mut config = StackConfig::new(tap, device, register.into());
    config.begin = Begin::Active;
    // A busy machine must neither unmake the pair just before it is cut, nor cut it by itself.
    config.limits.hold_limit_us = 2_000_000;
    config.limits.heartbeat_us = 20_000;
    config.limits.misses = 100;
    config.addresses = vec![(ip, prefix.parse()?)];
    let mut continued = signal(SignalKind::from_raw(SIGCONT))?;
    let (stack, mut events) = Stack::start(config).await?;
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if !matches!(event, StackEvent::Received { .. } | StackEvent::Sent { .. }) {
                eprintln!("{event:?}");
            }
        }
    });
    let (opened, mut streams) = mpsc::unbounded_channel::<StreamHandle>();
    tokio::spawn(async move {
        let mut handles = Vec::new();
        loop {
            tokio::select! {
                Some(handle) = streams.recv() => handles.push(handle),
                Some(()) = continued.recv() => {
                    for handle in &handles {
                        handle.close();
                        handle.abort();
                    }
                    eprintln!("closed {} connections", handles.len());
                }
            }
        }
    });
    let mut listener = stack
        .listen((ip, 7).into(), ListenOptions::default())
        .await?;
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            // The node has ended; what the daemon still does must not be heard.
            std::future::pending::<()>().await;
            unreachable!("never ready");
        };
        let handle = stream.handle();
        let _ = opened.send(handle.clone());
        handle.mark_explicitly();
        tokio::spawn(async move {
            loop {
                match stream.read_chunk().await {
                    Ok(Some(chunk)) => {
                        let written = handle.write_message(chunk, Some(stream.offset())).await;
                        if let Err(error) = written {
                            eprintln!("not echoed: {error}");
                        }
                    }
                    Ok(None) => return,
                    // The node has ended: the daemon goes on until its process does.
                    Err(_) => std::future::pending().await,
                }
            }
        });
    }
}
