//! The laboratory: real BGP daemons in namespaces, the active route processor cut under load, the peers as judges.

mod busy;
mod capture;
mod child;
mod churn;
mod daemons;
mod demo;
mod error;
mod failover;
mod hosts;
mod inner;
mod interrupt;
mod judge;
mod limits;
mod network;
mod node;
mod options;
mod pair;
mod progress;
mod random;
mod refusal;
mod report;
mod resources;
mod rollover;
mod rounds;
mod routes;
mod run;
mod sandbox;
mod security;
mod soak;
mod stage;
mod verdict;

use std::process::ExitCode;

pub(crate) use demo::demo;
pub(crate) use limits::{LimitsOptions, limits};
pub(crate) use options::{LabOptions, PeerKind};
pub(crate) use routes::is_ours;
pub(crate) use soak::{SoakOptions, soak};

/// Exit status of a run in which a peer noticed something.
const FAILED: u8 = 1;
/// Exit status when the laboratory itself could not do its work.
const ERROR: u8 = 2;
/// Exit status of a run in which not everything could be judged.
const INCONCLUSIVE: u8 = 3;

/// Runs the laboratory and prints its summary.
pub(crate) fn lab(options: LabOptions) -> ExitCode {
    if options.peer_md5.is_some() {
        return refused(options);
    }
    match run::run(options) {
        Ok(report) => {
            println!("{report}");
            report.verdict.exit_code()
        }
        Err(error) => {
            eprintln!("bgp-demo lab: {error}");
            ExitCode::from(ERROR)
        }
    }
}

/// Runs the laboratory with peers that sign with another key.
fn refused(options: LabOptions) -> ExitCode {
    match run::refuse(options) {
        Ok(reasons) if reasons.is_empty() => {
            println!("no session came up, nobody was answered\nverdict: PASS");
            ExitCode::SUCCESS
        }
        Ok(reasons) => {
            for reason in reasons {
                println!("  {reason}");
            }
            println!("verdict: FAIL");
            ExitCode::from(FAILED)
        }
        Err(error) => {
            eprintln!("bgp-demo lab: {error}");
            ExitCode::from(ERROR)
        }
    }
}
