//! Stands between a client and a server, and loses what passes in one direction.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

/// What is lost.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Lose {
    Nothing,
    Requests,
    Answers,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    lose: Arc<AtomicU8>,
}

impl Proxy {
    /// Leads to `server`; its threads go with the process.
    pub(crate) fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let lose = Arc::new(AtomicU8::new(Lose::Nothing as u8));
        let lost = Arc::clone(&lose);
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect(server).unwrap();
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                pump(client, server, Arc::clone(&lost), Lose::Requests);
                pump(back.0, back.1, Arc::clone(&lost), Lose::Answers);
            }
        });
        Self { address, lose }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn lose(&self, what: Lose) {
        self.lose.store(what as u8, Ordering::SeqCst);
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, lose: Arc<AtomicU8>, direction: Lose) {
    thread::spawn(move || {
        let mut octets = [0; 4096];
        while let Ok(n @ 1..) = from.read(&mut octets) {
            let lost = lose.load(Ordering::SeqCst) == direction as u8;
            if !lost && to.write_all(&octets[..n]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
