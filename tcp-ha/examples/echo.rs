//! An echo server that survives `kill -9`: `echo REGISTER TAP ADDRESS/PREFIX`, twice, with a TAP each.
use std::{error::Error, net::IpAddr};
use tcp_ha::link::{DeviceConfig, DeviceKind};
use tcp_ha::{Begin, ListenOptions, Stack, StackConfig, StackEvent, StackEvents, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [register, tap, address] = arguments.as_slice() else {
        return Err("usage: echo REGISTER TAP ADDRESS/PREFIX".into());
    };
    let (ip, prefix) = address
        .split_once('/')
        .ok_or("ADDRESS/PREFIX has no prefix length")?;
    let ip: IpAddr = ip.parse()?;
    let device = DeviceConfig::new(DeviceKind::Tap, tap.clone());
    let mut config = StackConfig::new(tap, device, register.into());
    config.begin = Begin::Active;
    config.addresses = vec![(ip, prefix.parse()?)];
    let (stack, events) = Stack::start(config).await?;
    tokio::spawn(report(events));
    // Waits until this node is the active; streams of a dead active are accepted first.
    let mut listener = stack
        .listen((ip, 7).into(), ListenOptions::default())
        .await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let handle = stream.handle();
    handle.mark_explicitly();
    while let Some(chunk) = stream.read_chunk().await? {
        // One transaction: the answer is recorded, and what it answers is dealt with.
        handle.write_message(chunk, Some(stream.offset())).await?;
    }
    Ok(())
}

async fn report(mut events: StackEvents) {
    while let Some(event) = events.next().await {
        match event {
            StackEvent::Fenced { reason } | StackEvent::Ended { reason } => {
                eprintln!("{reason}");
                std::process::exit(75); // A supervisor restarts it; it joins as standby.
            }
            StackEvent::Protection { id, readiness } => eprintln!("{id}: {readiness}"),
            StackEvent::Active { epoch, how, .. } => eprintln!("active in epoch {epoch}: {how:?}"),
            _ => {}
        }
    }
}
