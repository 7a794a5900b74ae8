//! A process with a role: started in a namespace, heard line by line, and what it has used of the processors.

use super::role::{Role, Said};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

/// See the module's text. Dropping it ends the process.
pub struct Actor {
    child: Child,
    said: Receiver<Said>,
    told: Option<ChildStdin>,
    what: String,
}

impl Actor {
    /// Starts this program in a namespace, in a role.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(namespace: &str, role: &Role) -> io::Result<Actor> {
        let program = std::env::current_exe()?;
        let role = serde_json::to_string(role)?;
        let arguments = [OsStr::new("role"), OsStr::new(&role)];
        Actor::run(namespace, program.as_os_str(), &arguments)
    }

    /// Starts any program that speaks as a role does.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run(namespace: &str, program: &OsStr, arguments: &[&OsStr]) -> io::Result<Actor> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(program);
        command.args(arguments).stdin(Stdio::piped());
        // The kernel lets a stopped process go on when its group loses the shell that began it: a hang must not end so.
        command.process_group(0);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let said = child.stdout.take();
        let said = said.ok_or_else(|| io::Error::other("no pipe"))?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || pass_on(said, &sender));
        let what: Vec<_> = arguments.iter().map(|it| it.to_string_lossy()).collect();
        Ok(Actor {
            told: child.stdin.take(),
            child,
            said: receiver,
            what: what.join(" "),
        })
    }

    /// The next thing that it says.
    ///
    /// # Errors
    /// It has ended without a word.
    pub fn hear(&mut self) -> io::Result<Said> {
        match self.said.recv() {
            Ok(said) => Ok(said),
            Err(_) => Err(self.ended()),
        }
    }

    /// The next thing that it says, or `None` where it says nothing for so long.
    ///
    /// # Errors
    /// It has ended without a word.
    pub fn hear_within(&mut self, patience: Duration) -> io::Result<Option<Said>> {
        match self.said.recv_timeout(patience) {
            Ok(said) => Ok(Some(said)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    fn ended(&mut self) -> io::Error {
        let status = self.child.wait();
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        io::Error::other(format!("{} ended without an answer: {status}", self.what))
    }

    /// Tells it something: a line on its standard input.
    ///
    /// # Errors
    /// It is gone.
    pub fn tell(&mut self, line: &str) -> io::Result<()> {
        let told = self.told.as_mut();
        let told = told.ok_or_else(|| io::Error::other("no pipe"))?;
        told.write_all(format!("{line}\n").as_bytes())
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// It is gone.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        signal_to(&self.child, signal)
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// It has ended before.
    pub fn until_ready(mut self) -> io::Result<Actor> {
        while self.hear()? != Said::Ready {}
        Ok(self)
    }

    /// Processor seconds of the process so far, user and system, in hundredths.
    ///
    /// # Errors
    /// It is gone.
    pub fn cpu_seconds(&self) -> io::Result<f64> {
        cpu_seconds_of(self.child.id())
    }

    /// The same for its threads of this name.
    ///
    /// # Errors
    /// It is gone.
    pub fn cpu_seconds_of(&self, thread: &str) -> io::Result<f64> {
        let mut seconds = 0.0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let path = task?.path();
            if std::fs::read_to_string(path.join("comm"))?.trim() == thread {
                seconds += seconds_of(&path.join("stat").to_string_lossy())?;
            }
        }
        Ok(seconds)
    }

    /// Resident memory in octets.
    ///
    /// # Errors
    /// It is gone.
    pub fn resident(&self) -> io::Result<f64> {
        resident_of(self.child.id())
    }
}

/// Sends a signal to a child that has not been waited for, so that its id is still its own.
pub(crate) fn signal_to(child: &Child, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("no process"))?;
    Ok(kill_process(pid, signal)?)
}

/// Hears a process until it ends, or nobody wants to know any more.
fn pass_on(said: ChildStdout, to: &mpsc::Sender<Said>) {
    for line in BufReader::new(said).lines().map_while(Result::ok) {
        let said = match line.trim() {
            "listening" => Some(Said::Ready),
            // Lines of other kinds are for people.
            other => serde_json::from_str(other).ok(),
        };
        if said.is_some_and(|said| to.send(said).is_err()) {
            return;
        }
    }
}

/// Processor seconds of a process so far, user and system, in hundredths.
pub(crate) fn cpu_seconds_of(pid: u32) -> io::Result<f64> {
    seconds_of(&format!("/proc/{pid}/stat"))
}

/// Resident memory of a process in octets.
pub(crate) fn resident_of(pid: u32) -> io::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.map(|kib| kib * 1024.0)
        .ok_or_else(|| io::Error::other("no VmRSS"))
}

/// Ticks of the system's accounting in a second.
const TICKS: f64 = 100.0;

fn seconds_of(stat: &str) -> io::Result<f64> {
    let stat = std::fs::read_to_string(stat)?;
    parse_stat(&stat).ok_or_else(|| io::Error::other("a strange /proc/PID/stat"))
}

/// Fields 14 and 15; the name, field 2, may contain anything.
fn parse_stat(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_does_not_shift_the_fields() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4 1 0 0 0 250 50 0 0 20 0 1 0 9";
        assert_eq!(parse_stat(stat), Some(3.0));
    }

    #[test]
    fn a_stat_that_ends_early_has_no_seconds() {
        assert_eq!(parse_stat("7 (a) S 1 7"), None);
    }
}
