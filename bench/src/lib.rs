//! Measurements that run everything side by side on one machine, so that ratios mean something where times do not.
#![forbid(unsafe_code)]

pub mod alarms;
pub mod end;
pub mod lines;
pub mod network;
pub mod round_trips;
pub mod spread;
