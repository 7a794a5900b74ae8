//! Audits of the replica: what the live speaker says of a session's tables at one place of the feed, a bounded part each time.

use bytes::Bytes;
use tcp_ha::core::Digest;

use super::RecordError;
use super::octets::{Reader, Writer};
use crate::attributes::Attributes;
use crate::message;
use crate::prefix::Prefix;
use crate::rib::PeerIndex;
use crate::speaker::{ConnId, Speaker};

/// Prefixes of each table that one audit looks at.
const AUDIT_PREFIXES: usize = 4096;

/// First octet of an audit.
const AUDIT: u8 = 1;

/// Which part of the tables an audit covers: behind one prefix, up to another; to either end of the table where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    after: Option<Prefix>,
    upto: Option<Prefix>,
}

impl Speaker {
    /// What the replica of a session must agree with here; none of a session that is not up. The next audit covers the next part.
    ///
    /// It covers everything up to the last `handle`, `poll_send` and `unsend`: a message that was pulled must have been written, or given back.
    #[must_use]
    pub fn audit(&mut self, conn: ConnId) -> Option<Bytes> {
        let session = self.sessions.get(&conn).filter(|it| it.is_established())?;
        let (index, after) = (session.peer, session.audited_upto);
        let whole = Part { after, upto: None };
        let (received, received_end) = self.received_part(index, whole, AUDIT_PREFIXES);
        let (told, told_end) = self.told_part(index, whole, AUDIT_PREFIXES);
        let upto = match (received_end, told_end) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let within = |routes: Vec<(Prefix, Attributes)>| {
            let within = move |(prefix, _): &(Prefix, _)| upto.is_none_or(|upto| *prefix <= upto);
            digest(routes.into_iter().filter(within))
        };
        let digests = (within(received), within(told));
        self.sessions.get_mut(&conn)?.audited_upto = upto;
        Some(encode(Part { after, upto }, digests))
    }

    /// Whether this replica agrees with what the live speaker says of a session.
    ///
    /// # Errors
    /// The octets are not such a word.
    pub fn replica_agrees(&mut self, conn: ConnId, said: &[u8]) -> Result<bool, RecordError> {
        let (part, digests) = decode(said)?;
        let Some(session) = self.sessions.get(&conn).filter(|it| it.is_established()) else {
            return Ok(false);
        };
        let index = session.peer;
        let received = self.received_part(index, part, usize::MAX).0;
        let told = self.told_part(index, part, usize::MAX).0;
        Ok((digest(received.into_iter()), digest(told.into_iter())) == digests)
    }

    /// Routes that the peer has told within a part, at most `limit`; the last of them where there are more.
    fn received_part(
        &self,
        index: PeerIndex,
        part: Part,
        limit: usize,
    ) -> (Vec<(Prefix, Attributes)>, Option<Prefix>) {
        let adj_rib_in = &self.peers[usize::from(index.0)].adj_rib_in;
        let mut routes = adj_rib_in
            .iter_after(part.after)
            .take_while(|(prefix, _)| part.upto.is_none_or(|upto| *prefix <= upto))
            .map(|(prefix, attributes)| (prefix, attributes.clone()));
        let taken: Vec<(Prefix, Attributes)> = routes.by_ref().take(limit).collect();
        let more = routes.next().is_some();
        let end = taken.last().map(|(prefix, _)| *prefix).filter(|_| more);
        (taken, end)
    }

    /// What the peer has been told within a part, looking at `limit` prefixes at most; the last of them where there are more.
    fn told_part(
        &mut self,
        index: PeerIndex,
        part: Part,
        limit: usize,
    ) -> (Vec<(Prefix, Attributes)>, Option<Prefix>) {
        let (peer, exporter) = (&self.peers[usize::from(index.0)], &mut self.exporter);
        let Some(adj_rib_out) = &peer.adj_rib_out else {
            return Default::default();
        };
        let desired =
            |prefix: &Prefix, path: Option<&_>| exporter.desired(index, &peer.groups, prefix, path);
        let window = adj_rib_out.window(part.after, part.upto, limit, &self.loc_rib, desired);
        (window.routes, window.ended_at)
    }
}

/// The digest of routes in their order.
fn digest(routes: impl Iterator<Item = (Prefix, Attributes)>) -> Digest {
    let mut octets = Writer::new(AUDIT);
    let mut former: Option<(Attributes, Vec<u8>)> = None;
    for (prefix, attributes) in routes {
        octets.prefix(&prefix);
        // Neighbours often share their attributes.
        let known = former
            .take()
            .filter(|(known, _)| std::sync::Arc::ptr_eq(known, &attributes));
        let (attributes, encoded) = known.unwrap_or_else(|| {
            let encoded = message::encode_attributes(&attributes, true);
            (attributes, encoded)
        });
        octets.octets(&encoded);
        former = Some((attributes, encoded));
    }
    Digest::of(&octets.finish())
}

fn encode(part: Part, digests: (Digest, Digest)) -> Bytes {
    let mut out = Writer::new(AUDIT);
    for bound in [part.after, part.upto] {
        out.u8(u8::from(bound.is_some()));
        if let Some(prefix) = bound {
            out.prefix(&prefix);
        }
    }
    out.octets(&digests.0.0);
    out.octets(&digests.1.0);
    out.finish()
}

fn decode(said: &[u8]) -> Result<(Part, (Digest, Digest)), RecordError> {
    let mut said = Reader::new(said);
    if said.u8()? != AUDIT {
        return Err(RecordError("no audit".into()));
    }
    let mut bound = || match said.u8()? {
        0 => Ok(None),
        _ => said.prefix().map(Some),
    };
    let (after, upto) = (bound()?, bound()?);
    let mut digest = || {
        let octets = said.octets()?.try_into();
        octets
            .map(Digest)
            .map_err(|_| RecordError("a digest of another length".into()))
    };
    Ok((Part { after, upto }, (digest()?, digest()?)))
}

#[cfg(test)]
mod tests;
