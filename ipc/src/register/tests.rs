use std::sync::{Arc, Barrier};
use std::thread;

use super::memory::UnknownOutcome;
use super::*;
use crate::testing::TempDir;

fn name(octet: u8) -> Incarnation {
    Incarnation::from_bytes([octet; 16])
}

/// Runs the same test on every kind of register.
fn on_each(test: impl Fn(Box<dyn Fn() -> Box<dyn Register> + Send + Sync>)) {
    let memory = MemoryRegister::new();
    test(Box::new(move || Box::new(memory.clone())));
    let dir = TempDir::new();
    let path = dir.path().to_owned();
    test(Box::new(move || {
        Box::new(FileRegister::open(&path).unwrap())
    }));
}

#[test]
fn an_empty_register_is_taken_once() {
    on_each(|open| {
        let register = open();
        assert_eq!(register.read(), Ok(None));
        assert_eq!(
            register.compare_and_swap(Some(Epoch(1)), name(1), None),
            Err(CasError::Lost(None))
        );
        let tenure = register.compare_and_swap(None, name(1), None).unwrap();
        assert_eq!(
            (tenure.epoch(), tenure.active(), tenure.standby()),
            (Epoch(1), name(1), None)
        );
        let entry = Entry {
            epoch: Epoch(1),
            active: name(1),
            standby: None,
        };
        assert_eq!(
            register.compare_and_swap(None, name(2), None),
            Err(CasError::Lost(Some(entry)))
        );
        assert_eq!(
            open().read(),
            Ok(Some(entry)),
            "another handle sees the same"
        );
    });
}

#[test]
fn a_swap_on_an_old_epoch_is_lost() {
    on_each(|open| {
        let register = open();
        register.compare_and_swap(None, name(1), None).unwrap();
        register
            .compare_and_swap(Some(Epoch(1)), name(1), Some(name(2)))
            .unwrap();
        let lost = register.compare_and_swap(Some(Epoch(1)), name(3), None);
        let entry = Entry {
            epoch: Epoch(2),
            active: name(1),
            standby: Some(name(2)),
        };
        assert_eq!(lost, Err(CasError::Lost(Some(entry))));
    });
}

#[test]
fn only_the_active_is_confirmed() {
    on_each(|open| {
        let register = open();
        assert_eq!(register.confirm(name(1)), Ok(None));
        let tenure = register
            .compare_and_swap(None, name(1), Some(name(2)))
            .unwrap();
        assert_eq!(register.confirm(name(1)), Ok(Some(tenure)));
        assert_eq!(register.confirm(name(2)), Ok(None));
    });
}

#[test]
fn nobody_is_active_and_standby_at_once() {
    on_each(|open| {
        let swapped = open().compare_and_swap(None, name(1), Some(name(1)));
        assert!(
            matches!(swapped, Err(CasError::Unavailable(_))),
            "{swapped:?}"
        );
        assert_eq!(open().read(), Ok(None));
    });
}

#[test]
fn of_all_who_race_for_an_epoch_one_wins() {
    const RACERS: u8 = 8;
    const EPOCHS: u64 = 40;
    on_each(|open| {
        let barrier = Arc::new(Barrier::new(usize::from(RACERS)));
        let wins: Vec<Vec<u64>> = thread::scope(|scope| {
            let race = |racer: u8| {
                let (register, barrier) = (open(), Arc::clone(&barrier));
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
            racers
                .into_iter()
                .map(|racer| racer.join().unwrap())
                .collect()
        });
        let mut all: Vec<u64> = wins.into_iter().flatten().collect();
        all.sort_unstable();
        assert_eq!(
            all,
            (1..=EPOCHS).collect::<Vec<_>>(),
            "each epoch was won exactly once"
        );
        assert_eq!(open().read().unwrap().unwrap().epoch, Epoch(EPOCHS));
    });
}

#[test]
fn a_memory_register_fails_as_told() {
    let register = MemoryRegister::new();
    register.set_unavailable(true);
    assert!(matches!(
        register.read(),
        Err(RegisterError::Unavailable(_))
    ));
    let swapped = register.compare_and_swap(None, name(1), None);
    assert!(
        matches!(swapped, Err(CasError::Unavailable(_))),
        "{swapped:?}"
    );
    register.set_unavailable(false);

    register.hide_next_outcome(UnknownOutcome::Lost);
    let swapped = register.compare_and_swap(None, name(1), None);
    assert!(matches!(swapped, Err(CasError::Unknown(_))), "{swapped:?}");
    assert_eq!(register.read(), Ok(None));

    register.hide_next_outcome(UnknownOutcome::Applied);
    let swapped = register.compare_and_swap(None, name(1), None);
    assert!(matches!(swapped, Err(CasError::Unknown(_))), "{swapped:?}");
    assert_eq!(
        register.confirm(name(1)).unwrap().unwrap().epoch(),
        Epoch(1)
    );
    assert_eq!(register.swaps(), 1);
}
