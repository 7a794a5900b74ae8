//! Signs of life against processes that really die.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Lines, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tcp_ha_ipc::Incarnation;
use tcp_ha_ipc::liveness::{Life, Watch, is_alive, sweep, tell_overtaken};
use tcp_ha_ipc::transport::UnixListener;

const BOUND: Duration = Duration::from_secs(20);
const DIRECTORY: &str = "TCP_HA_IPC_LIFE_DIRECTORY";
const NAME: &str = "TCP_HA_IPC_LIFE_NAME";
const READY: &str = "gives a sign of life";

/// The process that the tests kill: this same binary, running this one test.
#[test]
#[ignore = "started by the other tests as a process of its own"]
fn child() {
    let (Ok(dir), Ok(name)) = (std::env::var(DIRECTORY), std::env::var(NAME)) else {
        return;
    };
    let life = Life::start(Path::new(&dir), name.parse().unwrap()).unwrap();
    println!("\n{READY}");
    // Ends when told, and when the test that started it has ended.
    let _ = std::io::stdin().read(&mut [0; 1]);
    drop(life);
}

struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("tcp-ha-life-{}", name()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn life(&self, name: Incarnation) -> PathBuf {
        self.0.join(format!("{name}.life"))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process with a sign of life; killed when dropped.
struct Living {
    child: Child,
    name: Incarnation,
    /// Kept open, since the child's test harness reports its end.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Living {
    fn start(dir: &Dir) -> Self {
        let name = name();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .env(DIRECTORY, &dir.0)
            .env(NAME, name.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(
            lines
                .by_ref()
                .map_while(Result::ok)
                .any(|line| line == READY),
            "the child did not start"
        );
        Self {
            child,
            name,
            _output: lines,
        }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn name() -> Incarnation {
    Incarnation::random().unwrap()
}

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < BOUND, "waited {BOUND:?} for {what}");
        thread::yield_now();
    }
}

/// A watch and how often it has told.
fn watch(dir: &Dir, whom: Incarnation) -> (Watch, Arc<AtomicU32>) {
    let told = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&told);
    let watch = Watch::start(&dir.0, whom, move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    (watch.unwrap(), told)
}

fn count(told: &Arc<AtomicU32>) -> u32 {
    told.load(Ordering::SeqCst)
}

/// The watch's thread has ended: its closure is gone.
fn ended(told: &Arc<AtomicU32>) -> bool {
    Arc::strong_count(told) == 1
}

#[test]
fn a_killed_process_is_told_to_all_who_watch() {
    let dir = Dir::new();
    let mut living = Living::start(&dir);
    let watches: Vec<_> = (0..5).map(|_| watch(&dir, living.name)).collect();
    assert!(is_alive(&dir.0, living.name).unwrap());
    assert!(watches.iter().all(|(_, told)| count(told) == 0));
    living.kill();
    for (_, told) in &watches {
        eventually("the death", || ended(told));
        assert_eq!(count(told), 1);
    }
    assert!(!is_alive(&dir.0, living.name).unwrap());
    let (_late, told) = watch(&dir, living.name);
    eventually("a late watch", || count(&told) == 1);
}

#[test]
fn a_killed_process_is_dead_also_for_those_who_never_watched() {
    let dir = Dir::new();
    let mut living = Living::start(&dir);
    living.kill();
    eventually("the death", || !is_alive(&dir.0, living.name).unwrap());
}

#[test]
fn a_process_that_ends_by_itself_is_told() {
    let dir = Dir::new();
    let mut living = Living::start(&dir);
    let (_watch, told) = watch(&dir, living.name);
    drop(living.child.stdin.take());
    eventually("the end", || count(&told) == 1);
    assert!(living.child.wait().unwrap().success());
    assert!(
        !dir.life(living.name).exists(),
        "it has taken its sign away"
    );
}

#[test]
fn a_stopped_process_is_not_dead() {
    let dir = Dir::new();
    let mut living = Living::start(&dir);
    let (_watch, told) = watch(&dir, living.name);
    living.signal(Signal::STOP);
    for _ in 0..1000 {
        assert!(is_alive(&dir.0, living.name).unwrap());
    }
    assert_eq!(count(&told), 0);
    living.kill();
    eventually("the death", || count(&told) == 1);
}

#[test]
fn a_dropped_watch_tells_nothing() {
    let dir = Dir::new();
    let mut living = Living::start(&dir);
    let (dropped, told) = watch(&dir, living.name);
    drop(dropped);
    living.kill();
    eventually("the end of the watch", || ended(&told));
    assert_eq!(count(&told), 0);
}

#[test]
fn a_sign_is_taken_away_when_dropped() {
    let dir = Dir::new();
    let me = name();
    let life = Life::start(&dir.0, me).unwrap();
    assert_eq!(life.path(), dir.life(me));
    let (_watch, told) = watch(&dir, me);
    assert!(is_alive(&dir.0, me).unwrap());
    drop(life);
    assert!(!is_alive(&dir.0, me).unwrap());
    eventually("the end", || count(&told) == 1);
}

#[test]
fn who_has_no_sign_is_dead() {
    let dir = Dir::new();
    assert!(!is_alive(&dir.0, name()).unwrap());
    let (_watch, told) = watch(&dir, name());
    eventually("the death", || count(&told) == 1);
}

#[test]
fn a_name_gives_one_sign_only() {
    let dir = Dir::new();
    let me = name();
    let _life = Life::start(&dir.0, me).unwrap();
    let error = Life::start(&dir.0, me).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().contains(&me.to_string()), "{error}");
    assert!(is_alive(&dir.0, me).unwrap(), "the first is unharmed");
}

#[test]
fn a_sign_of_another_boot_is_of_a_dead_one() {
    let dir = Dir::new();
    let me = name();
    let life = Life::start(&dir.0, me).unwrap();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(life.path())
        .unwrap();
    file.write_all_at(b"another boot", 16).unwrap();
    assert!(!is_alive(&dir.0, me).unwrap());
    let (_watch, told) = watch(&dir, me);
    eventually("the death", || count(&told) == 1);
}

#[test]
fn a_file_that_is_no_sign_is_an_error_that_names_it() {
    let dir = Dir::new();
    for content in [vec![], vec![7; 4096], vec![0; 100_000]] {
        let whom = name();
        fs::write(dir.life(whom), content).unwrap();
        let error = is_alive(&dir.0, whom).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.to_string().contains(&whom.to_string()), "{error}");
        assert!(Watch::start(&dir.0, whom, || panic!("told")).is_err());
    }
}

