//! Replication channel between two nodes: frames, records, gate, log, register, liveness,
//! transports. Knows no TCP.
//!
//! [`batch`] collects what happened, [`log`] numbers it, [`session`] carries it over a
//! [`transport`] as [`frame`]s with [`schema`] messages, and [`gate`] lets frames go when it is
//! acknowledged or when the [`register`] says that nobody has to. [`liveness`] and [`heartbeat`]
//! tell of the other's death, which only ever *starts* a compare-and-swap on the register.

/// Whether a named fault is planted here: never, without the feature `planted`.
#[cfg(not(feature = "planted"))]
macro_rules! planted {
    ($fault:ident) => {
        false
    };
}

/// Whether a named fault is planted here.
#[cfg(feature = "planted")]
macro_rules! planted {
    ($fault:ident) => {
        tcp_ha_planted::is_on(tcp_ha_planted::Planted::$fault)
    };
}

pub mod batch;
pub mod certificates;
pub mod codec;
pub mod frame;
pub mod gate;
pub mod heartbeat;
pub mod ids;
mod lending;
pub mod liveness;
pub mod log;
pub mod refusal;
pub mod register;
pub mod schema;
pub mod session;
pub mod transport;

#[cfg(test)]
mod testing;

pub use batch::{Batch, BatchBuilder, OwnedBatch, Record};
pub use gate::{Gate, GateFull, Released};
pub use heartbeat::Detector;
pub use ids::{Epoch, Incarnation, Lsn, NotAnIncarnation};
pub use log::Log;
pub use register::{CasError, Entry, Register, RegisterError, Tenure};
pub use session::{LocalIdentity, Session, SessionError, SessionEvent};
pub use transport::Transport;
