//! Who spoke when, from what left each host towards the peers.

use std::path::Path;
use std::time::Duration;

use pcaps::reader::CaptureReader;
use pcaps::time::Timestamp;

use crate::lab::error::{At, Result};
use crate::lab::network::VIRTUAL_MAC;

/// What two captures tell.
#[derive(Debug, Default)]
pub(super) struct Speakers {
    /// Times of all frames of both hosts, in order, with the host.
    frames: Vec<(Timestamp, usize)>,
}

impl Speakers {
    /// Reads what each host sent.
    ///
    /// # Errors
    /// A capture cannot be read.
    pub(super) fn read(files: [&Path; 2]) -> Result<Self> {
        let mut frames = Vec::new();
        for (host, file) in files.into_iter().enumerate() {
            let mut reader = CaptureReader::open(file).at(file.display())?;
            while let Some(record) = reader.next_record().at(file.display())? {
                if record.captured.get(6..12) == Some(&source()) {
                    frames.push((record.time, host));
                }
            }
        }
        frames.sort_by_key(|(time, _)| *time);
        Ok(Self { frames })
    }

    /// All frames, in the order of their times.
    pub(super) fn frames(&self) -> &[(Timestamp, usize)] {
        &self.frames
    }

    /// Frames after `from` and before `to`, of either host.
    pub(super) fn between(&self, from: Timestamp, to: Timestamp) -> usize {
        let begin = self.frames.partition_point(|(time, _)| *time <= from);
        let end = self.frames.partition_point(|(time, _)| *time < to);
        end.saturating_sub(begin)
    }

    /// From `from` to the first frame after it.
    pub(super) fn first_after(&self, from: Timestamp) -> Option<Duration> {
        let at = self.frames.partition_point(|(time, _)| *time < from);
        let (time, _) = self.frames.get(at)?;
        Some(time.saturating_since(from))
    }

    /// The longest time without a frame that begins after `from` less a moment and before `to`.
    pub(super) fn longest_silence(&self, from: Timestamp, to: Timestamp) -> Duration {
        let begin = self.frames.partition_point(|(time, _)| *time < from);
        let end = self.frames.partition_point(|(time, _)| *time < to);
        let begin = begin.saturating_sub(1);
        let frames = &self.frames[begin..(end + 1).min(self.frames.len())];
        let gaps = frames
            .windows(2)
            .map(|two| two[1].0.saturating_since(two[0].0));
        gaps.max().unwrap_or_default()
    }
}

fn source() -> [u8; 6] {
    let mut octets = [0; 6];
    for (octet, text) in octets.iter_mut().zip(VIRTUAL_MAC.split(':')) {
        *octet = u8::from_str_radix(text, 16).unwrap_or_default();
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speakers(frames: &[(u64, usize)]) -> Speakers {
        let at = |(micros, host): &(u64, usize)| (Timestamp::from_micros(*micros), *host);
        Speakers {
            frames: frames.iter().map(at).collect(),
        }
    }

    #[test]
    fn silence_is_measured_between_frames() {
        let at = Timestamp::from_micros;
        let it = speakers(&[(10, 0), (20, 0), (500, 1), (510, 1)]);
        assert_eq!(it.between(at(20), at(500)), 0);
        assert_eq!(it.between(at(19), at(501)), 2);
        assert_eq!(it.first_after(at(30)), Some(Duration::from_micros(470)));
        assert_eq!(it.first_after(at(511)), None);
        assert_eq!(
            it.longest_silence(at(30), at(400)),
            Duration::from_micros(480)
        );
        assert_eq!(source(), [2, 0, 0x5e, 0, 1, 1]);
    }
}
