use super::*;

const BOUNDS: Bounds = Bounds {
    history: 100,
    waiting: 100,
};

fn at(offset: u64) -> Position {
    Position::ORIGIN.plus(offset)
}

fn delivered(stream: &mut Stream) -> Vec<u8> {
    let mut octets = Vec::new();
    stream.deliver(BOUNDS, |part| octets.extend_from_slice(part));
    octets
}

fn octets(from: u8, len: u8) -> Vec<u8> {
    (from..from + len).collect()
}

#[test]
fn octets_come_in_order() {
    let mut stream = Stream::new(at(0));
    assert_eq!(stream.insert(at(10), &octets(10, 10), BOUNDS).new, 10);
    assert!(delivered(&mut stream).is_empty());
    assert_eq!(stream.insert(at(0), &octets(0, 10), BOUNDS).new, 10);
    assert_eq!(delivered(&mut stream), octets(0, 20));
    assert_eq!(stream.waiting_octets(), 0);
}

#[test]
fn retransmitted_octets_are_compared_however_they_are_cut() {
    let mut stream = Stream::new(at(0));
    stream.insert(at(0), &octets(0, 30), BOUNDS);
    delivered(&mut stream);
    let arrival = stream.insert(at(7), &octets(7, 33), BOUNDS);
    assert_eq!(
        (arrival.repeated, arrival.compared, arrival.new),
        (23, 23, 10)
    );
    assert_eq!(arrival.conflict, None);
}

#[test]
fn different_octet_is_found_behind_the_front() {
    let mut stream = Stream::new(at(0));
    stream.insert(at(0), &octets(0, 30), BOUNDS);
    delivered(&mut stream);
    let mut again = octets(5, 10);
    again[3] = 99;
    let conflict = stream.insert(at(5), &again, BOUNDS).conflict;
    let expected = Conflict {
        at: at(8),
        first: 8,
        now: 99,
    };
    assert_eq!(conflict, Some(expected));
}

#[test]
fn different_octet_is_found_beyond_a_gap() {
    let mut stream = Stream::new(at(0));
    stream.insert(at(10), &octets(10, 5), BOUNDS);
    stream.insert(at(20), &octets(20, 5), BOUNDS);
    let mut again = octets(8, 20);
    again[14] = 77;
    again[6] = 55;
    let arrival = stream.insert(at(8), &again, BOUNDS);
    let expected = Conflict {
        at: at(14),
        first: 14,
        now: 55,
    };
    assert_eq!(arrival.conflict, Some(expected));
    assert_eq!(
        (arrival.new, arrival.repeated, arrival.compared),
        (10, 10, 8)
    );
}

#[test]
fn octets_older_than_the_history_count_as_uncompared() {
    let mut stream = Stream::new(at(0));
    for round in 0..3 {
        stream.insert(at(round * 50), &[1; 50], BOUNDS);
        delivered(&mut stream);
    }
    let arrival = stream.insert(at(40), &[1; 20], BOUNDS);
    assert_eq!((arrival.uncompared, arrival.compared), (10, 10));
    let arrival = stream.insert(at(0), &[2; 20], BOUNDS);
    assert_eq!((arrival.uncompared, arrival.conflict), (20, None));
}

#[test]
fn octets_beyond_the_bound_are_refused() {
    let mut stream = Stream::new(at(0));
    stream.insert(at(1), &[1; 100], BOUNDS);
    let arrival = stream.insert(at(200), &[1], BOUNDS);
    assert_eq!((arrival.refused, arrival.new), (1, 0));
    assert_eq!(stream.insert(at(0), &[1], BOUNDS).new, 1);
    assert_eq!(delivered(&mut stream).len(), 101);
}

#[test]
fn skipping_gives_up_each_gap_once() {
    let mut stream = Stream::new(at(0));
    stream.insert(at(10), &octets(10, 5), BOUNDS);
    stream.insert(at(20), &octets(20, 5), BOUNDS);
    assert_eq!(stream.skip_to(at(18)), Some(10));
    assert_eq!(delivered(&mut stream), octets(10, 5));
    assert_eq!(stream.skip_to(at(18)), Some(3));
    assert_eq!(stream.skip_to(at(18)), None);
    assert_eq!(stream.insert(at(14), &[0], BOUNDS).uncompared, 1);
    stream.insert(at(18), &octets(18, 2), BOUNDS);
    assert_eq!(delivered(&mut stream), octets(18, 7));
}
