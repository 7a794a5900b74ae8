//! Lines `--name=value` at the head of a script.

use std::time::Duration;
use tcp_ha::engine::{Config, ConnectionOptions, KeepaliveConfig, ReceiveMode};

/// What a script may choose.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Settings of the engine.
    pub config: Config,
    /// Settings of every socket.
    pub options: ConnectionOptions,
    /// IPv6 rather than IPv4.
    pub ipv6: bool,
    /// ISN of every peer.
    pub peer_isn: u32,
    /// ISN of our first connection, as far as the clock's step of four microseconds allows; else whatever comes.
    pub iss: Option<u32>,
    /// By how much a segment may leave earlier or later than its line says.
    pub tolerance_micros: u64,
    /// Play it with takeovers, too.
    pub cuts: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            config: Config::default(),
            options: ConnectionOptions::default(),
            ipv6: false,
            peer_isn: 0x1357_9bdf,
            iss: None,
            tolerance_micros: 4_000,
            cuts: true,
        }
    }
}

impl Settings {
    /// Takes one setting.
    ///
    /// # Errors
    /// An unknown name or a value that cannot be read, in words.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let config = &mut self.config;
        match name {
            "ip_version" => match value {
                "ipv4" => self.ipv6 = false,
                "ipv6" => self.ipv6 = true,
                other => return Err(format!("ip_version is ipv4 or ipv6, not {other}")),
            },
            "tolerance_usecs" => self.tolerance_micros = number(value)?,
            "peer_isn" => self.peer_isn = number(value)?,
            "iss" => self.iss = Some(number(value)?),
            "cuts" => self.cuts = flag(value)?,
            "mtu" => config.mtu = number(value)?,
            "send_capacity" => config.send_capacity = number(value)?,
            "receive_capacity" => config.receive_capacity = number(value)?,
            "max_connections" => config.max_connections = number(value)?,
            "max_half_open" => config.max_half_open = number(value)?,
            "max_reassembly_ranges" => config.max_reassembly_ranges = number(value)?,
            "min_rto_ms" => config.min_rto = millis(value)?,
            "max_rto_ms" => config.max_rto = millis(value)?,
            "initial_rto_ms" => config.initial_rto = millis(value)?,
            "delayed_ack_ms" => config.delayed_ack = millis(value)?,
            "msl_ms" => config.msl = millis(value)?,
            "fin_wait_2_limit_ms" => config.fin_wait_2_limit = millis(value)?,
            "syn_retries" => config.syn_retries = number(value)?,
            "syn_ack_retries" => config.syn_ack_retries = number(value)?,
            "max_retransmits" => config.max_retransmits = number(value)?,
            "timestamps" => config.timestamps = flag(value)?,
            "sack" => config.sack = flag(value)?,
            "window_scaling" => config.window_scaling = flag(value)?,
            "verify_checksum" => config.verify_checksum = flag(value)?,
            "answer_unknown" => config.answer_unknown = flag(value)?,
            "resets_per_second" => config.resets_per_second = number(value)?,
            "orphan_retries" => config.orphan_retries = number(value)?,
            "max_orphans" => config.max_orphans = number(value)?,
            "syn_cookies" => config.syn_cookies = flag(value)?,
            "challenge_acks_per_second" => config.challenge_acks_per_second = number(value)?,
            other => return self.set_option(other, value),
        }
        Ok(())
    }

    fn set_option(&mut self, name: &str, value: &str) -> Result<(), String> {
        let options = &mut self.options;
        match name {
            "nodelay" => options.nodelay = flag(value)?,
            "min_hop_limit" => options.min_hop_limit = number(value)?,
            "connect_timeout_ms" => options.connect_timeout = Some(millis(value)?),
            "max_segment" => options.max_segment = Some(number(value)?),
            "user_timeout_ms" => options.user_timeout = Some(millis(value)?),
            "receive_mode" => {
                options.receive_mode = match value {
                    "logged" => ReceiveMode::Logged,
                    "marked" => ReceiveMode::Marked,
                    other => return Err(format!("receive_mode is logged or marked, not {other}")),
                }
            }
            "keepalive" => options.keepalive = Some(keepalive(value)?),
            other => return Err(format!("there is no setting --{other}")),
        }
        Ok(())
    }
}

/// `idle_ms,interval_ms,probes`.
fn keepalive(value: &str) -> Result<KeepaliveConfig, String> {
    let parts: Vec<&str> = value.split(',').collect();
    let [idle, interval, probes] = parts[..] else {
        return Err(format!(
            "keepalive is idle_ms,interval_ms,probes, not {value}"
        ));
    };
    Ok(KeepaliveConfig {
        idle: millis(idle)?,
        interval: millis(interval)?,
        probes: number(probes)?,
    })
}

fn number<T: std::str::FromStr>(value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{value} is no number that fits here"))
}

fn millis(value: &str) -> Result<Duration, String> {
    number(value).map(Duration::from_millis)
}

fn flag(value: &str) -> Result<bool, String> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(format!("on or off, not {other}")),
    }
}
