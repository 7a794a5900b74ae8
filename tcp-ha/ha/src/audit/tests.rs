use super::*;

fn digest(round: u64, start: u64, pieces: &[&[u8]]) -> (Digest, u64) {
    let len = pieces.iter().map(|piece| piece.len() as u64).sum();
    let mut digester = Digester {
        hasher: SipHasher13::new(),
        round,
        octets: 0,
    };
    digester.stretch(start, len, pieces.iter().copied());
    digester.end()
}

#[test]
fn how_octets_lie_in_memory_makes_no_difference() {
    let whole = digest(3, 7, &[b"abcdefghijklmnopqrs"]);
    assert_eq!(whole.1, 19);
    for cut in 0..19 {
        let (head, tail) = b"abcdefghijklmnopqrs".split_at(cut);
        assert_eq!(digest(3, 7, &[head, tail]), whole);
        assert_eq!(digest(3, 7, &[b"", head, b"", tail]), whole);
    }
}

#[test]
fn any_octet_place_and_length_make_a_difference() {
    let whole = digest(0, 7, &[b"abcdef"]).0;
    for other in [&b"abcdeg"[..], b"bbcdef", b"abcde", b"abcdef\0"] {
        assert_ne!(digest(0, 7, &[other]).0, whole);
    }
    assert_ne!(digest(0, 8, &[b"abcdef"]).0, whole);
}

#[test]
fn every_octet_of_a_long_range_is_covered_within_a_few_rounds() {
    let len = 2 * PIECE_OCTETS + 10;
    let plain = vec![1; len as usize];
    for spoiled in [0, PIECE_OCTETS, 2 * PIECE_OCTETS, len - 1] {
        let mut other = plain.clone();
        other[spoiled as usize] = 2;
        let finds = |round| digest(round, 0, &[&plain]).0 != digest(round, 0, &[&other]).0;
        assert_eq!((0..3).filter(|&round| finds(round)).count(), 1);
    }
    let covered: u64 = (5..8).map(|round| digest(round, 0, &[&plain]).1).sum();
    assert_eq!(covered, len);
    assert!((0..9).all(|round| digest(round, 0, &[&plain]).1 <= PIECE_OCTETS));
}

/// What an audit costs: `cargo test --release -p tcp-ha-core --lib cost -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn cost_of_a_digest() {
    use tcp_ha_engine::{Config, Effects, Engine, Instant, Secrets};
    let secrets = Secrets::from_bytes(&[7; Secrets::LEN]);
    let mut engine = Engine::new(Config::default(), secrets);
    let [local, remote] =
        ["10.0.0.1:0", "10.0.0.2:179"].map(|end| end.parse().expect("an address"));
    let now = Instant::from_millis(1_000);
    let opened = engine.connect(now, local, remote, Default::default(), &mut Effects::new());
    let id = opened.expect("a free port");
    let mut scratch = Vec::new();
    for octets in [0, 1_000, 100_000, PIECE_OCTETS as usize] {
        let (unread, rounds) = (vec![1; octets], 20_000_000 / (octets as u64 + 1_000));
        let began = std::time::Instant::now();
        let mut covered = 0;
        for round in 0..rounds {
            let state = engine.snapshot(id).expect("it is live");
            let outline = Outline {
                state: &state,
                send_mode: SendMode::Logged,
                application_sync: false,
                ready: true,
            };
            let mut digester = Digester::begin(Version::V1, round, &outline, &mut scratch);
            digester.stretch(0, octets as u64, core::iter::once(unread.as_slice()));
            let (digest, octets) = digester.end();
            covered = octets;
            core::hint::black_box(digest);
        }
        let each = began.elapsed().as_nanos() / u128::from(rounds);
        println!("{octets} octets held: {covered} covered, {each} ns");
    }
}
