//! Fuzz targets: functions of octets that panic where a promise is broken.
//!
//! One function a target, two users: `guided/` gives it to libFuzzer, and `tests/` replays the corpora and runs it over
//! seeded mutations of them. A target takes any octets, keeps nothing between two calls, and asserts invariants rather than only
//! looking for a crash.
#![forbid(unsafe_code)]

pub mod corpus;
pub mod input;
pub mod memory;
pub mod mutate;
pub mod targets;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is also the folder of its corpus.
    pub name: &'static str,
    /// What is given to it.
    pub run: fn(&[u8]),
    /// Octets of an input, at most.
    pub octets_max: usize,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    target("segment", targets::segment::run, 128),
    target("options", targets::options::run, 48),
    target("connection", targets::connection::run, 112),
    target("pair", targets::pair::run, 96),
    target("frames", targets::frames::run, 128),
    target("records", targets::records::run, 96),
    target("bgp_message", targets::bgp_message::run, 256),
    target("bgp_speaker", targets::bgp_speaker::run, 128),
    target("capture", targets::capture::run, 1_024),
    target("checker", targets::checker::run, 384),
];

const fn target(name: &'static str, run: fn(&[u8]), octets_max: usize) -> Target {
    Target {
        name,
        run,
        octets_max,
    }
}

/// The target of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
