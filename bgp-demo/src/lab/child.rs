//! Other programs: run to their end, or kept as children that are ended by their process id.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::error::{At, LabError, Result};
use super::interrupt;

/// How long a child may take to end after SIGKILL.
const END_PATIENCE: Duration = Duration::from_secs(3);
/// How often a wait looks again.
pub(crate) const GLANCE: Duration = Duration::from_millis(10);

/// Runs a program to its end and gives what it printed.
///
/// # Errors
/// The program is missing (with the package that has it), or failed (with what it said).
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String> {
    run_with_input(program, arguments, None)
}

/// Runs a program to its end with `input` on its standard input, and gives what it printed.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_with_input(
    program: &str,
    arguments: &[&str],
    input: Option<&str>,
) -> Result<String> {
    let line = || format!("{program} {}", arguments.join(" "));
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_start(program, &error))?;
    let feeder = input.and_then(|input| {
        let mut stdin = child.stdin.take()?;
        let input = input.to_owned();
        // A thread of its own: a program that prints while it reads must not block on its output.
        Some(thread::spawn(move || stdin.write_all(input.as_bytes())))
    });
    let output = child.wait_with_output().at(line())?;
    if let Some(feeder) = feeder {
        // A program that fails stops reading; its own words tell more than the broken pipe.
        let _ = feeder.join();
    }
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = match said.trim() {
        "" => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        said => said.to_owned(),
    };
    Err(LabError::new(format!(
        "{}: {}: {said}",
        line(),
        output.status
    )))
}

fn cannot_start(program: &str, error: &io::Error) -> LabError {
    if error.kind() == io::ErrorKind::NotFound {
        missing(program)
    } else {
        LabError::new(format!("{program}: {error}"))
    }
}

/// The line for a program that is not installed.
pub(crate) fn missing(program: &str) -> LabError {
    let name = Path::new(program)
        .file_name()
        .map_or(program.into(), |name| name.to_string_lossy());
    let package = match &*name {
        "bird" | "birdc" => "bird2",
        "zebra" | "vtysh" => "frr",
        "bgpd" if program.contains("frr") => "frr",
        "bgpd" | "bgpctl" => "openbgpd",
        "gobgpd" | "gobgp" => "gobgpd",
        "ip" | "bridge" => "iproute2",
        "mount" | "unshare" => "util-linux",
        other => other,
    };
    LabError::new(format!(
        "{program} is not installed: apt-get install {package}"
    ))
}

/// Where a program is, looked up in the usual places also when PATH lacks the sbin directories.
///
/// # Errors
/// It is missing.
pub(crate) fn find(program: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
        .ok_or_else(|| missing(program))
}

/// A running child. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Child {
    name: String,
    child: std::process::Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Child {
    /// Starts `command`; what it prints goes to the end of `log`.
    ///
    /// # Errors
    /// The program is missing or cannot be started.
    pub(crate) fn spawn(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .at(log.display())?;
        let errors = output.try_clone().at(log.display())?;
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|error| cannot_start(&program, &error))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            ended: None,
        })
    }

    /// Process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its output goes.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended; `None` while it runs.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Fails when the child has ended, with the last line of its log.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        let Some(status) = self.ended() else {
            return Ok(());
        };
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last = log.lines().rev().find(|line| !line.trim().is_empty());
        Err(LabError::new(format!(
            "{} ended ({status}): {} (log: {})",
            self.name,
            last.unwrap_or("no output"),
            self.log.display()
        )))
    }

    /// Sends a signal, if it still runs.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.ended().is_some() {
            return;
        }
        if let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            // It may end between the look and the signal; it is not reaped, so the id is still its own.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits until it has ended, at most `patience`.
    pub(crate) fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(GLANCE);
        }
    }

    /// Kills it and waits until the kernel has let go of it.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait(END_PATIENCE);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Looks at `condition` until it gives a value.
///
/// # Errors
/// `patience` is over (the error says what was waited for), or the condition failed.
pub(crate) fn wait_until<T>(
    what: &str,
    patience: Duration,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        interrupt::check()?;
        if let Some(value) = condition()? {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            return Err(LabError::new(format!(
                "waited {} s in vain: {what}",
                patience.as_secs()
            )));
        }
        thread::sleep(GLANCE);
    }
}

#[cfg(test)]
mod tests;
