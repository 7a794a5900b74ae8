//! The receiving half of a session: frames to events.

use super::{
    Ack, BATCH_OCTETS_MAX, BatchError, Control, Epoch, FLAG_MORE, Frame, FrameDecoder, FrameHeader,
    FrameKind, Heartbeat, Hello, Lsn, OwnedBatch, RefuseReason, Session, SessionError,
    SessionEvent, State, Version, batch, codec, frame,
};

/// What became of a frame's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// It was read.
    Read,
    /// It is a whole batch that is wanted with its memory.
    Wanted,
}

impl Session {
    /// Takes octets from the transport; events follow from [`Session::poll`].
    ///
    /// Frames of another incarnation or of an old epoch are refused and counted.
    ///
    /// # Errors
    /// [`SessionError`]; the session has ended then. Events of before it remain.
    pub fn feed(&mut self, octets: &[u8]) -> Result<(), SessionError> {
        if self.state == State::Ended {
            return Err(SessionError::Ended);
        }
        self.decoder.feed(octets);
        self.take_in(octets.len())
    }

    /// Where the transport may write the next octets; then call [`Session::filled`]. Together they are [`Session::feed`] without a copy.
    pub fn room(&mut self) -> &mut [u8] {
        self.decoder.room(&mut self.lender)
    }

    /// So many octets were written into the [`Session::room`].
    ///
    /// # Errors
    /// As of [`Session::feed`].
    ///
    /// # Panics
    /// When there was less room.
    pub fn filled(&mut self, octets: usize) -> Result<(), SessionError> {
        if self.state == State::Ended {
            return Err(SessionError::Ended);
        }
        self.decoder.filled(octets);
        self.take_in(octets)
    }

    fn take_in(&mut self, octets: usize) -> Result<(), SessionError> {
        self.counters.octets_in += octets as u64;
        // Frames borrow the decoder while the session changes.
        let mut decoder = std::mem::take(&mut self.decoder);
        let received = self.receive_all(&mut decoder);
        self.decoder = decoder;
        if received.is_err() {
            self.state = State::Ended;
        }
        received
    }

    fn receive_all(&mut self, decoder: &mut FrameDecoder) -> Result<(), SessionError> {
        while self.state != State::Ended {
            let Some(frame) = decoder.next_frame().map_err(SessionError::Frame)? else {
                break;
            };
            if self.receive(frame)? == Body::Wanted {
                let (octets, memory) = decoder.take_body(&mut self.lender);
                let batch = OwnedBatch::parse_shared(octets, memory);
                self.receive_batch(batch.map_err(SessionError::Batch)?)?;
            }
        }
        Ok(())
    }

    fn receive(&mut self, frame: Frame<'_>) -> Result<Body, SessionError> {
        let Frame { header, body } = frame;
        let received = match self.state {
            State::Initiated => match header.kind {
                FrameKind::Hello => self.receive_hello(&header, body),
                FrameKind::Refuse => self.receive_refuse(body),
                kind => Err(SessionError::Unexpected(kind)),
            },
            State::Responding => match header.kind {
                FrameKind::Hello => self.receive_hello(&header, body),
                kind => Err(SessionError::Unexpected(kind)),
            },
            State::Established { .. } => return self.receive_established(&header, body),
            State::Ended => Err(SessionError::Ended),
        };
        received.map(|()| Body::Read)
    }

    fn receive_hello(&mut self, header: &FrameHeader, body: &[u8]) -> Result<(), SessionError> {
        let hello: Hello =
            codec::decode_head(body).map_err(|error| SessionError::Message(header.kind, error))?;
        self.counters.frames_in += 1;
        let responding = self.state == State::Responding;
        if responding {
            self.remote = Some(hello.incarnation);
        }
        let version = match self.judge_hello(header, &hello) {
            Ok(version) => version,
            Err(reason) => {
                self.refuse(reason);
                return Ok(());
            }
        };
        if responding {
            self.queue_hello(Some(hello.versions()));
        }
        self.state = State::Established { version };
        self.events
            .push_back(SessionEvent::Established { remote: hello });
        Ok(())
    }

    fn judge_hello(
        &mut self,
        header: &FrameHeader,
        hello: &Hello,
    ) -> Result<Version, RefuseReason> {
        let remote = self.remote;
        if header.to != self.local.incarnation
            || header.from != hello.incarnation
            || remote != Some(hello.incarnation)
            || hello.incarnation == self.local.incarnation
        {
            self.counters.refused_incarnation += 1;
            return Err(RefuseReason::WrongIncarnation);
        }
        if header.epoch < self.epoch {
            self.counters.refused_old_epoch += 1;
            return Err(RefuseReason::OldEpoch);
        }
        if header.epoch > self.epoch && self.state == State::Responding {
            self.tell_newer(header.epoch);
            return Err(RefuseReason::NotActive);
        }
        let ours = self.local.versions;
        if self.state == State::Initiated && hello.heard != Some(ours) {
            self.counters.refused_downgraded += 1;
            return Err(RefuseReason::Downgraded);
        }
        let version = ours
            .common(hello.versions())
            .ok_or(RefuseReason::VersionMismatch)?;
        if hello.config_digest != self.local.config_digest {
            return Err(RefuseReason::ConfigurationDiffers);
        }
        Ok(version)
    }

