use super::*;

#[test]
fn what_a_program_printed_is_given() {
    assert_eq!(run("echo", &["a", "b"]).unwrap(), "a b\n");
    let text = "x".repeat(1 << 20);
    assert_eq!(run_with_input("cat", &[], Some(&text)).unwrap(), text);
}

#[test]
fn a_failure_tells_the_programs_own_words() {
    let error = run("sh", &["-c", "echo no such thing >&2; exit 3"]).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("no such thing") && error.contains("3"),
        "{error}"
    );
}

#[test]
fn a_missing_program_names_its_package() {
    let error = find("gobgp-that-is-not-there").unwrap_err().to_string();
    assert!(error.contains("apt-get install"), "{error}");
    assert!(
        missing("/usr/lib/frr/zebra")
            .to_string()
            .ends_with("apt-get install frr")
    );
    assert!(
        missing("/usr/sbin/bgpd")
            .to_string()
            .ends_with("apt-get install openbgpd")
    );
}

#[test]
fn a_dropped_child_is_dead() {
    let directory = std::env::temp_dir();
    let log = directory.join(format!("lab-child-{}.log", std::process::id()));
    let child = Child::spawn("sleep", Command::new("sleep").arg("1000"), &log).unwrap();
    let pid = Pid::from_raw(child.pid() as i32).unwrap();
    drop(child);
    assert!(rustix::process::test_kill_process(pid).is_err());
    std::fs::remove_file(log).unwrap();
}

#[test]
fn a_child_that_ended_is_told_with_its_last_line() {
    let log = std::env::temp_dir().join(format!("lab-ended-{}.log", std::process::id()));
    let mut child = Child::spawn(
        "sh",
        Command::new("sh").args(["-c", "echo bad config; exit 2"]),
        &log,
    )
    .unwrap();
    assert!(child.wait(Duration::from_secs(10)).is_some());
    let error = child.must_run().unwrap_err().to_string();
    assert!(error.contains("bad config"), "{error}");
    std::fs::remove_file(log).unwrap();
}

#[test]
fn a_wait_in_vain_says_for_what() {
    let error = wait_until::<()>("rain", Duration::ZERO, || Ok(None)).unwrap_err();
    assert!(error.to_string().contains("rain"));
}
