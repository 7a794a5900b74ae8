use std::net::IpAddr;

use clap::Parser;
use ipnet::IpNet;
use pcaps::flow::Ends;

use super::*;
use crate::lab::options::LabOptions;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: LabOptions,
}

fn plan() -> Plan {
    let line = "lab --sessions 2 --routes-in 100 --routes-out 40";
    Plan::new(&Line::parse_from(line.split(' ')).options)
}

/// Two sessions' streams, told message by message.
struct Wire<'a> {
    told: Told<'a>,
    plan: &'a Plan,
    time: u64,
}

impl<'a> Wire<'a> {
    fn new(plan: &'a Plan, cuts: &'a [Timestamp]) -> Self {
        Wire {
            told: Told::new(plan, cuts),
            plan,
            time: 1_000,
        }
    }

    fn send(&mut self, session: usize, withdrawn: &[IpNet], announced: &[IpNet], path: &[u32]) {
        let nets = |nets: &[IpNet]| -> Vec<u8> {
            nets.iter()
                .flat_map(|net| match net.network() {
                    IpAddr::V4(it) => [&[24][..], &it.octets()[..3]].concat(),
                    IpAddr::V6(_) => unreachable!(),
                })
                .collect()
        };
        let mut attributes = vec![
            0x40,
            1,
            1,
            0,
            0x40,
            2,
            2 + 4 * path.len() as u8,
            2,
            path.len() as u8,
        ];
        attributes.extend(path.iter().flat_map(|it| it.to_be_bytes()));
        let (withdrawn, announced) = (nets(withdrawn), nets(announced));
        let mut message = vec![0xff; 16];
        let length = 23 + withdrawn.len() + attributes.len() + announced.len();
        message.extend((length as u16).to_be_bytes());
        message.push(2);
        message.extend((withdrawn.len() as u16).to_be_bytes());
        message.extend(withdrawn);
        message.extend((attributes.len() as u16).to_be_bytes());
        message.extend(attributes);
        message.extend(announced);
        let flow = Flow {
            id: FlowId(session as u32),
            ends: Ends {
                client: (self.plan.our_address, 1000).into(),
                server: (self.plan.sessions[session].address, 179).into(),
            },
            ours: Some(Direction::FromClient),
        };
        self.time += 1_000;
        let time = Timestamp::from_nanos(self.time);
        for part in message.chunks(10) {
            self.told
                .on_octets(&flow, Direction::FromClient, time, part);
        }
    }

    fn ours(&self) -> Vec<IpNet> {
        self.plan
            .ours
            .all()
            .map(|route| self.plan.prefix(route))
            .collect()
    }

    fn of_session(&self, session: usize) -> Vec<IpNet> {
        let routes = self.plan.sessions[session].routes.all();
        routes.map(|route| self.plan.prefix(route)).collect()
    }

    /// Tells everything once, as it has to be.
    fn tell_all(&mut self) {
        for session in 0..2 {
            self.send(session, &[], &self.ours(), &[OUR_AS]);
            let other = 1 - session;
            let path = [OUR_AS, self.plan.sessions[other].asn];
            self.send(session, &[], &self.of_session(other), &path);
        }
    }
}

fn faults(counts: &ToldCounts) -> ToldCounts {
    ToldCounts {
        updates: 0,
        ..counts.clone()
    }
}

#[test]
fn everything_told_once_is_right() {
    let plan = plan();
    let mut wire = Wire::new(&plan, &[]);
    wire.tell_all();
    let report = wire.told.finish(&Announced::all(&plan));
    assert_eq!((report.missing, report.extra), (0, 0));
    assert_eq!(report.counts.updates, 4);
    assert_eq!(faults(&report.counts), ToldCounts::default());
}

#[test]
fn the_same_announcement_again_is_a_duplicate() {
    let plan = plan();
    let mut wire = Wire::new(&plan, &[]);
    wire.tell_all();
    wire.send(1, &[], &wire.ours()[..3], &[OUR_AS]);
    let report = wire.told.finish(&Announced::all(&plan));
    assert_eq!(report.counts.duplicates, 3);
    assert!(
        report.examples[0].contains("announced twice"),
        "{:?}",
        report.examples
    );
}

#[test]
fn a_stable_route_that_comes_and_goes_is_found() {
    let plan = plan();
    let mut wire = Wire::new(&plan, &[]);
    wire.tell_all();
    let stable = [plan.prefix(plan.ours.stable().next().unwrap())];
    wire.send(0, &stable, &[], &[]);
    wire.send(0, &[], &stable, &[OUR_AS]);
    let report = wire.told.finish(&Announced::all(&plan));
    assert_eq!(report.counts.withdrawn_without_cause, 1);
    assert_eq!(report.counts.announced_again, 1);
}

#[test]
fn a_changing_route_may_come_and_go() {
    let plan = plan();
    let mut wire = Wire::new(&plan, &[]);
    wire.tell_all();
    let slice: Vec<IpNet> = plan.ours.slice(1).map(|route| plan.prefix(route)).collect();
    for _ in 0..3 {
        wire.send(0, &slice, &[], &[]);
        wire.send(0, &[], &slice, &[OUR_AS]);
    }
    let report = wire.told.finish(&Announced::all(&plan));
    assert_eq!(faults(&report.counts), ToldCounts::default());
    assert_eq!((report.missing, report.extra), (0, 0));
}

#[test]
fn missing_and_extra_routes_are_counted() {
    let plan = plan();
    let mut wire = Wire::new(&plan, &[]);
    wire.send(0, &[], &wire.ours(), &[OUR_AS]);
    wire.send(
        0,
        &[],
        &wire.of_session(0)[..2],
        &[OUR_AS, plan.sessions[0].asn],
    );
    let report = wire.told.finish(&Announced::all(&plan));
    assert_eq!(report.missing, 50 + 90);
    assert_eq!(report.extra, 2);
    assert_eq!(report.counts.foreign, 2);
}

#[test]
fn a_wrong_path_is_found() {
    let plan = plan();
    let mut wire = Wire::new(&plan, &[]);
    wire.send(0, &[], &wire.ours()[..1], &[OUR_AS, 7]);
    assert_eq!(
        wire.told.finish(&Announced::all(&plan)).counts.wrong_path,
        1
    );
}

#[test]
fn updates_are_counted_by_the_cut_before_them() {
    let plan = plan();
    let cuts = [Timestamp::from_nanos(2_500), Timestamp::from_nanos(3_500)];
    let mut wire = Wire::new(&plan, &cuts);
    wire.tell_all();
    assert_eq!(
        wire.told.finish(&Announced::all(&plan)).updates_after,
        [1, 2]
    );
}
