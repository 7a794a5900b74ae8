//! The lifecycle as it was before the trial version 2 gave it a field.

use serde::{Deserialize, Serialize};
use tcp_ha_engine::{LifecycleState, State};

/// What the field is where nobody speaks of it.
const TRIAL_DEFAULT: u32 = 0;

pub(super) fn carries(lifecycle: &LifecycleState) -> bool {
    lifecycle.trial == TRIAL_DEFAULT
}

#[derive(Serialize, Deserialize)]
pub(super) struct Lifecycle {
    state: State,
    user_closed: bool,
    fin_sent: bool,
    fin_acked: bool,
    fin_received: bool,
    orphaned: Option<u64>,
}

impl From<LifecycleState> for Lifecycle {
    fn from(lifecycle: LifecycleState) -> Lifecycle {
        let LifecycleState {
            state,
            user_closed,
            fin_sent,
            fin_acked,
            fin_received,
            orphaned,
            // A connection that uses it is not protected by this version.
            trial: _,
        } = lifecycle;
        Lifecycle {
            state,
            user_closed,
            fin_sent,
            fin_acked,
            fin_received,
            orphaned,
        }
    }
}

impl From<Lifecycle> for LifecycleState {
    fn from(lifecycle: Lifecycle) -> LifecycleState {
        let Lifecycle {
            state,
            user_closed,
            fin_sent,
            fin_acked,
            fin_received,
            orphaned,
        } = lifecycle;
        LifecycleState {
            state,
            user_closed,
            fin_sent,
            fin_acked,
            fin_received,
            orphaned,
            trial: TRIAL_DEFAULT,
        }
    }
}
