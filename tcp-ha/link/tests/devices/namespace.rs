//! Network namespaces that last as long as a test.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace; removed when dropped.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    pub(crate) fn new() -> Namespace {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("link{}-{n}", std::process::id());
        run("ip", &["netns", "add", &name]);
        let namespace = Namespace { name };
        namespace.ip("link set lo up");
        namespace
    }

    /// Runs `ip` in here; the words are separated by spaces.
    pub(crate) fn ip(&self, words: &str) -> String {
        let mut args = vec!["-n", &self.name];
        args.extend(words.split(' '));
        run("ip", &args)
    }

    /// Runs any command in here; the words are separated by spaces.
    pub(crate) fn run(&self, words: &str) -> String {
        let mut args = vec!["netns", "exec", &self.name];
        args.extend(words.split(' '));
        run("ip", &args)
    }

    /// Runs a command in here with one more environment variable.
    pub(crate) fn run_with(&self, variable: (&str, &str), words: &[&str]) -> String {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).args(words);
        command.env(variable.0, variable.1);
        finish(command)
    }

    /// Runs `work` on a thread inside the namespace. What it opens stays usable outside.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let file = File::open(format!("/run/netns/{}", self.name)).expect("the namespace");
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("setns needs CAP_SYS_ADMIN: run the tests as root");
                work()
            });
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Joins this namespace and `other` by a cable: interface `here` in this one, `there` in the other, without offloads, both up.
    pub(crate) fn cable(&self, here: &str, other: &Namespace, there: &str) {
        self.cable_with_offloads(here, other, there);
        for (namespace, end) in [(self, here), (other, there)] {
            namespace.run(&format!("ethtool -K {end} tx off tso off gso off gro off"));
        }
    }

    /// The same with the offloads that such interfaces have.
    pub(crate) fn cable_with_offloads(&self, here: &str, other: &Namespace, there: &str) {
        let name = &other.name;
        self.ip(&format!(
            "link add {here} type veth peer name {there} netns {name}"
        ));
        for (namespace, end) in [(self, here), (other, there)] {
            namespace.ip(&format!("link set {end} up"));
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "del", &self.name])
            .status();
    }
}

fn run(program: &str, args: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(args);
    finish(command)
}

fn finish(mut command: Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: install iproute2 and ethtool"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}{stdout} (these tests need root: run them as root, or in `unshare -Urnm --map-root-user` with a tmpfs on /run)",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    stdout
}

/// Waits until `done` says something, at most five seconds.
pub(crate) fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(Instant::now() < end, "waited 5 s in vain for {what}");
        std::thread::yield_now();
    }
}
