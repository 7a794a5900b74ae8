use super::*;
use crate::testing::{TempDir, eventually};

const ME: Incarnation = Incarnation::from_bytes([0x5a; 16]);

fn accepted(listener: &UnixListener) -> UnixTransport {
    eventually("a connection", || listener.accept().ok())
}

#[test]
fn two_ends_talk_without_blocking() {
    let dir = TempDir::new();
    let listener = UnixListener::bind(dir.path(), ME).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let mut near = UnixTransport::connect(dir.path(), ME).unwrap();
    let mut far = accepted(&listener);
    let mut octets = [0; 16];
    assert_eq!(
        far.read(&mut octets).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    near.write(b"hello").unwrap();
    let came = eventually("octets", || far.read(&mut octets).ok());
    assert_eq!(&octets[..came], b"hello");
    assert!(near.fd().is_some());
    drop(near);
    assert_eq!(eventually("the end", || far.read(&mut octets).ok()), 0);
}

#[test]
fn a_full_socket_would_block_and_holds_a_good_deal() {
    let dir = TempDir::new();
    let listener = UnixListener::bind(dir.path(), ME).unwrap();
    let mut near = UnixTransport::connect(dir.path(), ME).unwrap();
    let _far = accepted(&listener);
    let chunk = vec![0; 64 << 10];
    let mut written = 0;
    let error = loop {
        match near.write(&chunk) {
            Ok(octets) => written += octets,
            Err(error) => break error,
        }
        assert!(written < 1 << 30, "never full");
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(written >= 128 << 10, "{written}");
}

#[test]
fn a_name_left_behind_is_bound_again() {
    let dir = TempDir::new();
    let path = socket_path(dir.path(), ME).unwrap();
    drop(net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let listener = UnixListener::bind(dir.path(), ME).unwrap();
    UnixTransport::connect(dir.path(), ME).unwrap();
    assert_eq!(listener.path(), path);
}

#[test]
fn a_removed_name_is_noticed_and_bound_again() {
    let dir = TempDir::new();
    let mut listener = UnixListener::bind(dir.path(), ME).unwrap();
    let mut near = UnixTransport::connect(dir.path(), ME).unwrap();
    let mut far = accepted(&listener);
    assert!(listener.still_there());
    fs::remove_file(listener.path()).unwrap();
    assert!(!listener.still_there());
    listener.rebind().unwrap();
    assert!(listener.still_there());
    UnixTransport::connect(dir.path(), ME).unwrap();
    accepted(&listener);
    near.write(b"x").unwrap();
    assert_eq!(
        eventually("an octet", || far.read(&mut [0; 4]).ok()),
        1,
        "connections stay"
    );
}

#[test]
fn a_name_that_is_another_s_now_is_left_alone() {
    let dir = TempDir::new();
    let listener = UnixListener::bind(dir.path(), ME).unwrap();
    let path = listener.path().to_owned();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "of another").unwrap();
    assert!(!listener.still_there());
    drop(listener);
    assert_eq!(fs::read_to_string(&path).unwrap(), "of another");
}

#[test]
fn the_name_goes_with_the_listener_and_is_ours_alone() {
    let dir = TempDir::new();
    let listener = UnixListener::bind(dir.path(), ME).unwrap();
    let path = listener.path().to_owned();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    drop(listener);
    assert!(!path.exists());
}

#[test]
fn nobody_there_is_an_error_that_names_the_socket() {
    let dir = TempDir::new();
    let error = UnixTransport::connect(dir.path(), ME).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains(&ME.to_string()), "{error}");
}

#[test]
fn a_directory_too_long_for_a_socket_is_said_so() {
    let dir = PathBuf::from(format!("/tmp/{}", "x".repeat(100)));
    let error = UnixListener::bind(&dir, ME).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("shorter directory"), "{error}");
}
