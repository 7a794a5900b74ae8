use super::table::{Interface, packetdrill_interface_init};
use core::mem::MaybeUninit;
use libc::{c_int, c_void};
use std::ffi::CString;
use tcp_ha_engine::SeqNum;
use tcp_ha_engine::options::Options;
use tcp_ha_engine::segment::{Flags, Header, Segment, emit};

const HOST: [u8; 4] = [192, 168, 0, 1];
const PEER: [u8; 4] = [192, 0, 2, 1];
const PORT: u16 = 8_080;

/// The interface as packetdrill holds it: the thread that made it runs the script.
struct Loaded(Interface);

// SAFETY: the functions lock the instance behind `userdata`, which lives as long as this.
unsafe impl Sync for Loaded {}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: `userdata` came from init and is not used again.
        unsafe { (self.0.free)(self.0.userdata) };
    }
}

fn load(flags: &str) -> Loaded {
    let flags = CString::new(flags).unwrap();
    let mut interface = MaybeUninit::uninit();
    // SAFETY: room for the interface, and a C string; init fills all of it.
    unsafe {
        packetdrill_interface_init(flags.as_ptr(), interface.as_mut_ptr());
        Loaded(interface.assume_init())
    }
}

fn address() -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: PORT.to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes(HOST),
        },
        sin_zero: [0; 8],
    }
}

impl Loaded {
    fn listener(&self) -> c_int {
        let (ifc, data) = (&self.0, self.0.userdata);
        let address = address();
        // SAFETY: an address of its length.
        unsafe {
            let fd = (ifc.socket)(data, libc::AF_INET, libc::SOCK_STREAM, 0);
            assert!(fd >= 0);
            let len = size_of_val(&address) as u32;
            assert_eq!((ifc.bind)(data, fd, (&raw const address).cast(), len), 0);
            assert_eq!((ifc.listen)(data, fd, 1), 0);
            fd
        }
    }

