use super::*;

#[test]
fn a_frame_reaches_everybody_else_and_wakes_them() {
    let segment = MemorySegment::new(1500);
    let (station, other) = (segment.station(), segment.station());
    let mut device = segment.device();
    let mut buf = [0; 2000];
    assert_eq!(
        device.receive(&mut buf).unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
    station.send(b"frame");
    assert!(readable(&device));
    assert_eq!(device.receive(&mut buf).unwrap().len, 5);
    assert_eq!(&buf[..5], b"frame");
    assert_eq!(other.receive().as_deref(), Some(&b"frame"[..]));
    assert_eq!(station.receive(), None, "nobody hears itself");
    assert_eq!(
        device.receive(&mut buf).unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
    assert!(!readable(&device), "an emptied device is quiet");
}

fn readable(device: &MemoryDevice) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let fd = device.fd().unwrap();
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    poll(
        &mut fds,
        Some(&Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        }),
    )
    .unwrap()
        == 1
}

#[test]
fn a_name_is_one_segment_for_the_whole_process() {
    let mut device = MemorySegment::named("memory-test").device();
    MemorySegment::named("memory-test").station().send(b"x");
    assert_eq!(device.receive(&mut [0; 10]).unwrap().len, 1);
    drop(device);
    let late = MemorySegment::named("memory-test").station();
    assert_eq!(late.receive(), None);
}

#[test]
fn a_full_port_loses_frames_and_nothing_else() {
    let segment = MemorySegment::new(1500);
    let (station, slow) = (segment.station(), segment.station());
    for _ in 0..PORT_CAPACITY + 10 {
        station.send(b"x");
    }
    let arrived = std::iter::from_fn(|| slow.receive()).count();
    assert_eq!(arrived, PORT_CAPACITY);
}
