//! An etcd that misbehaves, played by a few lines; the real one is in `tests/etcd.rs`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use super::*;

fn name(octet: u8) -> Incarnation {
    Incarnation::from_bytes([octet; 16])
}

/// Answers each connection with what `play` makes of the request's path; gives its URL.
fn server(play: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let play = Arc::new(play);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, play) = (stream.unwrap(), Arc::clone(&play));
            thread::spawn(move || {
                let text = request(&mut stream);
                play(text.split(' ').nth(1).unwrap_or_default(), &mut stream);
            });
        }
    });
    url
}

/// A request with its body: what is left unread makes a reset of the answer's end.
fn request(stream: &mut TcpStream) -> String {
    let mut octets = Vec::new();
    let mut piece = [0; 8192];
    loop {
        let text = String::from_utf8_lossy(&octets).into_owned();
        let lower = text.to_ascii_lowercase();
        if let Some((head, body)) = lower.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |value| value.trim().parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        match stream.read(&mut piece) {
            Ok(n) if n > 0 => octets.extend_from_slice(&piece[..n]),
            _ => return text,
        }
    }
}

fn answer(stream: &mut TcpStream, status: &str, body: &str) {
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
}

fn register(urls: &[String]) -> EtcdRegister {
    let mut config = EtcdConfig::new(urls.to_vec());
    config.answer_timeout = Duration::from_millis(100);
    EtcdRegister::open(&config).unwrap()
}

const EMPTY: &str = r#"{"header":{"cluster_id":"7","revision":"1"}}"#;

#[test]
fn what_is_no_endpoint_is_refused_at_the_beginning() {
    for url in [
        "",
        "127.0.0.1:2379",
        "ftp://127.0.0.1",
        "http://",
        "http://a:1/v3",
        "http://user:secret@a:1",
        "https://",
        "https://a:1/v3",
        "https://user:secret@a:1",
    ] {
        let opened = EtcdRegister::open(&EtcdConfig::new(vec![url.to_owned()]));
        assert!(opened.is_err(), "{url}");
    }
    assert!(EtcdRegister::open(&EtcdConfig::new(Vec::new())).is_err());
}

#[test]
fn a_password_goes_nowhere_in_the_clear() {
    let mut config = EtcdConfig::new(vec!["http://127.0.0.1:2379".to_owned()]);
    let password = zeroize::Zeroizing::new("sesame".to_owned());
    config.user = Some(EtcdUser::new("rp".to_owned(), password));
    let error = EtcdRegister::open(&config).unwrap_err().to_string();
    assert!(error.contains("goes to https:// only"), "{error}");
    let shown = format!("{error} {config:?}");
    assert!(!shown.contains("sesame"), "{shown}");
}

#[test]
fn answers_that_are_not_etcds_are_errors_of_one_line() {
    for (status, body) in [
        ("200 OK", "hello"),
        ("200 OK", "{}"),
        ("200 OK", "[1]"),
        ("200 OK", r#"{"header":{"cluster_id":"x"}}"#),
        ("200 OK", r#"{"header":{"cluster_id":"7"},"kvs":[]}"#),
        (
            "200 OK",
            r#"{"header":{"cluster_id":"7"},"kvs":[{"value":"!"}]}"#,
        ),
        (
            "200 OK",
            r#"{"header":{"cluster_id":"7"},"kvs":[{"value":"aGk="}]}"#,
        ),
        ("404 Not Found", "Not\nFound\u{1b}[31m"),
        ("302 Found", ""),
        (
            "503 Service Unavailable",
            r#"{"error":"etcdserver: no leader"}"#,
        ),
    ] {
        let url = server(move |_, stream| answer(stream, status, body));
        let error = register(&[url]).read().unwrap_err();
        assert!(matches!(error, RegisterError::Unavailable(_)), "{error:?}");
        let line = error.to_string();
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

#[test]
fn an_endless_answer_is_cut_off() {
    let url = server(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b' '; 4096]).is_ok() {}
    });
    assert!(register(&[url]).read().is_err());
    let url = server(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    assert!(register(&[url]).read().is_err());
}

#[test]
fn a_swap_without_an_answer_is_of_unknown_outcome() {
    for told in [None, Some("503 Service Unavailable"), Some("200 OK")] {
        let url = server(move |path, stream| match told {
            _ if path.ends_with("range") => answer(stream, "200 OK", EMPTY),
            Some(status) => answer(stream, status, "what?"),
            None => {}
        });
        let swapped = register(&[url]).compare_and_swap(None, name(1), None);
        assert!(matches!(swapped, Err(CasError::Unknown(_))), "{swapped:?}");
    }
}

#[test]
fn a_swap_that_was_refused_or_found_nobody_was_not_made() {
    let refuses = server(move |path, stream| match path.ends_with("range") {
        true => answer(stream, "200 OK", EMPTY),
        false => answer(stream, "403 Forbidden", r#"{"error":"permission denied"}"#),
    });
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for url in [refuses, nobody] {
        let swapped = register(&[url]).compare_and_swap(None, name(1), None);
        assert!(
            matches!(swapped, Err(CasError::Unavailable(_))),
            "{swapped:?}"
        );
    }
}

#[test]
fn a_member_of_another_etcd_gets_no_transaction() {
    let asked = Arc::new(AtomicUsize::new(0));
    let silent = server(|path, stream| {
        if path.ends_with("range") {
            answer(stream, "200 OK", EMPTY);
        }
    });
    let count = Arc::clone(&asked);
    let stranger = server(move |path, stream| {
        count.fetch_add(usize::from(path.ends_with("txn")), Ordering::SeqCst);
        answer(stream, "200 OK", &EMPTY.replace('7', "8"));
    });
    let register = register(&[silent, stranger]);
    assert_eq!(register.read(), Ok(None));
    let swapped = register.compare_and_swap(None, name(1), None);
    let Err(CasError::Unknown(why)) = swapped else {
        panic!("{swapped:?}");
    };
    assert!(why.contains("another etcd"), "{why}");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
