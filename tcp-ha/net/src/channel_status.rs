//! What a node says of its channel.

use ipc::transport::tls::Moment;
use serde::Serialize;
use std::collections::BTreeMap;

/// A certificate that ends within so many days is warned of.
pub(crate) const EXPIRY_WARNING_DAYS: i64 = 30;

/// The channel to the other node.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChannelStatus {
    /// `unix`, or `tls` between hosts.
    pub kind: &'static str,
    /// Where this node listens, or would as the active.
    pub listen: Option<String>,
    /// Where it looks for the other node.
    pub connect: Vec<String>,
    /// The other end, while there is one on another host.
    pub remote: Option<String>,
    /// Version and cipher suite that protect it.
    pub protection: Option<String>,
    /// The pair that certificates must be of.
    pub pair: Option<String>,
    /// When this node's certificate ends.
    pub certificate_expires: Option<String>,
    /// Whole days until then.
    pub certificate_days_left: Option<i64>,
    /// What the operator should see to.
    pub warning: Option<String>,
    /// Connections, Hellos and frames that were refused, by reason; reasons that never came up are left out.
    pub refused: BTreeMap<&'static str, u64>,
    /// The last of them.
    pub last_refused: Option<LastRefusedStatus>,
}

/// The last that was refused.
#[derive(Clone, Debug, Serialize)]
pub struct LastRefusedStatus {
    /// Why.
    pub reason: String,
    /// From where; `null` on one host.
    pub from: Option<String>,
    /// How long ago.
    pub seconds_ago: u64,
}

/// What to say of a certificate that ends at `expires`; `None` while that is far away.
pub(crate) fn expiry_warning(expires: Moment, now: Moment) -> Option<String> {
    match expires.days_since(now) {
        days if days < 0 => Some(format!(
            "the certificate expired on {expires}: no node can join until it is renewed"
        )),
        days if days < EXPIRY_WARNING_DAYS => Some(format!(
            "the certificate expires on {expires}, in {days} days: renew it"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_warned_of_in_time() {
        let now = Moment::now();
        assert_eq!(expiry_warning(now.plus_days(30), now), None);
        let soon = expiry_warning(now.plus_days(29), now).unwrap();
        assert!(soon.contains("in 29 days"), "{soon}");
        let over = expiry_warning(now.minus_days(1), now).unwrap();
        assert!(over.contains("expired on"), "{over}");
    }
}
