//! The program `pcaps`, on files made by hand.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pcaps::craft::Conversation;
use pcaps::flow::Direction;
use pcaps::writer::CaptureWriter;

fn conversation() -> Conversation {
    let client = "10.99.0.2:40001".parse().expect("an address");
    let server = "10.99.0.1:179".parse().expect("an address");
    let mut conversation = Conversation::new(client, server);
    conversation
        .open()
        .exchange(Direction::FromServer, b"octets");
    conversation
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn write(name: &str, conversation: &Conversation) -> PathBuf {
    let path = path(name);
    let mut writer = CaptureWriter::new(File::create(&path).expect("a file")).expect("a writer");
    for frame in &conversation.frames {
        writer.write(&frame.record()).expect("written");
    }
    writer.finish().expect("a capture");
    path
}

fn pcaps(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pcaps"))
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn check(file: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let file = file.to_str().expect("a path in UTF-8");
    let output = pcaps(&[&["check", file], more].concat());
    (
        output.status.code(),
        String::from_utf8(output.stdout).expect("text"),
        String::from_utf8(output.stderr).expect("text"),
    )
}

#[test]
fn healthy_capture_exits_with_0() {
    let file = write("healthy.pcapng", &conversation());
    let (status, text, _) = check(&file, &["--us", "10.99.0.1"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.ends_with("verdict: pass\n"), "{text}");
}

#[test]
fn broken_rule_exits_with_1_and_names_the_packet() {
    let mut conversation = conversation();
    conversation.reset(Direction::FromClient);
    let file = write("reset.pcapng", &conversation);
    let (status, text, _) = check(&file, &[]);
    assert_eq!(status, Some(1), "{text}");
    assert!(
        text.contains("broken: packet 6 at 1.005000000: 10.99.0.2:40001 > 10.99.0.1:179: no RST"),
        "{text}"
    );
}

#[test]
fn json_carries_the_verdict() {
    let file = write("json.pcapng", &conversation());
    let (status, text, _) = check(&file, &["--json", "--us", "10.99.0.1"]);
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((status, &report["verdict"]), (Some(0), &"pass".into()));
    assert_eq!(report["sessions"][0]["syn_exchanges"], 1);
    assert_eq!(report["capture"]["first"], "1.000000000");
}

#[test]
fn unreadable_file_exits_with_2_and_one_line() {
    let text_file = path("text.pcap");
    std::fs::write(&text_file, "no capture").expect("written");
    for (file, reason) in [
        (text_file, "neither pcap nor pcapng"),
        (path("missing.pcap"), "No such file"),
    ] {
        let (status, _, error) = check(&file, &[]);
        assert_eq!(status, Some(2), "{error}");
        assert!(
            error.contains(reason) && error.lines().count() == 1,
            "{error}"
        );
    }
}

#[test]
fn capture_that_cannot_be_judged_in_full_exits_with_3() {
    let file = write("cut.pcapng", &conversation());
    let octets = std::fs::read(&file).expect("a file");
    std::fs::write(&file, &octets[..octets.len() - 5]).expect("written");
    let (status, text, _) = check(&file, &[]);
    assert_eq!(status, Some(3), "{text}");
    assert!(
        text.contains("not judged: the file ends within a packet"),
        "{text}"
    );
}

#[test]
fn converted_capture_gives_the_same_report() {
    let from = write("from.pcapng", &conversation());
    let to = path("to.pcapng");
    let output = pcaps(&[
        "convert",
        from.to_str().expect("a path"),
        to.to_str().expect("a path"),
    ]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(check(&from, &["--json"]), check(&to, &["--json"]));
}

#[test]
fn replay_tells_by_its_status_and_never_shows_the_key() {
    let mut conversation = conversation();
    let file = write("replay.pcapng", &conversation);
    let replay = |file: &Path, more: &[&str]| {
        let output = pcaps(&[&["replay", file.to_str().expect("a path")], more].concat());
        let text = String::from_utf8(output.stdout).expect("text");
        (output.status.code(), text)
    };
    let (status, text) = replay(&file, &["--md5-key", "secret-of-two"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.ends_with("verdict: pass\n") && !text.contains("secret"),
        "{text}"
    );
    let (status, text) = replay(&file, &["--json"]);
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        (status, &report["flows"][0]["client"]["received"]),
        (Some(0), &6.into())
    );
    conversation.frames.remove(0);
    let late = write("replay-late.pcapng", &conversation);
    assert_eq!(replay(&late, &[]).0, Some(3));
    assert_eq!(replay(&path("missing.pcapng"), &[]).0, Some(2));
}
