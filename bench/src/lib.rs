//! Measurements that run everything side by side on one machine, so that ratios mean something where times do not.
#![forbid(unsafe_code)]

pub mod end;
pub mod network;
pub mod spread;
