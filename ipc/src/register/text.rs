//! An entry as a text of five lines, the last of which is a checksum of the others.

use super::Entry;
use crate::ids::Epoch;

/// No entry is longer than this.
pub(super) const ENTRY_OCTETS_MAX: usize = 1024;
const FIRST_LINE: &str = "tcp-ha register 1";

/// The entry as text.
pub(super) fn render(entry: &Entry) -> String {
    let standby = entry
        .standby
        .map_or_else(|| "none".to_owned(), |name| name.to_string());
    let body = format!(
        "{FIRST_LINE}\nepoch {}\nactive {}\nstandby {standby}\n",
        entry.epoch, entry.active
    );
    format!("{body}checksum {:08x}\n", crc32fast::hash(body.as_bytes()))
}

/// The entry that a text says, or what is wrong with the text.
pub(super) fn parse(text: &[u8]) -> Result<Entry, String> {
    let text = str::from_utf8(text).map_err(|_| "not text".to_owned())?;
    if text.len() > ENTRY_OCTETS_MAX {
        return Err(format!("longer than {ENTRY_OCTETS_MAX} octets"));
    }
    let first = text.lines().next().unwrap_or_default();
    if first != FIRST_LINE {
        return Err(format!("first line is {first:?}, not {FIRST_LINE:?}"));
    }
    let at = text.find("checksum ").ok_or("no checksum")?;
    let (body, checksum) = text.split_at(at);
    if checksum != format!("checksum {:08x}\n", crc32fast::hash(body.as_bytes())) {
        return Err("checksum does not fit".to_owned());
    }
    parse_body(body)
}

fn parse_body(body: &str) -> Result<Entry, String> {
    let mut lines = body.lines().skip(1);
    let mut field = |name: &str| {
        let line = lines.next().ok_or_else(|| format!("no line {name:?}"))?;
        let value = line
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(' '));
        value.ok_or_else(|| format!("line {line:?} is not {name:?}"))
    };
    let epoch = field("epoch")?
        .parse()
        .map_err(|_| "epoch is not a number".to_owned())?;
    let active = field("active")?
        .parse()
        .map_err(|error| format!("active: {error}"))?;
    let standby = match field("standby")? {
        "none" => None,
        name => Some(name.parse().map_err(|error| format!("standby: {error}"))?),
    };
    Ok(Entry {
        epoch: Epoch(epoch),
        active,
        standby,
    })
}
