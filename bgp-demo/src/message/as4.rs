//! 4-octet AS numbers over a session of 2-octet ones (RFC 6793).

use super::DecodeContext;
use super::attribute::Parsed;
use super::open::AS_TRANS;
use crate::attributes::{AsPath, AsSegment};

impl Parsed {
    /// RFC 6793 4.2.3: puts the 4-octet AS numbers back.
    pub(super) fn merge_as4(&mut self, context: DecodeContext) {
        if context.four_octet_as {
            return;
        }
        let (as4_path, as4_aggregator) = (self.as4_path.take(), self.as4_aggregator.take());
        match (self.aggregator, as4_aggregator) {
            (Some(aggregator), Some(_)) if aggregator.asn != u32::from(AS_TRANS) => return,
            (Some(_), Some(as4_aggregator)) => self.aggregator = Some(as4_aggregator),
            _ => {}
        }
        if let (Some(path), Some(as4_path)) = (&self.as_path, as4_path)
            && let Some(leading) = path.hops().checked_sub(as4_path.hops())
        {
            self.as_path = Some(merge(path, leading, &as4_path));
        }
    }
}

/// The first `leading` hops of `path`, then `as4_path`.
fn merge(path: &AsPath, leading: usize, as4_path: &AsPath) -> AsPath {
    let mut segments = Vec::with_capacity(path.0.len() + as4_path.0.len());
    let mut left = leading;
    for segment in &path.0 {
        match segment {
            _ if left == 0 => break,
            AsSegment::Set(_) => {
                segments.push(segment.clone());
                left -= 1;
            }
            AsSegment::Sequence(numbers) => {
                let taken = numbers.len().min(left);
                segments.push(AsSegment::Sequence(numbers[..taken].into()));
                left -= taken;
            }
        }
    }
    segments.extend(as4_path.0.iter().cloned());
    AsPath(segments.into())
}
