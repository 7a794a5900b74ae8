use super::*;

fn attached(limit_octets: usize) -> Log {
    let mut log = Log::new(limit_octets);
    log.attach();
    log
}

#[test]
fn the_first_batch_is_one() {
    let mut log = attached(1000);
    assert_eq!((log.last(), log.acknowledged()), (Lsn::ZERO, Lsn::ZERO));
    assert_eq!(log.append(0, 0), Ok(Lsn(1)));
    assert_eq!(log.append(0, 0), Ok(Lsn(2)));
    assert_eq!(log.last(), Lsn(2));
}

#[test]
fn a_survivor_goes_on_counting() {
    let mut log = Log::starting_after(Lsn(41), 1000);
    log.attach();
    assert_eq!(log.append(1, 0), Ok(Lsn(42)));
    assert_eq!(log.acknowledged(), Lsn(41));
}

#[test]
fn octets_are_held_until_acknowledged() {
    let mut log = attached(10_000);
    for now_us in [100, 200, 300] {
        log.append(1000, now_us).unwrap();
    }
    assert_eq!(log.held_octets(), 3 * (1000 + BATCH_OVERHEAD_OCTETS));
    assert_eq!((log.lag_batches(), log.lag_us(450)), (3, 350));
    log.acknowledge(Lsn(2)).unwrap();
    assert_eq!(log.held_octets(), 1000 + BATCH_OVERHEAD_OCTETS);
    assert_eq!(log.oldest_unacknowledged_since(), Some(300));
    log.acknowledge(Lsn(1)).unwrap();
    assert_eq!(log.acknowledged(), Lsn(2), "an older one changes nothing");
    log.acknowledge(Lsn(3)).unwrap();
    assert_eq!(
        (log.held_octets(), log.lag_batches(), log.lag_us(900)),
        (0, 0, 0)
    );
}

#[test]
fn a_full_log_takes_no_batch_and_allocates_nothing() {
    let mut log = attached(500);
    log.append(300, 0).unwrap();
    assert!(!log.has_room(300));
    let full = log.append(300, 0).unwrap_err();
    assert_eq!(
        (full.held_octets, full.limit_octets),
        (300 + BATCH_OVERHEAD_OCTETS, 500)
    );
    assert_eq!(log.last(), Lsn(1));
    log.acknowledge(Lsn(1)).unwrap();
    assert_eq!(log.append(300, 0), Ok(Lsn(2)));
}

#[test]
fn barriers_are_bounded_too() {
    let mut log = attached(10 * BATCH_OVERHEAD_OCTETS);
    let taken = std::iter::repeat_with(|| log.append(0, 0))
        .take_while(Result::is_ok)
        .count();
    assert_eq!(taken, 10);
}

#[test]
fn a_batch_beyond_the_limit_is_taken_alone() {
    let mut log = attached(100);
    assert!(log.has_room(5000));
    assert_eq!(log.append(5000, 0), Ok(Lsn(1)));
    assert!(log.append(0, 0).is_err());
}

#[test]
fn what_was_never_appended_cannot_be_acknowledged() {
    let mut log = attached(1000);
    log.append(1, 0).unwrap();
    assert_eq!(
        log.acknowledge(Lsn(2)),
        Err(NeverAppended {
            lsn: Lsn(2),
            last: Lsn(1)
        })
    );
    assert_eq!(log.acknowledged(), Lsn::ZERO);
}

#[test]
fn a_detached_log_holds_nothing() {
    let mut log = attached(300);
    log.append(200, 0).unwrap();
    log.detach();
    assert_eq!((log.held_octets(), log.acknowledged()), (0, Lsn(1)));
    for lsn in 2..100 {
        assert_eq!(log.append(200, 0), Ok(Lsn(lsn)));
    }
    log.attach();
    assert_eq!(log.acknowledged(), Lsn(99));
    log.append(200, 7).unwrap();
    assert_eq!(log.oldest_unacknowledged_since(), Some(7));
    log.acknowledge(Lsn(100)).unwrap();
    assert_eq!(log.held_octets(), 0);
}
