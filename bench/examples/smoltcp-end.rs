//! smoltcp's own TCP socket as a server on a TAP: TAP ADDRESS in|out SECONDS.
#![forbid(unsafe_code)]

use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Medium, TunTapInterface, wait};
use smoltcp::socket::tcp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpCidr};
use std::error::Error;
use std::os::fd::AsRawFd;
use tcp_ha_bench::end::{PORT, Seen};

/// As our stack has by default.
const BUFFER_OCTETS: usize = 1 << 20;
const PREFIX: u8 = 24;
const LINK_ADDRESS: [u8; 6] = [2, 0, 0, 0, 0, 1];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [tap, address, direction, seconds] = arguments.as_slice() else {
        return Err("usage: smoltcp-end TAP ADDRESS in|out SECONDS".into());
    };
    let (sends, seconds): (bool, f64) = (direction == "out", seconds.parse()?);
    let address: std::net::Ipv4Addr = address.parse()?;
    let mut device = TunTapInterface::new(tap, Medium::Ethernet)?;
    let fd = device.as_raw_fd();
    let config = Config::new(EthernetAddress(LINK_ADDRESS).into());
    let mut interface = Interface::new(config, &mut device, Instant::now());
    interface.update_ip_addrs(|addresses| {
        // The list is empty: there is room for one.
        let _ = addresses.push(IpCidr::new(address.into(), PREFIX));
    });
    let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER_OCTETS]);
    let mut socket = tcp::Socket::new(buffer(), buffer());
    socket.listen(PORT).map_err(|error| format!("{error:?}"))?;
    socket.set_nagle_enabled(false);
    let mut sockets = SocketSet::new(Vec::new());
    let handle = sockets.add(socket);
    println!("listening");
    let mut octets = 0;
    let mut began = None;
    loop {
        let now = Instant::now();
        interface.poll(now, &mut device, &mut sockets);
        let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
        if began.is_none() && socket.may_send() {
            began = Some((std::time::Instant::now(), Seen::cpu_now()));
        }
        if let Some((at, used)) = began {
            let time = at.elapsed().as_secs_f64();
            let over = if sends {
                octets += feed(socket, time < seconds);
                time >= seconds && !socket.may_recv()
            } else {
                octets += drain(socket);
                !socket.may_recv()
            };
            if over {
                socket.close();
                let mut seen = Seen::since(at, octets);
                seen.cpu_seconds -= used;
                // What is queued goes out before the end.
                let end = Instant::now() + Duration::from_millis(300);
                while Instant::now() < end {
                    interface.poll(Instant::now(), &mut device, &mut sockets);
                }
                println!("{{\"seen\":{}}}", serde_json::to_string(&seen)?);
                return Ok(());
            }
        }
        let due = interface.poll_at(now, &sockets);
        let rest = due.map_or(Duration::from_millis(100), |at| {
            if at > now { at - now } else { Duration::ZERO }
        });
        if rest > Duration::ZERO {
            wait(fd, Some(rest))?;
        }
    }
}

/// Fills the send buffer, or closes once nothing more is wanted.
fn feed(socket: &mut tcp::Socket<'_>, wanted: bool) -> u64 {
    if !wanted {
        socket.close();
        return 0;
    }
    let mut octets = 0;
    while socket.can_send() {
        let Ok(count) = socket.send(|buffer| {
            buffer.fill(0x5a);
            (buffer.len(), buffer.len())
        }) else {
            break;
        };
        octets += count as u64;
    }
    octets
}

fn drain(socket: &mut tcp::Socket<'_>) -> u64 {
    let mut octets = 0;
    while socket.can_recv() {
        let Ok(count) = socket.recv(|buffer| (buffer.len(), buffer.len())) else {
            break;
        };
        octets += count as u64;
    }
    octets
}
