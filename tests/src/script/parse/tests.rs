use crate::script::line::*;
use tcp_ha::engine::State;

fn one(line: &str) -> Line {
    let script = Script::parse("t", line).unwrap();
    assert_eq!(script.lines.len(), 1);
    script.lines[0].clone()
}

fn error(text: &str) -> String {
    Script::parse("t.pkt", text).unwrap_err()
}

#[test]
fn moments_are_read_in_each_of_their_forms() {
    let when = |text: &str| {
        let line = one(&format!("{text} takeover"));
        (line.when, line.until)
    };
    assert_eq!(when("0.100"), (When::At(100_000), None));
    assert_eq!(when("+.1"), (When::After(100_000), None));
    assert_eq!(when("+2"), (When::After(2_000_000), None));
    assert_eq!(when("*"), (When::Any, None));
    assert_eq!(when("+0~+.2"), (When::AfterBetween(0, 200_000), None));
    assert_eq!(when("1~2"), (When::AtBetween(1_000_000, 2_000_000), None));
    assert_eq!(when("0.1...0.2"), (When::At(100_000), Some(200_000)));
    for bad in ["+", "1s", "-1", "0.1234567", "+2~+1"] {
        assert!(
            error(&format!("{bad} takeover")).starts_with("t.pkt:1: "),
            "{bad}"
        );
    }
}

#[test]
fn a_segment_is_read_with_all_it_can_have() {
    let line = one(
        "+0 < SP.U 5:15(10) ack 7 win 100 urg 3 <mss 1000,nop,wscale 7,sackOK,TS val 1 ecr 2,sack 1:2 3:4,eol> // why",
    );
    let What::In(packet) = line.what else {
        panic!("{line:?}")
    };
    assert_eq!((packet.flags, packet.seq, packet.len), (0x3a, 5, 10));
    assert_eq!(
        (packet.ack, packet.win, packet.urg),
        (Some(7), Some(100), Some(3))
    );
    let expected = vec![
        Opt::Mss(1000),
        Opt::Nop,
        Opt::Wscale(7),
        Opt::SackOk,
        Opt::Timestamps(1, 2),
        Opt::Sack(vec![(1, 2), (3, 4)]),
        Opt::End,
    ];
    assert_eq!(packet.options, Options::Exactly(expected));
}

#[test]
fn a_call_is_read_with_its_arguments_and_its_error() {
    let line = one("0...0.2 setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4) = -1 EBADF (Bad file)");
    let What::Call(call) = line.what else {
        panic!("{line:?}")
    };
    assert_eq!(call.args, ["4", "SOL_TCP", "TCP_NODELAY", "[1]", "4"]);
    assert_eq!((call.value, call.errno.as_deref()), (-1, Some("EBADF")));
    assert_eq!(line.until, Some(200_000));
}

#[test]
fn lines_of_our_own_are_read() {
    assert_eq!(
        one("+0 state FIN-WAIT-2").what,
        What::State(State::FinWait2)
    );
    assert_eq!(
        one("+0 dropped paws 2").what,
        What::Dropped("paws".into(), 2)
    );
    let What::Icmp(icmp) = one("+0 < icmp unreachable frag_needed mtu 1200 [1:1001(1000)]").what
    else {
        panic!()
    };
    assert_eq!(
        (icmp.kind.as_str(), icmp.mtu, icmp.seq),
        ("frag_needed", Some(1200), 1)
    );
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    assert_eq!(
        error("+0 takeover\n\n+0 > . 1:5(3)"),
        "t.pkt:3: 1 and 3 octets do not end at 5"
    );
    assert_eq!(
        error("--mtu=1280\n--color=red"),
        "t.pkt:2: there is no setting --color"
    );
    assert_eq!(error("+0 state OPEN"), "t.pkt:1: there is no state OPEN");
    assert!(error("+0 < X 1:1(0)").contains("X is no flag"));
    assert!(error("+0 takeover\n--mtu=1280").contains("settings come before"));
}
