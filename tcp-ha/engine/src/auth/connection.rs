//! The security of one connection.

use super::ao::sequence_extension;
use super::ao::session::{Ends, is_first_syn};
use super::signer::Signer;
use super::state::{AuthState, Signing};
use super::table::{PeerSecurity, SecurityTable};
use crate::connection::Connection;
use crate::counters::DropReason;
use crate::options::Signature;
use crate::segment::{Flags, Segment};
use crate::seq::SeqNum;
use crate::state::State;

impl Connection {
    /// Asks this of the peer from the first segment on.
    pub(crate) fn secure(&mut self, security: &PeerSecurity) {
        self.signer = Signer::new(&security.keys);
        self.auth = AuthState {
            signing: self.signer.signing(),
            min_hop_limit: security.min_hop_limit(),
        };
        if self.auth.signing == Signing::Md5 {
            // No room for both beside SACK blocks; the kernel of Linux decides likewise.
            self.identity.timestamps = false;
        }
    }

    /// Takes the keys from `table`, after a restore or a change of it. True where the
    /// checkpoint is another one now.
    pub(crate) fn rekey(&mut self, table: &SecurityTable) -> bool {
        let before = self.auth;
        let nothing = PeerSecurity::default();
        let security = table
            .peer(self.identity.tuple.remote.ip())
            .unwrap_or(&nothing);
        self.signer = Signer::of(&self.auth.signing, &security.keys);
        self.auth.min_hop_limit = security.min_hop_limit();
        if let (Signer::Ao(session), Signing::Ao(state)) = (&self.signer, &mut self.auth.signing) {
            session.repoint(state);
        }
        self.auth != before
    }

    /// Whether an arrived segment may be looked at, before anything else.
    pub(crate) fn authenticate(
        &mut self,
        hop_limit: Option<u8>,
        segment: &Segment<'_>,
        octets: &[u8],
    ) -> Result<(), DropReason> {
        let least = self.identity.options.min_hop_limit;
        if hop_limit.unwrap_or(0) < least.max(self.auth.min_hop_limit) {
            return Err(DropReason::HopLimit);
        }
        if matches!(self.signer, Signer::Plain) {
            return self.signer.verify(&self.ends(), 0, segment, octets);
        }
        let flags = segment.header.flags;
        let mut ends = self.ends();
        let mut extension = 0;
        if is_first_syn(flags) || (self.state() == State::SynSent && flags.has(Flags::SYN)) {
            ends.irs = segment.header.seq;
        } else {
            let near = self.recv.nxt;
            let position = ends.irs.position(segment.header.seq, near);
            // Before the SYN there was nothing that could be signed.
            let position = position.ok_or(DropReason::BadSignature)?;
            extension = self.extension(ends.irs, position);
        }
        self.signer.verify(&ends, extension, segment, octets)?;
        self.follow_key(segment);
        Ok(())
    }

    /// RFC 5925 7.5: the peer's RNextKeyID says what we sign with. An old segment that came
    /// late, or again, does not turn that back.
    pub(crate) fn follow_key(&mut self, segment: &Segment<'_>) {
        let irs = self.identity.irs;
        let near = self.recv.nxt;
        let end = irs
            .position(segment.header.seq, near)
            .map(|seq| seq + segment.len());
        let opening = matches!(self.state(), State::SynSent | State::SynReceived);
        let news = opening || end.is_some_and(|end| end >= self.recv.safe);
        if let (Signer::Ao(session), Signing::Ao(state), Signature::Ao(ao)) = (
            &self.signer,
            &mut self.auth.signing,
            &segment.options.signature,
        ) && news
        {
            session.follow(state, ao);
        }
    }

    /// What the traffic keys depend on.
    pub(crate) fn ends(&self) -> Ends {
        Ends {
            tuple: self.identity.tuple,
            iss: self.identity.iss,
            irs: self.identity.irs,
        }
    }

    /// Sequence number extension of a segment of ours with this SEG.SEQ.
    pub(crate) fn send_extension(&self, seq: SeqNum) -> u32 {
        let iss = self.identity.iss;
        let position = iss.position(seq, self.send.max);
        position.map_or(0, |position| self.extension(iss, position))
    }

    fn extension(&self, initial: SeqNum, position: u64) -> u32 {
        // Only a survivor has such a floor.
        if planted!(AoExtensionLost) && self.rtt.tsecr_floor.is_some() {
            return 0;
        }
        sequence_extension(initial, position)
    }
}
