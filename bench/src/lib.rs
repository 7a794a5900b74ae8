//! Measurements that run everything side by side on one machine, so that ratios mean something where times do not.
#![forbid(unsafe_code)]

pub mod alarms;
pub mod allocations;
pub mod checkpoint;
pub mod end;
pub mod gate;
pub mod heap;
pub mod instructions;
pub mod lines;
pub mod network;
pub mod pair;
pub mod paths;
pub mod percentiles;
pub mod report;
pub mod restart;
pub mod round_trips;
pub mod rounds;
pub mod spread;
pub mod table;
pub mod takeover;
pub mod tap;
