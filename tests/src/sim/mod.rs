//! Lives of a pair made from seeds: traffic, takeovers and faults of every kind, judged by the checkers of the world.
//!
//! The same seed gives the same life, step by step. Every phase ends in calm: the faults stop, and within [`CALM_US`] all sessions are
//! ready again and everything has come back to every client (liveness).

mod attack;
mod clients;
mod fault;
mod moves;
mod plan;
mod report;
mod run;

pub use fault::{Fault, Faults};
pub use plan::scenario;
pub use report::{Figures, Report};
pub use run::{CALM_US, Failure, Life, STEPS_MIN, live, live_until};
