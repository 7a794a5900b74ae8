use std::collections::BTreeSet;

use super::*;

#[test]
fn every_reason_has_a_place_a_name_and_a_sentence_of_its_own() {
    let places: Vec<_> = Refusal::ALL.iter().map(|reason| *reason as usize).collect();
    assert_eq!(places, (0..Refusal::ALL.len()).collect::<Vec<_>>());
    let names: BTreeSet<_> = Refusal::ALL.iter().map(|reason| reason.name()).collect();
    let sentences: BTreeSet<_> = Refusal::ALL.iter().map(Refusal::to_string).collect();
    assert_eq!(names.len(), Refusal::ALL.len());
    assert_eq!(sentences.len(), Refusal::ALL.len());
    assert!(names.iter().all(|name| {
        name.chars()
            .all(|c| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit())
    }));
}

#[test]
fn each_reason_is_counted_by_itself_and_the_last_is_remembered() {
    let refusals = Refusals::default();
    assert!(refusals.last().is_none());
    let from = "192.0.2.7:9".parse().unwrap();
    refusals.count(Refusal::OldTls, Some(from));
    refusals.add(Refusal::Busy, 3, None);
    refusals.add(Refusal::Expired, 0, None);
    assert_eq!(refusals.of(Refusal::OldTls), 1);
    assert_eq!(refusals.of(Refusal::Busy), 3);
    assert_eq!(refusals.counts().map(|(_, count)| count).sum::<u64>(), 4);
    let last = refusals.last().unwrap();
    assert_eq!((last.reason, last.from), (Refusal::Busy, None));
}
