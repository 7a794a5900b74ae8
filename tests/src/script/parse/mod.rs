//! Reading a script.

mod call;
mod packet;
mod time;

use super::line::{Comparison, Field, Icmp, Line, Script, What};
use super::settings::Settings;
use super::start;
pub(crate) use packet::LETTERS;
use tcp_ha::engine::State;

impl Script {
    /// Reads a script. `start STATE` is replaced by the lines it stands for.
    ///
    /// # Errors
    /// `name:line: what is wrong`.
    pub fn parse(name: &str, text: &str) -> Result<Script, String> {
        let mut script = Script {
            name: name.into(),
            settings: Settings::default(),
            lines: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let line = bare(line);
            let read = if line.is_empty() {
                Ok(())
            } else if let Some(setting) = line.strip_prefix("--") {
                script.read_setting(setting)
            } else {
                script.read_line(number, line)
            };
            read.map_err(|what| format!("{name}:{number}: {what}"))?;
        }
        Ok(script)
    }

    fn read_setting(&mut self, setting: &str) -> Result<(), String> {
        if !self.lines.is_empty() {
            return Err("settings come before the first event".into());
        }
        let (name, value) = setting.split_once('=').ok_or("a setting is --name=value")?;
        self.settings.set(name, value)
    }

    fn read_line(&mut self, number: usize, line: &str) -> Result<(), String> {
        if let Some(state) = line.strip_prefix("start ") {
            let lines = start::lines(state.trim())?;
            for line in lines.lines().map(bare).filter(|line| !line.is_empty()) {
                self.lines.push(event(number, line)?);
            }
            return Ok(());
        }
        self.lines.push(event(number, line)?);
        Ok(())
    }
}

/// Without comment and blanks.
fn bare(line: &str) -> &str {
    let line = line.split_once('#').map_or(line, |(code, _)| code);
    line.split_once("//").map_or(line, |(code, _)| code).trim()
}

fn event(number: usize, line: &str) -> Result<Line, String> {
    let (moment, rest) = line
        .split_once(char::is_whitespace)
        .ok_or("an event is a time and what happens then")?;
    let (when, until) = time::read(moment)?;
    Ok(Line {
        number,
        text: line.into(),
        when,
        until,
        what: what(rest.trim())?,
    })
}

fn what(text: &str) -> Result<What, String> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    match word {
        "<" if rest.starts_with("icmp") => icmp(rest).map(What::Icmp),
        "<" => packet::read(rest).map(What::In),
        ">" => packet::read(rest).map(What::Out),
        "takeover" => Ok(What::Takeover),
        "state" => state(rest).map(What::State),
        "info" => field(rest).map(What::Info),
        "dropped" => dropped(rest),
        "peer" => rest
            .parse()
            .map(What::Peer)
            .map_err(|_| format!("a peer is a small number, not {rest}")),
        _ => call::read(text).map(What::Call),
    }
}

fn dropped(text: &str) -> Result<What, String> {
    let (reason, count) = text.split_once(' ').ok_or("dropped REASON COUNT")?;
    let count = count
        .trim()
        .parse()
        .map_err(|_| format!("{count} is no count"))?;
    Ok(What::Dropped(reason.into(), count))
}

/// A state as the RFC prints it.
pub(super) fn state(text: &str) -> Result<State, String> {
    [
        State::Closed,
        State::Listen,
        State::SynSent,
        State::SynReceived,
        State::Established,
        State::FinWait1,
        State::FinWait2,
        State::CloseWait,
        State::Closing,
        State::LastAck,
        State::TimeWait,
    ]
    .into_iter()
    .find(|state| state.to_string() == text)
    .ok_or_else(|| format!("there is no state {text}"))
}

fn field(text: &str) -> Result<Field, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, comparison, value] = words[..] else {
        return Err("info FIELD == NUMBER".into());
    };
    let comparison = match comparison {
        "==" => Comparison::Equal,
        "!=" => Comparison::Other,
        "<=" => Comparison::AtMost,
        ">=" => Comparison::AtLeast,
        "<" => Comparison::Below,
        ">" => Comparison::Above,
        other => return Err(format!("{other} compares nothing")),
    };
    let value = match value {
        "true" => 1.0,
        "false" => 0.0,
        number => number
            .parse()
            .map_err(|_| format!("{number} is no number"))?,
    };
    Ok(Field {
        name: name.into(),
        comparison,
        value,
    })
}

/// `icmp unreachable KIND [mtu N] [seq:end(len)]`.
fn icmp(text: &str) -> Result<Icmp, String> {
    let (head, quoted) = text
        .split_once('[')
        .ok_or("an ICMP error quotes a segment: [1:1(0)]")?;
    let quoted = quoted.trim_end().strip_suffix(']').ok_or("] is missing")?;
    let words: Vec<&str> = head.split_whitespace().collect();
    let (kind, mtu) = match words[..] {
        ["icmp", "unreachable", kind] => (kind, None),
        ["icmp", "unreachable", kind, "mtu", mtu] => (kind, Some(mtu)),
        ["icmp", "packet_too_big", "mtu", mtu] => ("frag_needed", Some(mtu)),
        _ => return Err("icmp unreachable KIND [mtu N] [seq:end(len)]".into()),
    };
    let mtu = mtu
        .map(|mtu| mtu.parse().map_err(|_| format!("{mtu} is no MTU")))
        .transpose()?;
    let (seq, _) = packet::range(quoted.trim())?;
    Ok(Icmp {
        kind: kind.into(),
        mtu,
        seq,
    })
}

#[cfg(test)]
mod tests;
