use crate::script::{Script, run};

fn outcome(text: &str) -> Result<(), String> {
    let script = Script::parse("t.pkt", text).unwrap();
    run(&script).map_err(|failure| failure.to_string())
}

fn failure(text: &str) -> String {
    outcome(text).expect_err("the script must fail")
}

#[test]
fn a_script_that_comes_true_passes() {
    let text = "start ESTABLISHED\n+0 < P. 1:11(10) ack 1 win 65535\n+0 > . 1:1(0) ack 11\n+0 read(4, ..., 100) = 10\n+0 write(4, ..., 5) = 5\n+0 > P. 1:6(5) ack 11";
    outcome(text).unwrap();
}

#[test]
fn each_field_that_differs_is_named() {
    let text = "start ESTABLISHED\n+0 write(4, ..., 5) = 5\n+0 > F. 2:8(6) ack 7 win 1 urg 3";
    let said = failure(text);
    assert!(
        said.starts_with("t.pkt:3: +0 > F. 2:8(6) ack 7 win 1 urg 3\n"),
        "{said}"
    );
    assert!(
        said.contains("seen     0.000000: > P. 1:6(5) ack 1"),
        "{said}"
    );
    assert!(
        said.contains("differs in flags, seq, length, ack, win, urg"),
        "{said}"
    );
    let options =
        failure("start LISTEN\n+0 < S 0:0(0) win 1 <mss 1000>\n+0 > S. 0:0(0) ack 1 <mss 7>");
    assert!(options.contains("differs in options"), "{options}");
}

#[test]
fn push_is_compared_where_a_line_asks_for_it() {
    let text = "start ESTABLISHED\n+0 write(4, ..., 5) = 5\n+0 > . 1:6(5) ack 1";
    outcome(text).unwrap();
    let pure = "start ESTABLISHED\n+0 < F. 1:1(0) ack 1 win 9\n+0 > P. 1:1(0) ack 2";
    assert!(failure(pure).contains("differs in flags"));
}

#[test]
fn a_segment_that_no_line_speaks_of_fails_a_script() {
    let said = failure("start ESTABLISHED\n+0 < P. 1:11(10) ack 1 win 65535\n+0 state ESTABLISHED");
    assert!(
        said.contains("unexpected, at 0.000000: > . 1:1(0) ack 11"),
        "{said}"
    );
}

#[test]
fn a_segment_that_never_leaves_fails_a_script() {
    let said = failure("start ESTABLISHED\n+0.5 > . 1:1(0) ack 1");
    assert!(said.contains("nothing left"), "{said}");
}

#[test]
fn a_segment_at_the_wrong_time_fails_a_script() {
    let said =
        failure("start ESTABLISHED\n+0 < P. 1:11(10) ack 1 win 65535\n+.2 > . 1:1(0) ack 11");
    assert!(said.contains("differs in the time"), "{said}");
}

#[test]
fn a_wrong_result_a_wrong_state_and_a_wrong_field_fail_a_script() {
    assert!(failure("start ESTABLISHED\n+0 write(4, ..., 5) = 6").contains("Done(5)"));
    assert!(failure("start ESTABLISHED\n+0 state CLOSING").contains("the state is ESTABLISHED"));
    assert!(failure("start ESTABLISHED\n+0 info rcv_nxt == 1").contains("rcv_nxt is 0"));
    assert!(failure("start ESTABLISHED\n+0 info colour == 1").contains("there is no field colour"));
    assert!(failure("start ESTABLISHED\n+0 read(4, ..., 1) = 1").contains("the call blocks"));
}

#[test]
fn a_blocking_call_returns_when_it_says() {
    let connect = "0.1...0.3 connect(3, ..., ...) = 0\n0.1 > S 0:0(0) <...>\n0.3 < S. 0:0(0) ack 1 win 1000 <mss 1000>\n+0 > . 1:1(0) ack 1";
    let socket = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n";
    outcome(&format!("{socket}{connect}")).unwrap();
    let late = connect.replace("0.1...0.3", "0.1...0.2");
    let said = failure(&format!("{socket}{late}"));
    assert!(said.contains("returned at 0.300000"), "{said}");
}

#[test]
fn a_blocking_write_returns_when_all_of_it_has_room() {
    let text = "--send_capacity=4000\nstart ESTABLISHED\n+0...0.1 write(4, ..., 6000) = 6000\n+0 > . 1:1001(1000) ack 1\n+0 > . 1001:2001(1000) ack 1\n+0 > . 2001:3001(1000) ack 1\n+0 > . 3001:4001(1000) ack 1\n+.1 < . 1:1(0) ack 4001 win 65535\n+0 > . 4001:5001(1000) ack 1\n+0 > P. 5001:6001(1000) ack 1";
    outcome(text).unwrap();
    let said = failure(&text.replace("0...0.1", "0...0.2"));
    assert!(said.contains("returned at 0.100000"), "{said}");
}

#[test]
fn a_peek_leaves_the_octets_and_a_write_that_says_more_waits() {
    let text = "start ESTABLISHED\n+0 < P. 1:11(10) ack 1 win 65535\n+0 > . 1:1(0) ack 11\n+0 recv(4, ..., 4, MSG_PEEK) = 4\n+0 recv(4, ..., 100, 0) = 10\n+0 send(4, ..., 5, MSG_MORE) = 5\n+.1 send(4, ..., 5, 0) = 5\n+0 > P. 1:11(10) ack 11";
    outcome(text).unwrap();
}

#[test]
fn an_iss_can_be_chosen_so_that_numbers_wrap() {
    outcome("--iss=4294967290\n--peer_isn=4294967295\nstart ESTABLISHED\n+0 write(4, ..., 20) = 20\n+0 > P. 1:21(20) ack 1\n+0 < . 1:1(0) ack 21 win 65535\n+0 info snd_una == 20").unwrap();
}
