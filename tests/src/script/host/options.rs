//! Socket options.

use super::calls::{errno, number};
use super::{Answer, Host};
use crate::script::line::Call;
use std::time::Duration;
use tcp_ha::engine::KeepaliveConfig;

impl Host {
    pub(super) fn set_option(&mut self, fd: i64, call: &Call) -> Result<Answer, String> {
        let [_, _, name, value, ..] = &call.args[..] else {
            return Err("setsockopt(fd, level, name, value, length)".into());
        };
        if name == "SO_LINGER" {
            return self.set_linger(fd, value);
        }
        let value = u64::try_from(number(value)?).map_err(|_| "a negative value")?;
        let options = &mut self.socket(fd).options;
        let small = u8::try_from(value).unwrap_or(u8::MAX);
        let mut keepalive = options.keepalive.unwrap_or_default();
        match name.as_str() {
            "TCP_MAXSEG" => options.max_segment = u16::try_from(value).ok(),
            "TCP_NODELAY" => options.nodelay = value != 0,
            "TCP_USER_TIMEOUT" => {
                options.user_timeout = (value > 0).then(|| Duration::from_millis(value));
            }
            "SO_KEEPALIVE" if value == 0 => options.keepalive = None,
            "SO_KEEPALIVE" => options.keepalive = Some(keepalive),
            "TCP_KEEPIDLE" => keepalive.idle = Duration::from_secs(value),
            "TCP_KEEPINTVL" => keepalive.interval = Duration::from_secs(value),
            "TCP_KEEPCNT" => keepalive.probes = small,
            "IP_TTL" => options.hop_limit = small,
            "IP_TOS" => options.dscp = small >> 2,
            "SO_REUSEADDR" => {}
            other => return Err(format!("there is no option {other}")),
        }
        if name.starts_with("TCP_KEEP") {
            options.keepalive = Some::<KeepaliveConfig>(keepalive);
        }
        self.apply_options(fd);
        Ok(Answer::Done(0))
    }

    /// `{onoff=1, linger=0}`: seconds.
    fn set_linger(&mut self, fd: i64, value: &str) -> Result<Answer, String> {
        let part = |name: &str| {
            value
                .trim_matches(['{', '}'])
                .split(',')
                .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
                .ok_or("SO_LINGER wants {onoff=1, linger=0}")
        };
        let on = number(part("onoff")?)? != 0;
        let seconds = u64::try_from(number(part("linger")?)?).map_err(|_| "a negative value")?;
        self.socket(fd).options.linger = on.then(|| Duration::from_secs(seconds));
        self.apply_options(fd);
        Ok(Answer::Done(0))
    }

    /// Tells the connection, where there is one.
    fn apply_options(&mut self, fd: i64) {
        let options = self.socket(fd).options;
        if let Some(id) = self.id_of(fd) {
            let now = self.instant();
            // It may be over already.
            let _ = self.engine.set_options(now, id, options, &mut self.fx);
        }
    }

    /// SO_ERROR: the script names the error that is expected, `[ECONNRESET]` or `[0]`.
    pub(super) fn read_option(&mut self, fd: i64, call: &Call) -> Result<Answer, String> {
        let [_, _, name, expected, ..] = &call.args[..] else {
            return Err("getsockopt(fd, level, name, value, length)".into());
        };
        if name != "SO_ERROR" {
            return Err(format!("there is no option {name} to read"));
        }
        let id = self.id_of(fd).ok_or("no connection")?;
        let told = self.socket(fd).error_told;
        let error = self
            .causes
            .get(&id)
            .copied()
            .and_then(errno)
            .filter(|_| !told);
        self.socket(fd).error_told = true;
        let seen = error.unwrap_or("0");
        Ok(if expected.trim_matches(['[', ']']) == seen {
            Answer::Done(0)
        } else {
            Answer::Failed(seen)
        })
    }
}
