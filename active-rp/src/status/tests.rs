use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

use tokio::sync::mpsc;

use super::*;
use crate::testing::TempDir;

/// A server whose node answers with what it was asked; refuses to switch over.
fn serve(path: &Path) -> (tokio::runtime::Runtime, PathBuf) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let server = {
        let _inside = runtime.enter();
        Server::bind(path).unwrap()
    };
    let (node, mut asked) = mpsc::channel::<Asked>(1);
    runtime.spawn(server.serve(node));
    runtime.spawn(async move {
        while let Some(Asked { request, answer }) = asked.recv().await {
            let answered = match request {
                Request::Switchover => Err("no standby".to_owned()),
                Request::Routes => Ok(format!("[{}0]", "0,".repeat(1 << 20))),
                other => Ok(format!("{{\"asked\":\"{other}\"}}")),
            };
            let _ = answer.send(answered);
        }
    });
    (runtime, path.to_owned())
}

fn raw(path: &Path, octets: &[u8]) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.write_all(octets).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn every_request_survives_its_line() {
    let file = || PathBuf::from("/tmp/with spaces");
    for request in [
        Request::Status,
        Request::Routes,
        Request::Switchover,
        Request::Wish(Wish::Unprotect(7)),
        Request::Wish(Wish::Protect(u64::MAX)),
        Request::Wish(Wish::Dismiss),
        Request::Originate {
            announce: true,
            file: file(),
        },
        Request::Originate {
            announce: false,
            file: file(),
        },
    ] {
        assert_eq!(request.to_string().parse(), Ok(request));
    }
}

#[test]
fn other_lines_are_refused_with_what_there_is() {
    for line in [
        "",
        "STATUS",
        "originate",
        "originate announce",
        "originate delete /x",
    ] {
        let error = line.parse::<Request>().unwrap_err();
        assert!(error.contains("originate announce FILE"), "{line}: {error}");
    }
    for line in ["unprotect c7", "protect -1", "unprotect "] {
        let error = line.parse::<Request>().unwrap_err();
        assert!(error.contains("by its id"), "{line}: {error}");
    }
    let error = "originate announce routes.txt"
        .parse::<Request>()
        .unwrap_err();
    assert!(error.contains("from the root"), "{error}");
}

#[test]
fn a_line_is_answered_with_one_document_and_the_end() {
    let dir = TempDir::new();
    let (_runtime, path) = serve(&dir.path().join("rp.sock"));
    assert_eq!(raw(&path, b"status\n"), "{\"asked\":\"status\"}\n");
    assert_eq!(raw(&path, b"status\r\nignored"), "{\"asked\":\"status\"}\n");
    assert_eq!(
        client::ask(&path, &Request::Status).unwrap(),
        "{\"asked\":\"status\"}"
    );
}

#[test]
fn a_reason_is_an_error_of_the_client() {
    let dir = TempDir::new();
    let (_runtime, path) = serve(&dir.path().join("rp.sock"));
    assert_eq!(
        client::ask(&path, &Request::Switchover),
        Err("no standby".to_owned())
    );
    assert_eq!(raw(&path, b"switchover\n"), "{\"error\":\"no standby\"}\n");
}

#[test]
fn bad_requests_are_answered_with_an_error() {
    let dir = TempDir::new();
    let (_runtime, path) = serve(&dir.path().join("rp.sock"));
    assert!(raw(&path, b"nonsense \"quoted\"\n").starts_with("{\"error\":"));
    assert!(raw(&path, b"\xff\xfe\n").contains("line of text"));
    assert!(raw(&path, &[b'x'; REQUEST_OCTETS_MAX + 512]).contains("at most 4096 octets"));
}

#[test]
fn a_silent_client_holds_up_nobody() {
    let dir = TempDir::new();
    let (_runtime, path) = serve(&dir.path().join("rp.sock"));
    let silent: Vec<_> = (0..10)
        .map(|_| UnixStream::connect(&path).unwrap())
        .collect();
    let asking: Vec<_> = (0..10)
        .map(|_| {
            let path = path.clone();
            thread::spawn(move || client::ask(&path, &Request::Status).unwrap())
        })
        .collect();
    for asked in asking {
        assert_eq!(asked.join().unwrap(), "{\"asked\":\"status\"}");
    }
    drop(silent);
}

#[test]
fn a_long_answer_arrives_whole() {
    let dir = TempDir::new();
    let (_runtime, path) = serve(&dir.path().join("rp.sock"));
    assert_eq!(
        client::ask(&path, &Request::Routes).unwrap().len(),
        2 * (1 << 20) + 3
    );
}

#[test]
fn a_name_in_use_is_refused_and_one_left_behind_is_taken_over() {
    let dir = TempDir::new();
    let path = dir.path().join("rp.sock");
    let (runtime, _) = serve(&path);
    let inside = runtime.enter();
    let error = Server::bind(&path).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
    let left = dir.path().join("left.sock");
    drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
    let server = Server::bind(&left).unwrap();
    let mode = std::fs::metadata(&left).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(server);
    assert!(!left.exists());
    drop(inside);
}

#[test]
fn nobody_there_is_one_clear_line() {
    let error = client::ask(Path::new("/nowhere/rp.sock"), &Request::Status).unwrap_err();
    assert!(error.starts_with("/nowhere/rp.sock: ") && error.contains("does the node run"));
}

#[test]
fn a_file_where_the_socket_should_be_is_left_alone() {
    let dir = TempDir::new();
    let path = dir.path().join("rp.sock");
    std::fs::write(&path, "precious").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    assert!(Server::bind(&path).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}
