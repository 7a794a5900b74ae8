use super::*;
use crate::testing::eventually;

fn local(family: &str) -> SocketAddr {
    family.parse().unwrap()
}

/// Connects to `to`, which listens.
fn connected(to: SocketAddr) -> TcpStream {
    let stream = begin_connecting(to).unwrap();
    eventually("a connection", || {
        outcome(&stream, to).unwrap().then_some(())
    });
    stream
}

#[test]
fn an_address_that_is_held_answers_only_once_it_is_listened_on() {
    for family in ["127.0.0.1:0", "[::1]:0"] {
        let bound = Bound::bind(local(family)).unwrap();
        let to = bound.address();
        assert_ne!(to.port(), 0);
        let refused = TcpStream::connect(to).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let listener = bound.listen().unwrap();
        connected(to);
        eventually("an accepted one", || listener.accept().ok());
    }
}

#[test]
fn an_address_that_is_held_is_held_by_one() {
    let bound = Bound::bind(local("127.0.0.1:0")).unwrap();
    let _listener = bound.listen().unwrap();
    let error = Bound::bind(bound.address()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(
        error.to_string().contains(&bound.address().to_string()),
        "{error}"
    );
}

#[test]
fn an_address_of_nobody_here_is_an_error_that_names_it() {
    let error = Bound::bind(local("192.0.2.1:4711")).unwrap_err();
    assert!(error.to_string().contains("192.0.2.1:4711"), "{error}");
}

#[test]
fn nobody_there_is_an_error_that_names_the_address() {
    let bound = Bound::bind(local("127.0.0.1:0")).unwrap();
    let to = bound.address();
    let told = begin_connecting(to).and_then(|stream| {
        eventually("an outcome", || match outcome(&stream, to) {
            Ok(false) => None,
            other => Some(other),
        })
    });
    let error = told.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(error.to_string().contains(&to.to_string()), "{error}");
}

#[test]
fn octets_go_both_ways_without_blocking() {
    let bound = Bound::bind(local("127.0.0.1:0")).unwrap();
    let listener = bound.listen().unwrap();
    let mut near = TcpTransport::from_stream(connected(bound.address())).unwrap();
    let (far, _) = eventually("an accepted one", || listener.accept().ok());
    let mut far = TcpTransport::from_stream(far).unwrap();
    let mut octets = [0; 8];
    assert_eq!(
        far.read(&mut octets).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    near.write(b"there").unwrap();
    assert_eq!(eventually("octets", || far.read(&mut octets).ok()), 5);
    far.write(b"back").unwrap();
    assert_eq!(eventually("octets", || near.read(&mut octets).ok()), 4);
    drop(far);
    assert_eq!(eventually("the end", || near.read(&mut octets).ok()), 0);
}