    fn receive_refuse(&mut self, body: &[u8]) -> Result<(), SessionError> {
        let reason = codec::decode_head(body).unwrap_or(RefuseReason::Other);
        self.counters.frames_in += 1;
        self.events.push_back(SessionEvent::Refused(reason));
        self.state = State::Ended;
        Ok(())
    }

    fn receive_established(
        &mut self,
        header: &FrameHeader,
        body: &[u8],
    ) -> Result<Body, SessionError> {
        if Some(header.from) != self.remote || header.to != self.local.incarnation {
            self.counters.refused_incarnation += 1;
            return Ok(Body::Read);
        }
        if header.epoch < self.epoch {
            self.counters.refused_old_epoch += 1;
            return Ok(Body::Read);
        }
        self.counters.frames_in += 1;
        if header.epoch > self.epoch {
            self.tell_newer(header.epoch);
        }
        let more = header.flags & FLAG_MORE != 0;
        if header.kind == FrameKind::Batch {
            if !more && self.partial.is_empty() && body.len() >= frame::LONG_OCTETS {
                return Ok(Body::Wanted);
            }
            return self.receive_part(more, body).map(|()| Body::Read);
        }
        self.receive_message(header, body).map(|()| Body::Read)
    }

    fn receive_message(&mut self, header: &FrameHeader, body: &[u8]) -> Result<(), SessionError> {
        match header.kind {
            FrameKind::Ack => self.receive_ack(header, message(header.kind, body)?),
            FrameKind::Heartbeat => {
                let Heartbeat {
                    lsn,
                    time_us,
                    answer_us,
                } = message(header.kind, body)?;
                self.heard_time_us = time_us;
                self.events.push_back(SessionEvent::Heartbeat {
                    lsn,
                    time_us,
                    answer_us,
                });
                Ok(())
            }
            FrameKind::Control => {
                let control: Control = message(header.kind, body)?;
                self.events.push_back(SessionEvent::Control(control));
                Ok(())
            }
            // The other side has looked at our Hello after we had accepted its own.
            FrameKind::Refuse if self.is_fresh() => self.receive_refuse(body),
            kind @ (FrameKind::Hello | FrameKind::Refuse | FrameKind::Batch) => {
                Err(SessionError::Unexpected(kind))
            }
        }
    }

    /// Whether nothing has come but the Hello.
    fn is_fresh(&self) -> bool {
        self.received.is_none() && self.acknowledged == Lsn::ZERO && self.heard_time_us == 0
    }

    fn receive_ack(&mut self, header: &FrameHeader, ack: Ack) -> Result<(), SessionError> {
        let Ack { lsn } = ack;
        if header.epoch != self.epoch {
            self.counters.refused_new_epoch += 1;
            return Ok(());
        }
        let last = self.last_sent.unwrap_or_default();
        if lsn > last {
            return Err(SessionError::NeverSent { lsn, last });
        }
        // Repeated in a new epoch, the same LSN counts anew; only going back means nothing.
        self.acknowledged = self.acknowledged.max(lsn);
        self.events.push_back(SessionEvent::Acknowledged {
            epoch: header.epoch,
            from: header.from,
            lsn: self.acknowledged,
        });
        Ok(())
    }

    fn receive_part(&mut self, more: bool, body: &[u8]) -> Result<(), SessionError> {
        if self.partial.len() + body.len() > BATCH_OCTETS_MAX {
            return Err(SessionError::Batch(BatchError::TooLong));
        }
        if more && body.len() < batch::HEADER_OCTETS {
            // Parts are full frames; short ones would only be many.
            return Err(SessionError::Batch(BatchError::Truncated { whole: 0 }));
        }
        self.partial.extend_from_slice(body);
        if more {
            return Ok(());
        }
        let octets = std::mem::take(&mut self.partial);
        let batch = if octets.len() < frame::LONG_OCTETS {
            OwnedBatch::parse(octets)
        } else {
            let memory = octets.capacity();
            OwnedBatch::parse_shared(self.lender.lend(octets), memory)
        };
        self.receive_batch(batch.map_err(SessionError::Batch)?)
    }

    fn receive_batch(&mut self, batch: OwnedBatch) -> Result<(), SessionError> {
        let came = batch.lsn();
        if let Some(expected) = self
            .received
            .map(|last| last.next())
            .filter(|due| *due != came)
        {
            return Err(SessionError::Gap { expected, came });
        }
        self.received = Some(came);
        self.events.push_back(SessionEvent::Batch(batch));
        Ok(())
    }

    fn tell_newer(&mut self, epoch: Epoch) {
        if epoch > self.newest_told {
            self.newest_told = epoch;
            self.events.push_back(SessionEvent::NewerEpoch(epoch));
        }
    }
}

fn message<T: serde::de::DeserializeOwned>(
    kind: FrameKind,
    body: &[u8],
) -> Result<T, SessionError> {
    codec::decode(body).map_err(|error| SessionError::Message(kind, error))
}
