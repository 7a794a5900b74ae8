//! Segments: `S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 7>`.

use crate::script::line::{Opt, Options, Packet};

/// Letters of the flags, from the lowest bit; a dot is ACK.
pub(crate) const LETTERS: &str = "FSRP.UEW";

pub(super) fn read(text: &str) -> Result<Packet, String> {
    let (head, options, tail) = split_options(text)?;
    let mut words = head.split_whitespace().chain(tail.split_whitespace());
    let flags = flags(words.next().ok_or("a segment begins with its flags")?)?;
    let (seq, len) = range(words.next().ok_or("a segment needs seq:end(len)")?)?;
    let mut packet = Packet {
        flags,
        seq,
        len,
        ack: None,
        win: None,
        urg: None,
        ttl: None,
        options,
        bad_checksum: false,
        data_offset: None,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a number"));
        match word {
            "ack" => packet.ack = Some(number(value()?)?),
            "win" => packet.win = Some(number(value()?)?),
            "urg" => packet.urg = Some(number(value()?)?),
            "ttl" => packet.ttl = Some(number(value()?)?),
            "doff" => packet.data_offset = Some(number(value()?)?),
            "badsum" => packet.bad_checksum = true,
            other => return Err(format!("{other} means nothing in a segment")),
        }
    }
    Ok(packet)
}

/// What stands before `<`, the options, and what stands behind `>`.
fn split_options(text: &str) -> Result<(&str, Options, &str), String> {
    let Some((head, rest)) = text.split_once('<') else {
        return Ok((text, Options::Exactly(Vec::new()), ""));
    };
    let (list, tail) = rest.split_once('>').ok_or("the options want a >")?;
    if list.trim() == "..." {
        return Ok((head, Options::Any, tail));
    }
    let options = list.split(',').map(|one| option(one.trim()));
    Ok((
        head,
        Options::Exactly(options.collect::<Result<_, _>>()?),
        tail,
    ))
}

fn flags(text: &str) -> Result<u8, String> {
    if text == "-" {
        return Ok(0);
    }
    text.chars().try_fold(0, |flags, letter| {
        let bit = LETTERS
            .find(letter)
            .ok_or_else(|| format!("{letter} is no flag; they are {LETTERS}"))?;
        Ok(flags | 1 << bit)
    })
}

/// `seq:end(len)`: first number and octets of text.
pub(super) fn range(text: &str) -> Result<(u32, u32), String> {
    let bad = || format!("{text} is no seq:end(len)");
    let (seq, rest) = text.split_once(':').ok_or_else(bad)?;
    let (end, len) = rest.split_once('(').ok_or_else(bad)?;
    let len: u32 = number(len.strip_suffix(')').ok_or_else(bad)?)?;
    let (seq, end): (u32, u32) = (number(seq)?, number(end)?);
    if seq.wrapping_add(len) != end {
        return Err(format!("{seq} and {len} octets do not end at {end}"));
    }
    if len > 65_000 {
        return Err(format!("{len} octets fit no segment"));
    }
    Ok((seq, len))
}

fn option(text: &str) -> Result<Opt, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    Ok(match words[..] {
        ["nop"] => Opt::Nop,
        ["eol"] => Opt::End,
        ["sackOK"] => Opt::SackOk,
        ["mss", mss] => Opt::Mss(number(mss)?),
        ["wscale", shift] => Opt::Wscale(number(shift)?),
        ["TS", "val", value, "ecr", echo] => Opt::Timestamps(number(value)?, number(echo)?),
        ["sack", ref blocks @ ..] => Opt::Sack(
            blocks
                .iter()
                .map(|block| {
                    let (left, right) = block
                        .split_once(':')
                        .ok_or_else(|| format!("{block} is no left:right"))?;
                    Ok((number(left)?, number(right)?))
                })
                .collect::<Result<_, String>>()?,
        ),
        // `kind 254 [len 9] aa bb`.
        ["kind", kind, "len", len, ref octets @ ..] => {
            Opt::Other(number(kind)?, Some(number(len)?), hex(octets)?)
        }
        ["kind", kind, ref octets @ ..] => Opt::Other(number(kind)?, None, hex(octets)?),
        _ => return Err(format!("{text} is no option known here")),
    })
}

fn hex(octets: &[&str]) -> Result<Vec<u8>, String> {
    let one = |text: &&str| u8::from_str_radix(text, 16).map_err(|_| format!("{text} is no octet"));
    octets.iter().map(one).collect()
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text} is no number that fits here"))
}
