//! Looking for the active on another host.

use super::door::Line;
use super::join::Joining;
use super::{CHANNEL, Driver, monotonic_us, register};
use crate::channel::HostsConfig;
use ipc::transport::Transport;
use ipc::transport::tls::Dial;
use mio::Interest;

/// How long a host that did not answer, or was refused, is left alone.
const PAUSE_US: u64 = 100_000;

/// Where it stands with the other hosts.
#[derive(Default)]
pub(super) struct Dialling {
    dial: Option<Dial>,
    /// Which of the addresses is next.
    next: usize,
}

impl Driver {
    /// Goes on dialling: a line, `Ok(None)` while there is no outcome, or why there is none. It is told that the channel is
    /// waited on already.
    pub(super) fn dial(
        &mut self,
        hosts: &HostsConfig,
        joining: &mut Joining,
    ) -> Result<Option<Line>, String> {
        let Dialling { dial, next } = &mut joining.dialling;
        if hosts.connect.is_empty() {
            return Err("no other host is configured: it joins nobody".to_owned());
        }
        let to = hosts.connect[*next % hosts.connect.len()];
        let outcome = match dial {
            Some(dial) => dial.advance(),
            None => Dial::start(to, &hosts.credentials).map(|started| {
                if let Some(fd) = started.fd() {
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    if let Err(error) = register(&self.poll, &fd, CHANNEL, interest) {
                        tracing::error!(%error, "cannot wait on the channel");
                    }
                }
                *dial = Some(started);
                None
            }),
        };
        match outcome {
            Ok(None) => Ok(None),
            Ok(Some(transport)) => {
                *dial = None;
                Ok(Some(Line {
                    remote: Some(transport.remote()),
                    protection: transport.protection(),
                    transport: Box::new(transport) as Box<dyn Transport>,
                }))
            }
            Err(failed) => {
                *dial = None;
                *next += 1;
                joining.not_before_us = monotonic_us() + PAUSE_US;
                if let Some(refusal) = failed.refusal {
                    self.door.refusals.count(refusal, Some(to));
                }
                Err(failed.to_string())
            }
        }
    }
}
