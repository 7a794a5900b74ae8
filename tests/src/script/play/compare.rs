//! Where two things differ.

use crate::script::line::{Opt, Options, Packet};
use crate::script::octet;
use crate::script::stage::Stage;
use crate::script::wire::Seen;
use tcp_ha::engine::ConnectionInfo;

const PSH: u8 = 0x08;

/// Names of the fields in which `shown` is not what `expected` says.
pub(super) fn differences(expected: &Packet, shown: &Packet, seen: &Seen) -> Vec<String> {
    let mut names = Vec::new();
    let mut name = |differs: bool, name: &str| {
        if differs {
            names.push(name.to_owned());
        }
    };
    // Where PSH is set is up to the sender, so a line without it takes both.
    let flags = if expected.flags & PSH == 0 {
        shown.flags & !PSH
    } else {
        shown.flags
    };
    name(expected.flags != flags, "flags");
    name(expected.seq != shown.seq, "seq");
    name(expected.len != shown.len, "length");
    name(expected.ack != shown.ack, "ack");
    name(expected.win.is_some() && expected.win != shown.win, "win");
    name(expected.urg.is_some() && expected.urg != shown.urg, "urg");
    let options = expected.options != Options::Any && expected.options != shown.options;
    name(options, "options");
    let syn = u32::from(shown.flags & 0x02 != 0);
    let first = u64::from(shown.seq.wrapping_add(syn).wrapping_sub(1));
    let text = (first..).map(octet).take(seen.text.len());
    name(!text.eq(seen.text.iter().copied()), "octets");
    names
}

/// The first TSval that a script writes down tells what it calls our clock.
pub(super) fn learn_clock(stage: &mut Stage, seen: &Seen, expected: &Packet) {
    if let Options::Exactly(options) = &expected.options {
        for option in options {
            if let Opt::Timestamps(value, _) = option {
                stage.learn_clock(seen, *value);
            }
        }
    }
}

/// A field of the status as a number; durations in microseconds.
pub(super) fn field(info: &ConnectionInfo, name: &str) -> Result<f64, String> {
    let status = serde_json::to_value(info).map_err(|error| error.to_string())?;
    let value = status
        .get(name)
        .ok_or_else(|| format!("there is no field {name}"))?;
    number(value).ok_or_else(|| format!("{name} is {value}, no number"))
}

fn number(value: &serde_json::Value) -> Option<f64> {
    if let (Some(secs), Some(nanos)) = (value.get("secs"), value.get("nanos")) {
        return Some(secs.as_f64()? * 1e6 + nanos.as_f64()? / 1e3);
    }
    value
        .as_f64()
        .or_else(|| value.as_bool().map(|flag| f64::from(u8::from(flag))))
}
