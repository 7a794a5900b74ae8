//! The verdict, from the peers alone: what their daemons say, what crossed their wire, what their tables hold.

mod tables;
mod takeover;
mod told;
mod update;

use std::path::Path;

use pcaps::capture::check_file_with;
use pcaps::check::{CheckConfig, Report as WireReport};
use pcaps::time::Timestamp;

use super::churn::Announced;
use super::error::{At, Result};
use super::routes::Plan;

pub(crate) use tables::{Differences, compare};
pub(crate) use takeover::{CutMoment, FirstWords, first_words};
pub(crate) use told::{ToldCounts, ToldReport};

/// Octets of each direction that are kept to compare retransmissions with.
const HISTORY_OCTETS: usize = 4 << 20;
/// The BGP port.
const BGP_PORT: u16 = 179;

/// Judges the capture of the peers' wire.
///
/// # Errors
/// It cannot be read.
pub(crate) fn wire(
    file: &Path,
    plan: &Plan,
    cuts: &[CutMoment],
    announced: &Announced,
) -> Result<(WireReport, ToldReport)> {
    let moments: Vec<Timestamp> = cuts.iter().map(|cut| cut.at).collect();
    let config = CheckConfig {
        us: vec![plan.our_address],
        ports: vec![BGP_PORT],
        history_octets: HISTORY_OCTETS,
        ..CheckConfig::default()
    };
    let observer = told::Told::new(plan, &moments);
    let (report, told) = check_file_with(file, config, observer).at(file.display())?;
    Ok((report, told.finish(announced)))
}
