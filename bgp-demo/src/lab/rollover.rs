//! A change of TCP-AO keys around a cut: the active wants the other key before it dies, the peers while nobody knows who speaks.

use std::thread::JoinHandle;
use std::time::Duration;

use super::churn::lock;
use super::error::{At, LabError, Result};
use super::options::LabOptions;
use super::random::Random;
use super::security::our_sections;
use super::stage::Stage;

/// The peers change their minds within this time, which is that of the cut.
const MOMENT: (Duration, Duration) = (Duration::ZERO, Duration::from_millis(1500));

/// A rollover that the peers have not begun yet.
pub(crate) struct Rollover(JoinHandle<Result<()>>);

/// The active wants the key of this turn now; the peers do at a moment soon.
///
/// # Errors
/// The active cannot.
pub(crate) fn begin(
    options: &LabOptions,
    stage: &mut Stage,
    number: u32,
    random: &mut Random,
) -> Result<Rollover> {
    let key = if number % 2 == 1 { 2 } else { 1 };
    let file = stage.directory.join(format!("key{key}.toml"));
    let text = our_sections(options, &stage.plan, key);
    std::fs::write(&file, text).at(file.display())?;
    let active = stage.pair.wait_ready(options.patience())?;
    stage.pair.slot(active).socket().security(&file)?;
    let daemons = stage.daemons.clone();
    let pause = random.between(MOMENT.0, MOMENT.1);
    Ok(Rollover(std::thread::spawn(move || {
        std::thread::sleep(pause);
        daemons
            .iter()
            .try_for_each(|daemon| lock(daemon).prefer_key(key))
    })))
}

impl Rollover {
    /// Waits until the peers want the new key as well.
    ///
    /// # Errors
    /// One of them cannot.
    pub(crate) fn finish(self) -> Result<()> {
        self.0
            .join()
            .map_err(|_| LabError::new("the rollover panicked"))?
    }
}
