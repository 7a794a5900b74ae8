use clap::Parser;

use super::*;
use crate::lab::options::LabOptions;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: LabOptions,
}

fn plan(line: &str) -> Plan {
    Plan::new(&Line::parse_from(line.split(' ')).options)
}

#[test]
fn a_peer_has_to_hold_all_but_its_own() {
    let plan = plan("lab --sessions 2 --routes-in 100 --routes-out 40");
    let announced = Announced::all(&plan);
    assert_eq!(announced.counts(&plan), (vec![90, 90], 140));
    let route = plan.sessions[1].routes.stable().next().unwrap();
    assert!(announced.due(&plan, 0, route) && !announced.due(&plan, 1, route));
}

#[test]
fn a_withdrawn_slice_is_due_to_nobody() {
    let plan = plan("lab --sessions 2 --routes-in 100 --routes-out 40");
    let announced = Announced::all(&plan);
    announced
        .slice(Origin::Session(0), 2)
        .store(false, Ordering::Relaxed);
    announced
        .slice(Origin::Ours, 0)
        .store(false, Ordering::Relaxed);
    let slice = plan.sessions[0].routes.slice(2).count() as u64;
    let ours = plan.ours.slice(0).count() as u64;
    let (sessions, all) = announced.counts(&plan);
    assert_eq!(all, 140 - slice - ours);
    assert_eq!(sessions, vec![all - (50 - slice), all - 50]);
}

#[test]
fn many_sessions_slow_the_churn_down() {
    let plan = plan("lab --peer kernel --sessions 200 --routes-in 20000 --routes-out 20000");
    let sessions: Vec<usize> = (0..200).collect();
    let pause = peer_pause(&plan, &sessions, 1, Duration::from_millis(250));
    let slice = plan.sessions[0].routes.slice(0).count() as f64;
    assert!(slice * 200.0 / pause.as_secs_f64() <= CHANGES_PER_SECOND_MAX as f64 * 1.01);
}
