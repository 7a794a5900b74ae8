use proptest::prelude::*;

use super::*;

fn built(records: &[(u16, Vec<u8>)]) -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    for (kind, body) in records {
        builder.record(*kind, |out| out.extend_from_slice(body));
    }
    builder
}

#[test]
fn the_octets_of_a_batch_are_these() {
    let octets = built(&[(0x0102, vec![0xaa, 0xbb]), (3, vec![])]).to_bytes(Lsn(7), 0x10);
    let expected = [
        7, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, // header
        2, 1, 2, 0, 0, 0, 0xaa, 0xbb, // first record
        3, 0, 0, 0, 0, 0, // second
    ];
    assert_eq!(octets, expected);
}

#[test]
fn a_barrier_is_a_batch_without_records() {
    let builder = BatchBuilder::new();
    let octets = builder.to_bytes(Lsn(1), 2);
    assert_eq!(octets.len(), builder.octets());
    let batch = Batch::parse(&octets).unwrap();
    assert!(batch.is_empty() && batch.records().next().is_none());
    assert_eq!((batch.lsn(), batch.time_us()), (Lsn(1), 2));
}

#[test]
fn a_cleared_builder_is_empty() {
    let mut builder = built(&[(1, vec![1, 2, 3])]);
    builder.clear();
    assert!(builder.is_empty());
    assert_eq!(builder.octets(), BatchBuilder::new().octets());
}

#[test]
#[should_panic(expected = "only appends")]
fn a_writer_that_shortens_the_buffer_is_caught() {
    BatchBuilder::new().record(1, Vec::clear);
}

#[test]
fn a_count_beyond_the_records_is_truncated() {
    let mut octets = built(&[(1, vec![5])]).to_bytes(Lsn(1), 0);
    octets[16] = 2;
    assert_eq!(
        Batch::parse(&octets),
        Err(BatchError::Truncated { whole: 1 })
    );
    octets[16..20].fill(0xff);
    assert_eq!(
        Batch::parse(&octets),
        Err(BatchError::Truncated { whole: 1 })
    );
}

#[test]
fn a_count_below_the_records_leaves_octets_over() {
    let mut octets = built(&[(1, vec![5]), (2, vec![])]).to_bytes(Lsn(1), 0);
    octets[16] = 1;
    assert_eq!(
        Batch::parse(&octets),
        Err(BatchError::Trailing { octets: 6 })
    );
}

#[test]
fn the_last_lsn_is_refused_since_none_can_follow() {
    let octets = built(&[]).to_bytes(Lsn(u64::MAX), 0);
    assert_eq!(Batch::parse(&octets), Err(BatchError::LastLsn));
}

#[test]
fn what_is_kept_pins_at_most_twice_as_much() {
    let octets = built(&[(1, vec![1; 60]), (2, vec![2; 10])]).to_bytes(Lsn(1), 0);
    let memory = octets.len();
    let shared = Bytes::from(octets);
    let batch = OwnedBatch::parse_shared(shared.clone(), memory).unwrap();
    let kept: Vec<_> = batch.records().map(|it| batch.keep(it.body)).collect();
    assert!(kept[0] == [1; 60][..] && kept[1] == [2; 10][..]);
    let lies_in = |piece: &Bytes| shared.as_ptr_range().contains(&piece.as_ptr());
    assert_eq!(kept.iter().map(lies_in).collect::<Vec<_>>(), [true, false]);
    let roomy = OwnedBatch::parse_shared(shared.clone(), 4 * memory).unwrap();
    let long = roomy.records().next().unwrap();
    assert!(
        !lies_in(&roomy.keep(long.body)),
        "the memory is larger than the batch"
    );
}

#[test]
fn a_finished_batch_has_room_for_a_header_before_it() {
    let mut builder = built(&[(1, vec![5, 6])]);
    let whole = builder.to_bytes(Lsn(3), 4);
    let finished = builder.finish(Lsn(3), 4);
    assert_eq!(finished[frame::HEADER_OCTETS..], whole);
    assert_eq!(builder.octets(), whole.len());
}

proptest! {
    #[test]
    fn records_come_back_in_order(
        records in proptest::collection::vec(
            (any::<u16>(), proptest::collection::vec(any::<u8>(), 0..50)), 0..20),
        lsn in 0..u64::MAX,
        time_us in any::<u64>(),
    ) {
        let builder = built(&records);
        let octets = builder.to_bytes(Lsn(lsn), time_us);
        prop_assert_eq!(octets.len(), builder.octets());
        let batch = OwnedBatch::parse(octets).unwrap();
        let read: Vec<_> = batch.records().map(|r| (r.kind, r.body.to_vec())).collect();
        prop_assert_eq!(read, records);
        prop_assert_eq!((batch.lsn(), batch.time_us()), (Lsn(lsn), time_us));
    }

    #[test]
    fn a_part_of_a_batch_is_no_batch(
        records in proptest::collection::vec(
            (any::<u16>(), proptest::collection::vec(any::<u8>(), 0..9)), 0..9),
        cut in any::<proptest::sample::Index>(),
    ) {
        let octets = built(&records).to_bytes(Lsn(1), 1);
        prop_assert!(Batch::parse(&octets[..cut.index(octets.len())]).is_err());
    }

    #[test]
    fn garbage_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(batch) = Batch::parse(&octets) {
            prop_assert_eq!(batch.records().count(), batch.len() as usize);
        }
    }
}
