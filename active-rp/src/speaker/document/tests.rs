use bgp_demo::routes::parse;

use super::*;

fn view(line: &str, from: Option<&str>) -> RouteView {
    let route = parse(line).unwrap().remove(0);
    let mut table = bgp_demo::attributes::Interner::default();
    RouteView {
        prefix: route.prefix,
        from: from.map(|address| address.parse().unwrap()),
        attributes: table.intern(route.attributes),
    }
}

#[test]
fn a_route_says_what_operators_look_for() {
    let views = [
        view("10.1.0.0/16 192.0.2.1 65001:7", Some("192.0.2.9")),
        view("2001:db8::/32 2001:db8::1", None),
    ];
    let document: Value = serde_json::from_str(&routes(&views).unwrap()).unwrap();
    let expected = json!([
        {"prefix": "10.1.0.0/16", "from": "192.0.2.9", "next_hop": "192.0.2.1", "origin": "igp",
         "as_path": "", "communities": ["65001:7"]},
        {"prefix": "2001:db8::/32", "from": null, "next_hop": "2001:db8::1", "origin": "igp",
         "as_path": ""},
    ]);
    assert_eq!(document, expected);
}

#[test]
fn a_path_is_written_as_operators_write_it() {
    let path = [
        AsSegment::Sequence(Box::new([65001, 7])),
        AsSegment::Set(Box::new([1, 2])),
    ];
    assert_eq!(as_path(&path), "65001 7 {1,2}");
}

#[test]
fn a_takeover_tells_of_stack_and_speaker() {
    let stack = TakeoverStatus {
        how: tcp_ha::How::TakeOver,
        sign: "death",
        seen_us: 7,
        claim_us: 40,
        built_us: 50,
        speak_us: 60,
        taken: 3,
        left_behind: 1,
    };
    let document = takeover(&stack, None);
    assert_eq!(
        (&document["kind"], &document["first_segment_us"]),
        (&"take-over".into(), &90.into())
    );
    assert_eq!(document["updates_after"], Value::Null);
    let speaker = Promotion {
        epoch: 3,
        streams: 3,
        sessions: 2,
        differences: 5,
        updates_sent: 4,
        took: core::time::Duration::from_micros(70),
    };
    let document = takeover(&stack, Some(&speaker));
    assert_eq!(
        (&document["updates_after"], &document["speaker_us"]),
        (&4.into(), &70.into())
    );
}
