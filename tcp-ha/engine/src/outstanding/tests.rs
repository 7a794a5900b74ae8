use super::*;

const T: Instant = Instant::from_millis(1_000);

/// Segments of ten positions from 1 on, each sent a millisecond after the one before.
fn ten(count: u64) -> Outstanding {
    let mut outstanding = Outstanding::default();
    for at in 0..count {
        let sent_at = Instant::from_millis(1_000 + at);
        outstanding.push(1 + at * 10, 11 + at * 10, sent_at);
    }
    outstanding
}

fn sack(outstanding: &mut Outstanding, left: u64, right: u64) -> Taken {
    let mut taken = Taken::default();
    let prior = outstanding.high_sacked();
    outstanding.sack(left, right, prior, &mut taken, |_| ());
    taken
}

#[test]
fn an_ack_takes_whole_segments_and_cuts_the_next() {
    let mut outstanding = ten(4);
    let mut seen = Vec::new();
    let taken = outstanding.acknowledge(25, 0, |sent| seen.push(sent.start));
    assert_eq!((taken.acked, outstanding.len()), (2, 2));
    assert_eq!(seen, [1, 11]);
    assert_eq!(outstanding.head().unwrap().start, 25);
    let first_and_last = (T, T + core::time::Duration::from_millis(1));
    assert_eq!(taken.acked_sent, Some(first_and_last));
}

#[test]
fn only_whole_segments_count_as_sacked() {
    let mut outstanding = ten(4);
    assert_eq!(sack(&mut outstanding, 15, 31).sacked, 1);
    assert_eq!(sack(&mut outstanding, 15, 31).sacked, 0, "no news");
    assert_eq!(sack(&mut outstanding, 11, 16).sacked, 1, "completed");
    assert_eq!((outstanding.sacked(), outstanding.flight()), (2, 2));
}

#[test]
fn a_segment_sacked_below_another_came_late() {
    let mut outstanding = ten(4);
    assert_eq!(sack(&mut outstanding, 31, 41).late, None);
    assert_eq!(sack(&mut outstanding, 11, 21).late, Some(11));
    let taken = outstanding.acknowledge(41, 41, |_| ());
    assert_eq!(taken.late, Some(1));
    assert_eq!((taken.acked, outstanding.flight()), (2, 0));
}

#[test]
fn what_is_lost_is_repaired_in_order_and_once() {
    let mut outstanding = ten(4);
    outstanding.mark_lost(2);
    outstanding.mark_lost(0);
    outstanding.mark_lost(0);
    assert_eq!((outstanding.lost(), outstanding.flight()), (2, 2));
    assert_eq!(outstanding.next_repair(), Some(0));
    outstanding.note_retransmitted(0, T);
    assert_eq!(outstanding.next_repair(), Some(2));
    outstanding.note_retransmitted(2, T);
    assert_eq!(outstanding.next_repair(), None);
    assert_eq!((outstanding.retransmitted(), outstanding.flight()), (2, 4));
    outstanding.mark_lost(0);
    assert_eq!(outstanding.next_repair(), Some(0), "lost again");
    assert_eq!((outstanding.lost(), outstanding.flight()), (2, 3));
}

#[test]
fn segments_are_judged_in_the_order_of_their_sending() {
    let mut outstanding = ten(4);
    outstanding.mark_lost(1);
    outstanding.note_retransmitted(1, Instant::from_millis(2_000));
    let mut seen = Vec::new();
    outstanding.judge(|sent| {
        seen.push(sent.start);
        Verdict::Wait
    });
    assert_eq!(seen, [1, 21, 31, 11]);
    outstanding.judge(|sent| match sent.start {
        1 => Verdict::Lost,
        _ => Verdict::Later,
    });
    assert_eq!(outstanding.lost(), 2);
}

#[test]
fn a_cut_keeps_the_marks_of_both_parts() {
    let mut outstanding = ten(2);
    outstanding.mark_lost(0);
    outstanding.split(0, 4);
    assert_eq!((outstanding.len(), outstanding.lost()), (3, 2));
    assert_eq!(outstanding.at(1).unwrap().start, 4);
    outstanding.acknowledge(21, 0, |_| ());
    assert_eq!((outstanding.len(), outstanding.lost()), (0, 0));
}

#[test]
fn reneging_makes_sacked_segments_outstanding_again() {
    let mut outstanding = ten(3);
    sack(&mut outstanding, 11, 31);
    outstanding.forget_sacks();
    assert_eq!((outstanding.sacked(), outstanding.flight()), (0, 3));
    assert_eq!(sack(&mut outstanding, 11, 31).sacked, 2);
}

#[test]
fn duplicates_stand_for_segments_where_there_is_no_sack() {
    let mut outstanding = ten(5);
    for _ in 0..4 {
        assert!(!outstanding.add_duplicates(1));
    }
    assert!(outstanding.add_duplicates(1), "more than can have arrived");
    assert_eq!(outstanding.sacked(), 4);
    let taken = outstanding.acknowledge(31, 0, |_| ());
    assert_eq!(outstanding.consume_duplicates(taken.acked), 1);
    assert_eq!(outstanding.sacked(), 2);
}

/// Marks and counters against a plain model, whatever happens.
#[test]
fn counters_agree_with_the_records() {
    let mut seed = 1u64;
    let mut dice = move |bound: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % bound
    };
    let mut outstanding = Outstanding::default();
    let (mut una, mut max) = (1u64, 1u64);
    for turn in 0..20_000u64 {
        let now = Instant::from_millis(turn);
        match dice(8) {
            0..3 if outstanding.len() < 60 => {
                let len = 1 + dice(9);
                outstanding.push(max, max + len, now);
                max += len;
            }
            3 => {
                una = (una + dice(20)).min(max);
                outstanding.acknowledge(una, 0, |_| ());
            }
            4 => {
                let left = una + dice(100);
                sack(&mut outstanding, left, (left + dice(30)).min(max));
            }
            5 => outstanding.mark_lost(dice(60) as usize),
            6 => {
                if let Some(index) = outstanding.next_repair() {
                    outstanding.note_retransmitted(index, now);
                }
            }
            _ => {
                let bound = Instant::from_millis(turn.saturating_sub(dice(50)));
                outstanding.judge(|sent| match sent.sent_at > bound {
                    true => Verdict::Later,
                    false if sent.start % 3 == 0 => Verdict::Wait,
                    false => Verdict::Lost,
                });
            }
        }
        let all: Vec<Sent> = (0..).map_while(|at| outstanding.at(at).copied()).collect();
        let count = |of: fn(&Sent) -> bool| all.iter().filter(|sent| of(sent)).count() as u32;
        assert_eq!(outstanding.sacked(), count(|s| s.sacked));
        assert_eq!(outstanding.lost(), count(|s| s.lost));
        assert_eq!(outstanding.retransmitted(), count(|s| s.retransmitted));
        assert!(
            all.iter()
                .all(|s| !(s.sacked && (s.lost || s.retransmitted)))
        );
        let contiguous = all.windows(2).all(|pair| pair[0].end == pair[1].start);
        assert!(contiguous && all.first().is_none_or(|s| s.start == una));
        let waits = all.iter().position(|s| s.lost && !s.retransmitted);
        assert_eq!(outstanding.next_repair(), waits);
        assert!(outstanding.retransmissions.len() <= 2 * all.len() + 80);
    }
}
