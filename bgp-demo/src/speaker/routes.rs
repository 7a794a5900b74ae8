//! From a changed route to what each peer should be told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::actions::next_hop_self;
use super::{ConnId, OriginatedRoute, Output, Peer, Speaker};
use crate::attributes::Attributes;
use crate::decision::{self, Candidate, CandidateOrigin};
use crate::dump;
use crate::policy::ExportGroup;
use crate::prefix::{Family, Prefix};
use crate::rib::{AdjRibOut, Change, GroupId, Path, PeerIndex, Source};
use crate::time::Instant;

/// The index of the best of `paths`, at least one.
fn decide(paths: &[Path], peers: &[Peer], own_as: u32) -> usize {
    if paths.len() < 2 {
        return 0;
    }
    let candidates: Vec<Candidate<'_>> = paths
        .iter()
        .map(|path| Candidate {
            attributes: &path.attributes,
            origin: match path.source {
                Source::Local => CandidateOrigin::Local,
                Source::Peer(index) => {
                    let peer = &peers[usize::from(index.0)];
                    CandidateOrigin::Peer {
                        external: peer.config.asn != own_as,
                        identifier: peer.identifier,
                        address: peer.config.address,
                    }
                }
            },
        })
        .collect();
    decision::best(&candidates).unwrap_or(0)
}

impl Speaker {
    /// Sets or removes the eligible route of one source, and what each peer should be told.
    pub(crate) fn set_route(
        &mut self,
        prefix: Prefix,
        source: Source,
        attributes: Option<Attributes>,
    ) {
        if self.leaf && source != Source::Local {
            return;
        }
        let (peers, own_as) = (&self.peers, self.config.asn);
        let change = self.loc_rib.set(prefix, source, attributes, |paths| {
            decide(paths, peers, own_as)
        });
        if let Some(change) = change {
            self.tell(prefix, &change);
        }
    }

    /// Notes for each peer how a change of choice changes what it should be told.
    fn tell(&mut self, prefix: Prefix, change: &Change) {
        // Peers of one group differ only in whose route it is; what nobody is to be told is not looked for.
        let mut known: Vec<(GroupId, Option<Attributes>, Option<Attributes>)> = Vec::new();
        for (at, peer) in self.peers.iter_mut().enumerate() {
            let (Some(adj_rib_out), Some(group)) = (
                &mut peer.adj_rib_out,
                peer.groups[Family::of(&prefix).index()],
            ) else {
                continue;
            };
            let foreign = |path: &&Path| !matches!(path.source, Source::Peer(from) if usize::from(from.0) == at);
            let (old, new) = (
                change.old.as_ref().filter(foreign),
                change.new.as_ref().filter(foreign),
            );
            if old.is_none() && new.is_none() {
                adj_rib_out.desired_changed(prefix, None, &None);
                continue;
            }
            let at_group = known
                .iter()
                .position(|(known, ..)| *known == group)
                .unwrap_or_else(|| {
                    let mut told = |path: &Option<Path>| {
                        let path = path.as_ref();
                        path.and_then(|path| self.exporter.told(group, path))
                    };
                    let (old, new) = (told(&change.old), told(&change.new));
                    known.push((group, old, new));
                    known.len() - 1
                });
            let (_, told_before, told_now) = &known[at_group];
            adj_rib_out.desired_changed(
                prefix,
                old.and_then(|_| told_before.clone()),
                &new.and_then(|_| told_now.clone()),
            );
        }
    }

    /// A session is up: its walk through Loc-RIB begins.
    pub(crate) fn session_up(
        &mut self,
        now: Instant,
        conn: ConnId,
        index: PeerIndex,
        out: &mut Vec<Output>,
    ) {
        let Some(session) = self.sessions.get(&conn) else {
            return;
        };
        let (Some(negotiated), local) = (session.negotiated, session.local.ip()) else {
            return;
        };
        let peer = &mut self.peers[usize::from(index.0)];
        for family in Family::ALL {
            peer.groups[family.index()] = next_hop_self(&self.config, family, local)
                .filter(|_| negotiated.families.contains(family))
                .map(|next_hop_self| {
                    self.exporter.group(ExportGroup {
                        own_as: self.config.asn,
                        external: session.external,
                        four_octet_as: negotiated.four_octet_as,
                        next_hop_self,
                    })
                });
        }
        peer.established = Some(conn);
        peer.established_at = now;
        peer.identifier = negotiated.identifier;
        peer.adj_rib_out = Some(AdjRibOut::new(negotiated.families));
        peer.counters.established += 1;
        out.push(Output::PeerUp {
            peer: peer.config.address,
        });
    }

    /// A session is down: the peer's routes go.
    pub(crate) fn session_down(&mut self, index: PeerIndex) {
        let peer = self.peer_mut(index);
        peer.established = None;
        peer.adj_rib_out = None;
        peer.groups = [None; 2];
        peer.counters.dropped += 1;
        let gone = std::mem::take(&mut peer.adj_rib_in);
        for (prefix, _) in gone.iter() {
            self.set_route(prefix, Source::Peer(index), None);
        }
    }

    /// Originates and withdraws, and records what changes for the replica.
    pub(crate) fn originate(
        &mut self,
        announce: Vec<OriginatedRoute>,
        withdraw: Vec<Prefix>,
        out: &mut Vec<Output>,
    ) {
        let mut changes: BTreeMap<Prefix, Option<Attributes>> = withdraw
            .iter()
            .map(|prefix| (prefix.trunc(), None))
            .collect();
        for route in announce {
            let attributes = self.exporter.intern(route.attributes);
            changes.insert(route.prefix.trunc(), Some(attributes));
        }
        changes.retain(|prefix, attributes| self.originated.get(prefix) != attributes.as_ref());
        if self.live {
            for data in dump::encode_originate(&changes) {
                out.push(Output::Record { conn: None, data });
            }
        }
        for (prefix, attributes) in changes {
            self.set_originated(prefix, attributes);
        }
    }

    pub(crate) fn set_originated(&mut self, prefix: Prefix, attributes: Option<Attributes>) {
        match &attributes {
            Some(attributes) => self.originated.insert(prefix, Arc::clone(attributes)),
            None => self.originated.remove(&prefix),
        };
        self.set_route(prefix, Source::Local, attributes);
    }
}
