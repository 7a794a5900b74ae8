use super::*;

#[test]
fn frames_leave_in_order() {
    let mut frames = Frames::new();
    for octet in 1..=3 {
        frames.push(|buf| buf.push(octet));
    }
    let octets: Vec<u8> = frames.drain().map(|frame| frame.octets()[0]).collect();
    assert_eq!(octets, [1, 2, 3]);
    assert!(frames.is_empty());
}

#[test]
fn a_recycled_buffer_is_used_again_and_empty() {
    let mut frames = Frames::new();
    frames.push(|buf| buf.extend_from_slice(&[7; 100]));
    let frame = frames.drain().next().unwrap();
    let place = frame.octets().as_ptr();
    frames.recycle(frame);
    frames.push(|buf| {
        assert!(buf.is_empty());
        buf.push(1);
    });
    assert_eq!(frames.drain().next().unwrap().octets().as_ptr(), place);
}

#[test]
fn the_pool_is_bounded() {
    let mut frames = Frames::with_spare_limit(2);
    for _ in 0..10 {
        frames.push(|buf| buf.push(0));
    }
    let all: Vec<Frame> = frames.drain().collect();
    for frame in all {
        frames.recycle(frame);
    }
    assert_eq!(frames.spare.len(), 2);
    frames.recycle(Frame::whole(Vec::with_capacity(FRAME_CAPACITY_KEPT * 2)));
    assert_eq!(frames.spare.len(), 2);
}

#[test]
fn an_empty_frame_is_no_frame() {
    let mut frames = Frames::new();
    frames.push(|_| {});
    assert!(frames.is_empty());
}

#[test]
fn a_frame_built_before_a_segment_gives_the_segments_memory_back() {
    let mut frames = Frames::new();
    frames.push_built(Built {
        buffer: vec![9; 100],
        start: 40,
        left: Some(34),
        cut: None,
        text: Vec::new(),
    });
    frames.push(|buf| buf.push(0));
    let mut all = frames.drain();
    let built = all.next().unwrap();
    assert_eq!(
        (built.octets().len(), built.left_checksum()),
        (60, Some(34))
    );
    assert_eq!(built.into_segment_memory().map(|it| it.len()), Ok(100));
    assert!(all.next().unwrap().into_segment_memory().is_err());
}
