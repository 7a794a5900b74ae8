//! What the node says, as JSON.

use std::net::IpAddr;

use bgp_demo::attributes::{AsSegment, Origin, PathAttributes};
use bgp_demo::daemon::{DaemonStatus, Promotion};
use bgp_demo::status::RouteView;
use serde::Serialize;
use serde_json::{Value, json};
use tcp_ha::{Status, TakeoverStatus};

/// The stack's status, with `takeovers` (what takeovers were for stack and speaker) and `bgp` (the speaker's own).
pub(super) fn status(stack: &Status, daemon: &DaemonStatus) -> serde_json::Result<Value> {
    let takeovers: Vec<Value> = stack
        .takeover
        .iter()
        .map(|it| takeover(it, daemon.promotion.as_ref()))
        .collect();
    let mut document = serde_json::to_value(stack)?;
    if let Some(fields) = document.as_object_mut() {
        fields.insert("takeovers".to_owned(), takeovers.into());
        fields.insert("bgp".to_owned(), serde_json::to_value(&daemon.speaker)?);
    }
    Ok(document)
}

/// A process becomes active once, so its history has one entry at most.
fn takeover(stack: &TakeoverStatus, speaker: Option<&Promotion>) -> Value {
    let TakeoverStatus {
        how,
        sign,
        seen_us: _,
        claim_us,
        built_us,
        speak_us,
        taken,
        left_behind,
    } = stack;
    json!({
        "kind": how,
        "sign": sign,
        "claim_us": claim_us,
        "first_segment_us": claim_us + built_us,
        "last_segment_us": claim_us + speak_us,
        "taken": taken,
        "left_behind": left_behind,
        "sessions": speaker.map(|it| it.sessions),
        "differences": speaker.map(|it| it.differences),
        "updates_after": speaker.map(|it| it.updates_sent),
        "speaker_us": speaker.map(|it| u64::try_from(it.took.as_micros()).unwrap_or(u64::MAX)),
    })
}

/// A route of the table; what is absent is not there.
#[derive(Serialize)]
struct Route {
    prefix: String,
    /// The peer that gave it; null when originated.
    from: Option<IpAddr>,
    next_hop: IpAddr,
    origin: &'static str,
    as_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    med: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_pref: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    communities: Vec<String>,
}

/// The chosen routes, in their order.
pub(super) fn routes(routes: &[RouteView]) -> serde_json::Result<String> {
    let routes: Vec<Route> = routes.iter().map(route).collect();
    serde_json::to_string(&routes)
}

fn route(view: &RouteView) -> Route {
    let attributes: &PathAttributes = &view.attributes;
    Route {
        prefix: view.prefix.to_string(),
        from: view.from,
        next_hop: attributes.next_hop,
        origin: match attributes.origin {
            Origin::Igp => "igp",
            Origin::Egp => "egp",
            Origin::Incomplete => "incomplete",
        },
        as_path: as_path(&attributes.as_path.0),
        med: attributes.med,
        local_pref: attributes.local_pref,
        communities: attributes
            .communities
            .iter()
            .map(|it| community(*it))
            .collect(),
    }
}

/// As operators write it: numbers with spaces, sets in braces.
fn as_path(segments: &[AsSegment]) -> String {
    let joined = |numbers: &[u32], with: &str| {
        numbers
            .iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(with)
    };
    let segment = |segment: &AsSegment| match segment {
        AsSegment::Sequence(numbers) => joined(numbers, " "),
        AsSegment::Set(numbers) => format!("{{{}}}", joined(numbers, ",")),
    };
    segments.iter().map(segment).collect::<Vec<_>>().join(" ")
}

fn community(community: u32) -> String {
    format!("{}:{}", community >> 16, community & 0xffff)
}

#[cfg(test)]
mod tests;
