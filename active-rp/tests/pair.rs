//! Two processes that share a register, each on a segment of its own in memory: pairing, planned and unplanned changes, exit codes.

mod support;

use support::{Dir, Rp};

#[test]
fn a_node_alone_serves_and_says_that_it_is_unprotected() {
    let dir = Dir::new();
    let rp = Rp::start(&dir, "rp1");
    let status = rp.wait_for("active", |status| status["role"] == "active");
    assert_eq!(status["epoch"], 1);
    assert_eq!(status["protected"], false);
    assert!(
        status["unprotected"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty()),
        "{status}"
    );
    assert_eq!(status["incarnation"].as_str().map(str::len), Some(32));
}

#[test]
fn a_second_node_joins_and_both_say_so() {
    let dir = Dir::new();
    let first = Rp::start(&dir, "rp1");
    first.wait_for("active", |status| status["role"] == "active");
    let second = Rp::start(&dir, "rp2");
    let active = first.wait_for("protection", |status| status["protected"] == true);
    let standby = second.wait_for("standby", |status| status["role"] == "standby");
    assert_eq!(active["peer"], standby["incarnation"]);
    assert_eq!(standby["peer"], active["incarnation"]);
    assert_eq!(active["unprotected"], serde_json::Value::Null);
}

#[test]
fn a_killed_active_is_taken_over_and_the_next_one_joins_again_and_again() {
    let dir = Dir::new();
    let mut active = Rp::start(&dir, "rp1");
    active.wait_for("active", |status| status["role"] == "active");
    for turn in 0..3 {
        let standby = Rp::start(&dir, if turn % 2 == 0 { "rp2" } else { "rp1" });
        let before = active.wait_for("protection", |status| status["protected"] == true);
        active.kill();
        let after = standby.wait_for("takeover", |status| status["role"] == "active");
        assert!(
            after["epoch"].as_u64() > before["epoch"].as_u64(),
            "{after}"
        );
        assert_eq!(after["takeovers"][0]["kind"], "take-over", "{after}");
        active = standby;
    }
}

#[test]
fn a_switchover_hands_over_and_the_old_active_exits_as_fenced() {
    let dir = Dir::new();
    let mut first = Rp::start(&dir, "rp1");
    first.wait_for("active", |status| status["role"] == "active");
    let refused = first.ask(&["switchover"]).unwrap_err();
    assert_eq!(refused.lines().count(), 1, "{refused}");
    let second = Rp::start(&dir, "rp2");
    first.wait_for("protection", |status| status["protected"] == true);
    assert_eq!(first.ask(&["switchover"]).unwrap()["switchover"], "done");
    assert_eq!(first.exit_code(), Some(75));
    assert!(first.stderr().contains("fenced: "), "{}", first.stderr());
    let status = second.wait_for("handover", |status| status["role"] == "active");
    assert_ne!(status["takeovers"][0]["kind"], "cold-start", "{status}");
}

#[test]
fn sigterm_hands_over_and_exits_well() {
    let dir = Dir::new();
    let mut first = Rp::start(&dir, "rp1");
    first.wait_for("active", |status| status["role"] == "active");
    let second = Rp::start(&dir, "rp2");
    first.wait_for("protection", |status| status["protected"] == true);
    first.terminate();
    assert_eq!(first.exit_code(), Some(0));
    let status = second.wait_for("handover", |status| status["role"] == "active");
    assert_ne!(status["takeovers"][0]["kind"], "cold-start", "{status}");
}

#[test]
fn a_standby_that_is_told_to_end_resigns() {
    let dir = Dir::new();
    let first = Rp::start(&dir, "rp1");
    first.wait_for("active", |status| status["role"] == "active");
    let mut second = Rp::start(&dir, "rp2");
    first.wait_for("protection", |status| status["protected"] == true);
    second.terminate();
    assert_eq!(second.exit_code(), Some(0));
    let status = first.wait_for("no protection", |status| status["protected"] == false);
    assert_eq!(status["role"], "active");
}

#[test]
fn other_configurations_do_not_pair_and_the_reason_is_told() {
    let dir = Dir::new();
    let first = Rp::start(&dir, "rp1");
    first.wait_for("active", |status| status["role"] == "active");
    let second = Rp::start_with(&dir, "rp2", &["--hold-time", "30"]);
    first.wait_for("the reason", |_| {
        first.stderr().contains("configurations differ")
    });
    for rp in [&first, &second] {
        assert_eq!(rp.wait_for("an answer", |_| true)["protected"], false);
    }
}

#[test]
fn readiness_is_told_with_what_it_was_down_for() {
    let dir = Dir::new();
    let first = Rp::start(&dir, "rp1");
    let alone = first.wait_for("active", |status| status["role"] == "active");
    assert_eq!(alone["readiness"]["state"], "down");
    assert_eq!(alone["readiness"]["reason"], "no-standby");
    let mut second = Rp::start(&dir, "rp2");
    let is_ready = |status: &serde_json::Value| status["readiness"]["state"] == "ready";
    first.wait_for("readiness", is_ready);
    second.wait_for("readiness", is_ready);

    assert_eq!(first.ask(&["dismiss"]).unwrap()["done"], "dismiss");
    let counted = |name: &'static str| {
        move |status: &serde_json::Value| status["readiness"]["downs"][name]["count"] == 1
    };
    first.wait_for("the count", counted("standby-dismissed"));
    let again = first.wait_for("readiness", is_ready);
    let last = &again["readiness"]["last_down"];
    assert_eq!(last["reason"], "standby-dismissed");
    let since = &again["readiness"]["since_unix_us"];
    assert!(since.as_u64() > last["at_unix_us"].as_u64(), "{again}");

    second.wait_for("the standby", is_ready);
    second.kill();
    first.wait_for("the loss", counted("standby-lost"));
    let told = first.readiness();
    assert!(told.contains("down: standby lost for "), "{told}");
    assert!(
        told.contains("no-standby 1, standby-dismissed 1, standby-lost 1"),
        "{told}"
    );
    let refused = first.ask(&["unprotect", "--connection", "99"]).unwrap_err();
    assert_eq!(
        refused.trim_end(),
        "there is no such connection: see the status for ids"
    );
}