#[test]
fn sweeping_removes_the_files_of_the_dead_only() {
    let dir = Dir::new();
    let mut living = Living::start(&dir);
    let me = name();
    let _life = Life::start(&dir.0, me).unwrap();
    let listener = UnixListener::bind(&dir.0, me).unwrap();
    let socket_of_dead = dir.0.join(format!("{}.sock", living.name));
    fs::write(&socket_of_dead, "").unwrap();
    let foreign = dir.0.join("foreign.life");
    fs::write(&foreign, "").unwrap();
    assert_eq!(sweep(&dir.0).unwrap(), 0);
    living.kill();
    eventually("the death", || !is_alive(&dir.0, living.name).unwrap());
    assert_eq!(sweep(&dir.0).unwrap(), 1);
    assert!(!dir.life(living.name).exists() && !socket_of_dead.exists());
    assert!(dir.life(me).exists() && listener.still_there() && foreign.exists());
}

#[test]
fn a_sign_belongs_to_its_process_alone() {
    let dir = Dir::new();
    let me = name();
    let _life = Life::start(&dir.0, me).unwrap();
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(dir.life(me)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let names = fs::read_dir(&dir.0).unwrap().count();
    assert_eq!(names, 1, "no temporary file is left");
}

#[test]
fn a_word_left_for_the_overtaken_arrives() {
    let dir = Dir::new();
    let (me, other) = (name(), name());
    let life = Life::start(&dir.0, me).expect("a sign of life");
    tell_overtaken(&dir.0, other).expect("nobody of that name is no error");
    assert!(!life.is_overtaken());
    tell_overtaken(&dir.0, me).expect("a word");
    assert!(life.is_overtaken());
}
