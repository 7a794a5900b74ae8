//! Kernel settings that scripts ask for, as the engine's configuration.

use crate::sockets::HostConfig;

/// Settings by their sysctl names; the last word on a name counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    lines: Vec<(String, String)>,
}

impl Settings {
    /// Reads lines of the form `net.ipv4.tcp_sack=1`, with `.` or `/` between the parts and
    /// with or without `/proc/sys/` in front. Lines of another form are skipped.
    pub fn parse(text: &str) -> Settings {
        let lines = text.lines().filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            let name = name.trim();
            let name = name.strip_prefix("/proc/sys/").unwrap_or(name);
            Some((name.replace('/', "."), value.trim().to_string()))
        });
        Settings {
            lines: lines.collect(),
        }
    }

    /// The last value of `net.ipv4.NAME`.
    fn value(&self, name: &str) -> Option<&str> {
        let full = |line: &&(String, String)| line.0.strip_prefix("net.ipv4.") == Some(name);
        self.lines.iter().rev().find(full).map(|line| &*line.1)
    }

    /// The last of the numbers of `net.ipv4.NAME`: its maximum where it has three.
    fn number(&self, name: &str, index: usize) -> Option<u64> {
        let value = self.value(name)?;
        value.split_whitespace().nth(index)?.parse().ok()
    }

    /// Changes what the settings speak of.
    pub fn apply(&self, config: &mut HostConfig) {
        let flag = |name| self.number(name, 0).map(|value| value != 0);
        let small = |name| {
            self.number(name, 0)
                .map(|value| u8::try_from(value).unwrap_or(u8::MAX))
        };
        let engine = &mut config.engine;
        engine.timestamps = flag("tcp_timestamps").unwrap_or(engine.timestamps);
        engine.sack = flag("tcp_sack").unwrap_or(engine.sack);
        engine.window_scaling = flag("tcp_window_scaling").unwrap_or(engine.window_scaling);
        engine.restart_after_idle =
            flag("tcp_slow_start_after_idle").unwrap_or(engine.restart_after_idle);
        engine.syn_retries = small("tcp_syn_retries").unwrap_or(engine.syn_retries);
        engine.syn_ack_retries = small("tcp_synack_retries").unwrap_or(engine.syn_ack_retries);
        engine.max_retransmits = small("tcp_retries2").unwrap_or(engine.max_retransmits);
        if let Some(segments) = self.number("tcp_min_tso_segs", 0) {
            engine.min_burst = u32::try_from(segments).unwrap_or(u32::MAX);
        }
        if let Some(octets) = self.number("tcp_rmem", 2) {
            engine.receive_capacity = usize::try_from(octets).unwrap_or(usize::MAX);
        }
        if let Some(octets) = self.number("tcp_wmem", 1) {
            config.send_buffer = usize::try_from(octets).ok();
        }
        if let Some(octets) = self.number("tcp_wmem", 2) {
            engine.send_capacity = usize::try_from(octets).unwrap_or(usize::MAX);
        }
        if let Some(octets) = self.number("tcp_notsent_lowat", 0) {
            config.notsent_lowat = u32::try_from(octets).ok().filter(|&low| low != u32::MAX);
        }
    }
}

#[cfg(test)]
mod tests;
