use super::*;
use std::collections::BTreeSet;

#[test]
fn every_reason_has_a_name_and_a_sentence_of_its_own() {
    let names: BTreeSet<_> = DownReason::ALL.map(DownReason::name).into();
    let sentences: BTreeSet<_> = DownReason::ALL.map(|reason| reason.to_string()).into();
    assert_eq!(names.len(), DownReason::ALL.len());
    assert_eq!(sentences.len(), DownReason::ALL.len());
    for (place, reason) in DownReason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, place, "{reason:?}");
        let kebab: String = format!("{reason:?}")
            .chars()
            .flat_map(|c| {
                let dash = c.is_uppercase().then_some('-');
                dash.into_iter().chain(c.to_lowercase())
            })
            .collect();
        assert_eq!(kebab.trim_start_matches('-'), reason.name());
    }
}

#[test]
fn a_history_counts_each_going_down_once() {
    let mut history = ReadinessHistory::beginning(Readiness::TcpInitialSync, 10);
    assert_eq!((history.since_us(), history.last_down()), (10, None));
    let down = Readiness::Down(DownReason::Lagging);
    history.enter(down, 20);
    history.enter(down, 30);
    assert_eq!(history.since_us(), 20, "it was down already");
    history.enter(Readiness::TcpInitialSync, 40);
    history.enter(down, 50);
    history.enter(Readiness::Ready, 60);
    assert_eq!(
        (history.readiness(), history.since_us()),
        (Readiness::Ready, 60)
    );
    let lagging = history.downs()[&DownReason::Lagging];
    assert_eq!((lagging.count, lagging.last_us), (2, 50));
    let last = history.last_down().expect("it was down");
    assert_eq!((last.reason, last.at_us), (DownReason::Lagging, 50));
}

#[test]
fn a_history_that_begins_down_counts_it() {
    let mut history = ReadinessHistory::beginning(Readiness::Down(DownReason::NoStandby), 10);
    assert_eq!(history.downs()[&DownReason::NoStandby].count, 1);
    history.go_down(DownReason::NoStandby, 20);
    assert_eq!(history.since_us(), 10);
    let down = history.downs()[&DownReason::NoStandby];
    assert_eq!((down.count, down.last_us), (2, 20));
}
