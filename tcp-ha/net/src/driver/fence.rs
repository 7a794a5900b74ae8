//! The fencing command: the operator's way to make sure that a pair which does not answer is dead.

use crate::config::FenceConfig;
use ipc::{Entry, Epoch};
use std::process::{Child, Command, Stdio};

/// What became of it so far; see the module's text.
#[derive(Default)]
pub(super) struct Fencing {
    /// The epoch whose nodes do not answer, since when, and when that was last looked at.
    silent: Option<(Epoch, u64, u64)>,
    running: Option<(Child, u64)>,
    /// How the last run failed.
    failed: Option<String>,
}

/// Nodes that were not looked at for so long may have answered meanwhile.
const FORGET_US: u64 = 2_000_000;

impl Fencing {
    /// Call again and again while the nodes of `entry` do not answer: whether they are fenced now.
    ///
    /// # Errors
    /// How the last run failed; another one follows.
    pub(super) fn turn(
        &mut self,
        config: Option<&FenceConfig>,
        entry: &Entry,
        mono_us: u64,
    ) -> Result<bool, String> {
        let Some(config) = config else {
            return Ok(false);
        };
        let since_us = match self.silent {
            Some((epoch, since_us, seen_us))
                if epoch == entry.epoch && mono_us < seen_us + FORGET_US =>
            {
                since_us
            }
            _ => {
                self.failed = None;
                self.end();
                mono_us
            }
        };
        self.silent = Some((entry.epoch, since_us, mono_us));
        if let Some((child, begun_us)) = &mut self.running {
            let late = mono_us > *begun_us + config.timeout.as_micros() as u64;
            match child.try_wait() {
                Ok(None) if !late => return Ok(false),
                Ok(Some(status)) if status.success() => {
                    self.running = None;
                    tracing::warn!(epoch = %entry.epoch, "the last pair is fenced");
                    return Ok(true);
                }
                Ok(Some(status)) => self.failed = Some(status.to_string()),
                Ok(None) => self.failed = Some(format!("no end after {:?}", config.timeout)),
                Err(error) => self.failed = Some(error.to_string()),
            }
            self.end();
            self.silent = Some((entry.epoch, mono_us, mono_us));
        } else if mono_us >= since_us + config.after.as_micros() as u64 {
            tracing::warn!(epoch = %entry.epoch, command = ?config.command, "fences the last pair");
            match begin(config, entry) {
                Ok(child) => self.running = Some((child, mono_us)),
                Err(error) => {
                    self.failed = Some(error);
                    self.silent = Some((entry.epoch, mono_us, mono_us));
                }
            }
        }
        self.failed.clone().map_or(Ok(false), Err)
    }

    fn end(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn begin(config: &FenceConfig, entry: &Entry) -> Result<Child, String> {
    let [program, arguments @ ..] = config.command.as_slice() else {
        return Err("an empty command".to_owned());
    };
    let standby = entry.standby.map_or_else(String::new, |it| it.to_string());
    Command::new(program)
        .args(arguments)
        .env("TCP_HA_EPOCH", entry.epoch.to_string())
        .env("TCP_HA_ACTIVE", entry.active.to_string())
        .env("TCP_HA_STANDBY", standby)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))
}
