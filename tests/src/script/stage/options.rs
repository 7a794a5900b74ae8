//! Socket options.

use super::calls::number;
use super::{Answer, Stage};
use crate::script::line::Call;
use std::time::Duration;
use tcp_ha_packetdrill::sockets::{Errno, Fd, SocketOption};

impl Stage {
    pub(super) fn set_option(&mut self, fd: Fd, call: &Call) -> Result<Answer, String> {
        let [_, _, name, value, ..] = &call.args[..] else {
            return Err("setsockopt(fd, level, name, value, length)".into());
        };
        let set = match option(name, value)? {
            Some(option) => self.host.set_option(fd, option),
            None => Ok(()),
        };
        Ok(Answer::new(set.map(|()| 0)))
    }

    /// SO_ERROR: the script names the error that is expected, `[ECONNRESET]` or `[0]`; another one is what the call fails with.
    pub(super) fn read_option(&mut self, fd: Fd, call: &Call) -> Result<Answer, String> {
        let [_, _, name, expected, ..] = &call.args[..] else {
            return Err("getsockopt(fd, level, name, value, length)".into());
        };
        if name != "SO_ERROR" {
            return Err(format!("there is no option {name} to read"));
        }
        Ok(match self.host.take_error(fd) {
            Err(error) => Answer::Failed(error.name()),
            Ok(seen) => {
                let seen = seen.map_or("0", Errno::name);
                if expected.trim_matches(['[', ']']) == seen {
                    Answer::Done(0)
                } else {
                    Answer::Failed(seen)
                }
            }
        })
    }
}

/// An option with its value; `None` for one that changes nothing here.
fn option(name: &str, value: &str) -> Result<Option<SocketOption>, String> {
    if name == "SO_LINGER" {
        return linger(value).map(Some);
    }
    let value = u64::try_from(number(value)?).map_err(|_| "a negative value")?;
    let small = u8::try_from(value).unwrap_or(u8::MAX);
    Ok(Some(match name {
        "TCP_MAXSEG" => SocketOption::MaxSegment(u16::try_from(value).unwrap_or(u16::MAX)),
        "TCP_NODELAY" => SocketOption::NoDelay(value != 0),
        "TCP_CORK" => SocketOption::Cork(value != 0),
        "TCP_USER_TIMEOUT" => SocketOption::UserTimeout(Duration::from_millis(value)),
        "SO_KEEPALIVE" => SocketOption::Keepalive(value != 0),
        "TCP_KEEPIDLE" => SocketOption::KeepaliveIdle(Duration::from_secs(value)),
        "TCP_KEEPINTVL" => SocketOption::KeepaliveInterval(Duration::from_secs(value)),
        "TCP_KEEPCNT" => SocketOption::KeepaliveProbes(small),
        "IP_TTL" => SocketOption::HopLimit(small),
        "IP_TOS" => SocketOption::TrafficClass(small),
        "SO_REUSEADDR" => return Ok(None),
        other => return Err(format!("there is no option {other}")),
    }))
}

/// `{onoff=1, linger=0}`: seconds.
fn linger(value: &str) -> Result<SocketOption, String> {
    let part = |name: &str| {
        value
            .trim_matches(['{', '}'])
            .split(',')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
            .ok_or("SO_LINGER wants {onoff=1, linger=0}")
    };
    let on = number(part("onoff")?)? != 0;
    let seconds = u64::try_from(number(part("linger")?)?).map_err(|_| "a negative value")?;
    Ok(SocketOption::Linger(
        on.then(|| Duration::from_secs(seconds)),
    ))
}
