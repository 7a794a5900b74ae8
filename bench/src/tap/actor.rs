//! A process with a role: started in a namespace, heard line by line, and what it has used of the processors.

use super::role::{Role, Said};
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// See the module's text. Dropping it ends the process.
pub struct Actor {
    child: Child,
    said: BufReader<ChildStdout>,
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
        command.args(arguments).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let said = child.stdout.take();
        let said = said.ok_or_else(|| io::Error::other("no pipe"))?;
        let what: Vec<_> = arguments.iter().map(|it| it.to_string_lossy()).collect();
        Ok(Actor {
            child,
            said: BufReader::new(said),
            what: what.join(" "),
        })
    }

    /// The next thing that it says.
    ///
    /// # Errors
    /// It has ended without a word.
    pub fn hear(&mut self) -> io::Result<Said> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.said.read_line(&mut line)? == 0 {
                let status = self.child.wait()?;
                let what = format!("{} ended without an answer: {status}", self.what);
                return Err(io::Error::other(what));
            }
            if line.trim() == "listening" {
                return Ok(Said::Ready);
            }
            // Lines of other kinds are for people.
            if let Ok(said) = serde_json::from_str(line.trim()) {
                return Ok(said);
            }
        }
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
        seconds_of(&format!("/proc/{}/stat", self.child.id()))
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
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kib.map(|kib| kib * 1024.0)
            .ok_or_else(|| io::Error::other("no VmRSS"))
    }
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
