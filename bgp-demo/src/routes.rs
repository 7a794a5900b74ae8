//! Files of routes to originate.
//!
//! One route a line: `prefix [next-hop] [communities...]`. A community is `high:low`, a number, or `no-export`, `no-advertise`,
//! `no-export-subconfed`. `#` begins a comment. Without a next hop, or with `self`, peers are given the speaker's own address.
//!
//! ```text
//! 10.100.0.0/24
//! 10.100.1.0/24 self 65001:7 no-export
//! 2001:db8::/48 fd99::1
//! ```

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::attributes::PathAttributes;
use crate::prefix::Prefix;
use crate::speaker::OriginatedRoute;

/// A line that is no route: where and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutesError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what to write.
    pub what: String,
}

impl fmt::Display for RoutesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for RoutesError {}

/// Reads the routes of a file's text.
///
/// # Errors
/// The first line that is no route.
pub fn parse(text: &str) -> Result<Vec<OriginatedRoute>, RoutesError> {
    let mut routes = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let words: Vec<&str> = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        if let [prefix, rest @ ..] = &words[..] {
            let route = route(prefix, rest).map_err(|what| RoutesError { line: at + 1, what })?;
            routes.push(route);
        }
    }
    Ok(routes)
}

fn route(prefix: &str, rest: &[&str]) -> Result<OriginatedRoute, String> {
    let prefix: Prefix = prefix
        .parse()
        .map_err(|_| format!("{prefix:?} is not a prefix as in 10.100.0.0/24"))?;
    if prefix != prefix.trunc() {
        return Err(format!("{prefix} has host bits: write {}", prefix.trunc()));
    }
    let own = match prefix {
        Prefix::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Prefix::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let (next_hop, communities) = match rest {
        [] => (own, rest),
        [first, communities @ ..] => match first.parse() {
            Ok(address) => (address, communities),
            Err(_) if *first == "self" => (own, communities),
            Err(_) => (own, rest),
        },
    };
    if next_hop.is_ipv4() != own.is_ipv4() || next_hop.is_multicast() {
        return Err(format!(
            "next hop {next_hop} is not a host of the prefix's family"
        ));
    }
    let mut attributes = PathAttributes::originated(next_hop);
    attributes.communities = communities
        .iter()
        .map(|word| community(word))
        .collect::<Result<_, _>>()?;
    Ok(OriginatedRoute { prefix, attributes })
}

fn community(word: &str) -> Result<u32, String> {
    let halves = |(high, low): (&str, &str)| {
        Some(u32::from(high.parse::<u16>().ok()?) << 16 | u32::from(low.parse::<u16>().ok()?))
    };
    let number = match word {
        "no-export" => Some(0xffff_ff01),
        "no-advertise" => Some(0xffff_ff02),
        "no-export-subconfed" => Some(0xffff_ff03),
        _ => word
            .parse()
            .ok()
            .or_else(|| word.split_once(':').and_then(halves)),
    };
    number.ok_or_else(|| format!("{word:?} is neither a next hop nor a community as in 65001:7"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_everything_are_read() {
        let routes = parse("# head\n10.0.0.0/8\n\n10.1.0.0/16 self 1:2 no-export # tail\n2001:db8::/32 fd00::1 7\n").expect("routes");
        assert_eq!(routes.len(), 3);
        assert!(routes[0].attributes.next_hop.is_unspecified());
        assert_eq!(
            &routes[1].attributes.communities[..],
            [0x0001_0002, 0xffff_ff01]
        );
        assert_eq!(
            routes[2].attributes.next_hop,
            "fd00::1".parse::<IpAddr>().expect("an address")
        );
    }

    #[test]
    fn errors_name_the_line_and_what_to_write() {
        for (text, line, what) in [
            ("\n10.0.0/8", 2, "is not a prefix"),
            ("10.0.0.1/8", 1, "write 10.0.0.0/8"),
            ("10.0.0.0/8 fd00::1", 1, "not a host"),
            ("10.0.0.0/8 self 70000:1", 1, "neither"),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.line, line, "{text}");
            assert!(error.what.contains(what), "{text}: {error}");
        }
    }
}