    fn inject(&self, seq: u32, ack: u32, flags: Flags, text: &[u8]) {
        let header = Header {
            src_port: 40_000,
            dst_port: PORT,
            seq: SeqNum(seq),
            ack: SeqNum(ack),
            flags,
            window: 30_000,
        };
        let mut tcp = Vec::new();
        let (src, dst) = (PEER.into(), HOST.into());
        emit(
            &mut tcp,
            src,
            dst,
            &header,
            &Options::default(),
            (text, &[]),
        );
        let mut packet = vec![0x45, 0];
        packet.extend((20 + tcp.len() as u16).to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        packet.extend(PEER);
        packet.extend(HOST);
        packet.extend(tcp);
        // SAFETY: as many octets as said.
        let sent =
            unsafe { (self.0.netdev_send)(self.0.userdata, packet.as_ptr().cast(), packet.len()) };
        assert_eq!(sent, 0);
    }

    /// The next packet's TCP header and its time in microseconds.
    fn sniff(&self) -> (Header, usize, i64) {
        let mut buffer = [0_u8; 2_000];
        let (mut count, mut time) = (buffer.len(), 0);
        // SAFETY: as much room as said.
        let status = unsafe {
            (self.0.netdev_receive)(
                self.0.userdata,
                buffer.as_mut_ptr().cast(),
                &mut count,
                &mut time,
            )
        };
        assert_eq!(status, 0);
        let segment = Segment::parse(&buffer[20..count]).expect("a TCP segment");
        (segment.header, segment.payload.len(), time)
    }

    fn handshake(&self, listener: c_int) -> (c_int, u32) {
        self.inject(0, 0, Flags::SYN, &[]);
        let (syn_ack, ..) = self.sniff();
        assert_eq!(syn_ack.flags, Flags::SYN.with(Flags::ACK));
        let ack = syn_ack.seq.0.wrapping_add(1);
        self.inject(1, ack, Flags::ACK, &[]);
        let null = core::ptr::null_mut::<c_void>();
        // SAFETY: null stands for no address wanted.
        let fd = unsafe { (self.0.accept)(self.0.userdata, listener, null.cast(), null.cast()) };
        assert!(fd >= 0);
        (fd, ack)
    }

    fn now(&self) -> i64 {
        let mut time = libc::timeval {
            tv_sec: 0,
            tv_usec: 0,
        };
        // SAFETY: a place for the time.
        let status =
            unsafe { (self.0.gettimeofday)(self.0.userdata, &mut time, core::ptr::null_mut()) };
        assert_eq!(status, 0);
        time.tv_sec * 1_000_000 + time.tv_usec
    }
}

#[test]
fn a_handshake_and_a_write_over_the_interface() {
    let loaded = load("");
    let listener = loaded.listener();
    let (fd, iss) = loaded.handshake(listener);
    let text = b"hello";
    // SAFETY: as many octets as said.
    let written =
        unsafe { (loaded.0.write)(loaded.0.userdata, fd, text.as_ptr().cast(), text.len()) };
    assert_eq!(written, 5);
    let (header, len, _) = loaded.sniff();
    assert_eq!((header.seq.0, len), (iss, 5));
}

#[test]
fn asking_for_the_time_passes_a_microsecond() {
    let loaded = load("");
    let before = loaded.now();
    assert_eq!(loaded.now(), before + 1);
}

#[test]
fn waiting_for_a_packet_passes_the_time_until_it_comes() {
    let loaded = load("");
    let listener = loaded.listener();
    loaded.inject(0, 0, Flags::SYN, &[]);
    let (_, _, first) = loaded.sniff();
    let (_, _, again) = loaded.sniff();
    assert_eq!(again - first, 1_000_000, "the SYN-ACK after the first RTO");
    let _ = listener;
}

#[test]
fn a_blocked_read_ends_with_the_packet_it_waited_for() {
    let loaded = load("");
    let listener = loaded.listener();
    let (fd, ack) = loaded.handshake(listener);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let whole = &loaded;
            let mut buffer = [0_u8; 10];
            // SAFETY: as much room as said.
            let count = unsafe {
                (whole.0.read)(
                    whole.0.userdata,
                    fd,
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                )
            };
            (count, whole.now())
        });
        // SAFETY: nothing but a number.
        unsafe { (loaded.0.usleep)(loaded.0.userdata, 1_000) };
        let at = loaded.now();
        loaded.inject(1, ack, Flags::ACK.with(Flags::PSH), b"data");
        // SAFETY: nothing but a number.
        unsafe { (loaded.0.usleep)(loaded.0.userdata, 1_000_000) };
        let (count, ended) = reader.join().unwrap();
        assert_eq!(count, 4);
        assert!(ended >= at, "it ended at {ended}, before {at}");
    });
}

#[test]
fn null_pointers_are_faults() {
    let loaded = load("");
    let listener = loaded.listener();
    let (fd, _) = loaded.handshake(listener);
    let (ifc, data) = (&loaded.0, loaded.0.userdata);
    let null = core::ptr::null_mut::<c_void>();
    // SAFETY: null is what is tried.
    let results = unsafe {
        [
            (ifc.write)(data, fd, null, 10),
            (ifc.read)(data, fd, null, 10),
            (ifc.readv)(data, fd, null.cast(), 1),
            (ifc.recvmsg)(data, fd, null.cast(), 0),
            (ifc.sendmsg)(data, fd, null.cast(), 0),
            (ifc.setsockopt)(data, fd, libc::SOL_SOCKET, libc::SO_SNDBUF, null, 4) as isize,
            (ifc.poll)(data, null.cast(), 1, 0) as isize,
        ]
    };
    assert_eq!(results, [-1; 7]);
    // SAFETY: errno of this thread.
    assert_eq!(unsafe { *libc::__errno_location() }, libc::EFAULT);
}

#[test]
fn a_silent_host_gives_something_that_is_no_packet() {
    let loaded = load("");
    let _listener = loaded.listener();
    let mut buffer = [0_u8; 2_000];
    let (mut count, mut time) = (buffer.len(), 0);
    // SAFETY: as much room as said.
    let status = unsafe {
        (loaded.0.netdev_receive)(
            loaded.0.userdata,
            buffer.as_mut_ptr().cast(),
            &mut count,
            &mut time,
        )
    };
    assert_eq!((status, count), (0, 1));
}
