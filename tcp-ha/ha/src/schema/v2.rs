//! The trial version 2: what it says beyond version 1.

use super::octets::{Reader, put};
use super::v1;
use tcp_ha_engine::LifecycleState;

pub(super) fn write_lifecycle(lifecycle: &LifecycleState, out: &mut Vec<u8>) {
    v1::write_lifecycle(lifecycle, out);
    put(out, u64::from(lifecycle.trial));
}

pub(super) fn read_lifecycle(from: &mut Reader<'_>) -> Option<LifecycleState> {
    let lifecycle = v1::read_lifecycle(from)?;
    Some(LifecycleState {
        trial: from.number()?,
        ..lifecycle
    })
}
