use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: LabOptions,
}

fn plan(line: &str) -> Plan {
    Plan::new(&Line::parse_from(line.split(' ')).options)
}

#[test]
fn every_number_has_one_prefix_and_every_prefix_its_number() {
    for family in ["4", "6"] {
        let plan = plan(&format!(
            "lab --family {family} --sessions 3 --routes-in 70000 --routes-out 70001"
        ));
        for number in (0..plan.route_count() as u32).map(RouteNumber) {
            assert_eq!(plan.route(plan.prefix(number)), Some(number));
        }
        for foreign in [
            "9.0.0.0/24",
            "20.0.0.0/25",
            "66.0.0.0/24",
            "2a10::/49",
            "::/0",
        ] {
            assert_eq!(plan.route(foreign.parse().unwrap()), None, "{foreign}");
        }
    }
}

#[test]
fn blocks_share_the_routes_without_overlap() {
    let plan = plan("lab --sessions 7 --routes-in 1000 --routes-out 50");
    let mut seen = vec![0; plan.route_count()];
    for number in plan.ours.all() {
        assert_eq!(plan.origin(number), Origin::Ours);
        seen[number.0 as usize] += 1;
    }
    for (index, session) in plan.sessions.iter().enumerate() {
        for number in session.routes.all() {
            assert_eq!(plan.origin(number), Origin::Session(index));
            seen[number.0 as usize] += 1;
        }
    }
    assert!(seen.iter().all(|times| *times == 1));
}

#[test]
fn a_slice_is_known_from_each_of_its_routes() {
    let plan = plan("lab --sessions 2 --routes-in 1000 --routes-out 333");
    let block = &plan.sessions[1].routes;
    assert!(block.stable().all(|route| plan.slice_of(route).is_none()));
    for slice in 0..block.slices() {
        assert!(
            block
                .slice(slice)
                .all(|route| plan.slice_of(route) == Some(slice))
        );
    }
    let parts = block.stable().count() + (0..4).map(|s| block.slice(s).count()).sum::<usize>();
    assert_eq!(parts, block.len() as usize);
}

#[test]
fn no_routes_is_a_plan_as_well() {
    let plan = plan("lab --sessions 3 --routes-in 2 --routes-out 0");
    assert_eq!(plan.ours.len(), 0);
    assert_eq!(plan.sessions[2].routes.len(), 0);
    assert_eq!(plan.origin(RouteNumber(1)), Origin::Session(1));
}

#[test]
fn a_session_is_known_from_its_address() {
    for family in ["4", "6"] {
        let plan = plan(&format!("lab --family {family} --sessions 600"));
        for (index, session) in plan.sessions.iter().enumerate() {
            assert_eq!(plan.session_of(session.address), Some(index));
        }
        assert_eq!(plan.session_of(plan.our_address), None);
    }
}
