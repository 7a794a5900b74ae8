//! The register on a real etcd, which each test starts for itself on loopback (package etcd-server).

#[allow(dead_code)]
mod support;

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use support::etcd::{Cluster, Etcd};
use support::eventually;
use support::proxy::{Lose, Proxy};
use tcp_ha_ipc::register::{EtcdConfig, EtcdRegister, RemoteRegister};
use tcp_ha_ipc::{CasError, Entry, Epoch, Incarnation, Register, RegisterError};

const KEY: &str = "/tcp-ha/register";

fn name(octet: u8) -> Incarnation {
    Incarnation::from_bytes([octet; 16])
}

fn entry(epoch: u64, active: u8, standby: Option<u8>) -> Entry {
    Entry {
        epoch: Epoch(epoch),
        active: name(active),
        standby: standby.map(name),
    }
}

fn open(urls: &[String]) -> EtcdRegister {
    EtcdRegister::open(&EtcdConfig::new(urls.to_vec())).unwrap()
}

/// Little patience, so that silence is soon found out.
fn hasty(urls: &[String]) -> EtcdRegister {
    let mut config = EtcdConfig::new(urls.to_vec());
    config.answer_timeout = Duration::from_millis(100);
    EtcdRegister::open(&config).unwrap()
}

fn is_unavailable<T>(swapped: &Result<T, CasError>) -> bool {
    matches!(swapped, Err(CasError::Unavailable(_)))
}

fn is_unknown<T>(swapped: &Result<T, CasError>) -> bool {
    matches!(swapped, Err(CasError::Unknown(_)))
}

#[test]
fn each_epoch_follows_the_one_that_was_expected() {
    let etcd = Etcd::start();
    let register = open(&[etcd.url()]);
    assert_eq!(register.read(), Ok(None));
    assert_eq!(
        register.compare_and_swap(Some(Epoch(1)), name(1), None),
        Err(CasError::Lost(None))
    );
    let tenure = register.compare_and_swap(None, name(1), None).unwrap();
    assert_eq!(tenure.entry(), entry(1, 1, None));
    assert_eq!(
        register.compare_and_swap(None, name(2), None),
        Err(CasError::Lost(Some(entry(1, 1, None))))
    );
    // Another process, which has seen nothing yet.
    let other = open(&[etcd.url()]);
    let tenure = other.compare_and_swap(Some(Epoch(1)), name(1), Some(name(2)));
    assert_eq!(tenure.unwrap().entry(), entry(2, 1, Some(2)));
    assert_eq!(register.read(), Ok(Some(entry(2, 1, Some(2)))));
    assert_eq!(register.confirm(name(2)), Ok(None));
    let swapped = register.compare_and_swap(Some(Epoch(1)), name(3), None);
    assert_eq!(swapped, Err(CasError::Lost(Some(entry(2, 1, Some(2))))));
}

#[test]
fn of_all_who_race_for_an_epoch_one_wins() {
    const RACERS: u8 = 6;
    const EPOCHS: u64 = 25;
    let etcd = Etcd::start();
    let barrier = Barrier::new(usize::from(RACERS));
    let wins = thread::scope(|scope| {
        let race = |racer: u8| {
            let (register, barrier) = (open(&[etcd.url()]), &barrier);
            scope.spawn(move || {
                let mut won = Vec::new();
                for epoch in 0..EPOCHS {
                    barrier.wait();
                    let expected = (epoch > 0).then_some(Epoch(epoch));
                    match register.compare_and_swap(expected, name(racer), None) {
                        Ok(tenure) => won.push(tenure.epoch().0),
                        Err(CasError::Lost(_)) => {}
                        Err(other) => panic!("{other}"),
                    }
                    barrier.wait();
                }
                won
            })
        };
        let racers: Vec<_> = (1..=RACERS).map(race).collect();
        let mut wins: Vec<u64> = Vec::new();
        for racer in racers {
            wins.extend(racer.join().unwrap());
        }
        wins
    });
    let mut wins = wins;
    wins.sort_unstable();
    assert_eq!(wins, (1..=EPOCHS).collect::<Vec<_>>());
}

#[test]
fn an_etcd_that_is_down_is_out_of_reach_and_comes_back_with_its_entry() {
    let mut etcd = Etcd::start();
    let register = open(&[etcd.url()]);
    register.compare_and_swap(None, name(1), None).unwrap();
    etcd.kill();
    assert!(matches!(
        register.read(),
        Err(RegisterError::Unavailable(_))
    ));
    let swapped = register.compare_and_swap(Some(Epoch(1)), name(1), Some(name(2)));
    assert!(is_unavailable(&swapped), "{swapped:?}");
    etcd.restart();
    assert_eq!(register.read(), Ok(Some(entry(1, 1, None))));
}

#[test]
fn a_swap_on_a_stopped_etcd_is_unknown_and_found_made_when_it_goes_on() {
    let etcd = Etcd::start();
    let inner = open(&[etcd.url()]);
    inner.compare_and_swap(None, name(1), None).unwrap();
    let patience = Duration::from_millis(10);
    let register = RemoteRegister::start(inner, "etcd", etcd.url(), patience).unwrap();
    etcd.stop();
    let swapped = register.compare_and_swap(Some(Epoch(1)), name(1), Some(name(2)));
    assert!(is_unknown(&swapped), "{swapped:?}");
    assert!(register.read().is_err());
    etcd.go_on();
    let found = eventually("an answer", || register.read().ok());
    assert_eq!(found, Some(entry(2, 1, Some(2))));
}

#[test]
fn a_swap_on_a_stopped_etcd_that_dies_is_unknown_and_found_not_made() {
    let mut etcd = Etcd::start();
    let register = hasty(&[etcd.url()]);
    register.compare_and_swap(None, name(1), None).unwrap();
    etcd.stop();
    let swapped = register.compare_and_swap(Some(Epoch(1)), name(1), Some(name(2)));
    assert!(is_unknown(&swapped), "{swapped:?}");
    etcd.kill();
    etcd.restart();
    let found = eventually("an answer", || register.read().ok());
    assert_eq!(found, Some(entry(1, 1, None)));
    let tenure = register.compare_and_swap(Some(Epoch(1)), name(1), None);
    assert_eq!(tenure.unwrap().entry(), entry(2, 1, None));
}

#[test]
fn a_swap_whose_answer_is_lost_is_unknown_and_was_made() {
    let etcd = Etcd::start();
    let proxy = Proxy::start(etcd.address());
    let register = hasty(&[proxy.url()]);
    assert_eq!(register.read(), Ok(None));
    proxy.lose(Lose::Answers);
    let swapped = register.compare_and_swap(None, name(1), None);
    assert!(is_unknown(&swapped), "{swapped:?}");
    proxy.lose(Lose::Nothing);
    assert_eq!(register.read(), Ok(Some(entry(1, 1, None))));
}

#[test]
fn a_swap_that_is_lost_on_the_way_is_unknown_and_was_not_made() {
    let etcd = Etcd::start();
    let proxy = Proxy::start(etcd.address());
    let register = hasty(&[proxy.url()]);
    assert_eq!(register.read(), Ok(None));
    proxy.lose(Lose::Requests);
    let swapped = register.compare_and_swap(None, name(1), None);
    assert!(is_unknown(&swapped), "{swapped:?}");
    proxy.lose(Lose::Nothing);
    assert_eq!(register.read(), Ok(None));
}

#[test]
fn a_swap_whose_answer_is_lost_is_recognised_at_the_next_endpoint() {
    let etcd = Etcd::start();
    let proxy = Proxy::start(etcd.address());
    let register = hasty(&[proxy.url(), etcd.url()]);
    assert_eq!(register.read(), Ok(None));
    proxy.lose(Lose::Answers);
    let tenure = register.compare_and_swap(None, name(1), Some(name(2)));
    assert_eq!(tenure.unwrap().entry(), entry(1, 1, Some(2)));
    // The same once more, where meanwhile somebody else has won.
    let other = open(&[etcd.url()]);
    other
        .compare_and_swap(Some(Epoch(1)), name(2), None)
        .unwrap();
    let swapped = register.compare_and_swap(Some(Epoch(1)), name(1), None);
    assert_eq!(swapped, Err(CasError::Lost(Some(entry(2, 2, None)))));
}

#[test]
fn a_value_that_is_no_entry_is_told_with_its_place_and_never_written_over() {
    let etcd = Etcd::start();
    etcd.put(KEY, "garbage");
    let register = open(&[etcd.url()]);
    let Err(RegisterError::Corrupt(why)) = register.read() else {
        panic!("{:?}", register.read());
    };
    assert!(why.contains(KEY) && why.contains(&etcd.url()), "{why}");
    for expected in [None, Some(Epoch(1))] {
        let swapped = register.compare_and_swap(expected, name(1), None);
        assert!(is_unavailable(&swapped), "{swapped:?}");
    }
    assert_eq!(etcd.value(KEY), "garbage");
}

#[test]
fn a_key_that_is_gone_or_goes_back_is_damage_to_who_has_seen_it() {
    let etcd = Etcd::start();
    let register = open(&[etcd.url()]);
    register.compare_and_swap(None, name(1), None).unwrap();
    let first = etcd.value(KEY);
    register
        .compare_and_swap(Some(Epoch(1)), name(1), Some(name(2)))
        .unwrap();
    etcd.put(KEY, &first);
    assert!(matches!(register.read(), Err(RegisterError::Corrupt(_))));
    let swapped = register.compare_and_swap(Some(Epoch(2)), name(1), None);
    assert!(is_unavailable(&swapped), "{swapped:?}");
    etcd.delete(KEY);
    assert!(matches!(register.read(), Err(RegisterError::Corrupt(_))));
    let swapped = register.compare_and_swap(Some(Epoch(2)), name(1), None);
    assert!(is_unavailable(&swapped), "{swapped:?}");
}

#[test]
fn members_come_and_go_and_the_register_stays() {
    let mut cluster = Cluster::start(3);
    let register = Arc::new(hasty(&cluster.urls()));
    let mut epoch = 0;
    let mut next = |register: &EtcdRegister| {
        let expected = (epoch > 0).then_some(Epoch(epoch));
        epoch += 1;
        let stands = eventually("a swap", || {
            match register.compare_and_swap(expected, name(1), None) {
                Ok(tenure) => Some(tenure.entry()),
                // An earlier attempt took effect after its answer was given up.
                Err(CasError::Lost(found)) => Some(found.expect("an entry")),
                Err(CasError::Unknown(_) | CasError::Unavailable(_)) => None,
            }
        });
        assert_eq!(stands, entry(epoch, 1, None));
    };
    next(&register);
    let follower = cluster.a_follower();
    cluster.member(follower).kill();
    next(&register);
    cluster.member(follower).restart();
    let leader = cluster.leader();
    cluster.member(leader).kill();
    next(&register);
    // Two of three are gone: nobody can say anything.
    let another = cluster.leader();
    cluster.member(another).kill();
    assert!(matches!(
        register.read(),
        Err(RegisterError::Unavailable(_))
    ));
    cluster.member(leader).restart();
    next(&register);
}
