use super::*;

const ACK: u8 = 0x10;

fn seen(flags: u8, ack: u32, win: u16, tsval: Option<u32>) -> Seen {
    Seen {
        at: 0,
        src: "192.0.2.1:8080".parse().unwrap(),
        dst: "192.0.2.2:40001".parse().unwrap(),
        flags,
        seq: 1,
        ack,
        win,
        urg: 0,
        options: tsval
            .map(|value| Opt::Timestamps(value, 0))
            .into_iter()
            .collect(),
        text: Vec::new(),
    }
}

#[test]
fn a_right_edge_that_moves_left_is_told() {
    let mut watch = Watch::default();
    let id = ConnectionId(1);
    watch.look(id, 2, &seen(ACK, 100, 50, None)).unwrap();
    watch.look(id, 2, &seen(ACK, 200, 25, None)).unwrap();
    let told = watch.look(id, 2, &seen(ACK, 200, 24, None));
    assert_eq!(told, Err("the right edge moved left by 4".into()));
}

#[test]
fn a_tsval_that_goes_back_is_told() {
    let mut watch = Watch::default();
    let id = ConnectionId(1);
    watch.look(id, 0, &seen(ACK, 0, 9, Some(u32::MAX))).unwrap();
    watch.look(id, 0, &seen(ACK, 0, 9, Some(3))).unwrap();
    let told = watch.look(id, 0, &seen(ACK, 0, 9, Some(2)));
    assert_eq!(told, Err("TSval went back to 2".into()));
}

#[test]
fn resets_and_other_connections_do_not_count() {
    let mut watch = Watch::default();
    let id = ConnectionId(1);
    watch.look(id, 0, &seen(ACK, 100, 50, Some(7))).unwrap();
    let reset = seen(ACK | 0x04, 0, 0, Some(1));
    watch.look(id, 0, &reset).unwrap();
    let other = seen(ACK, 0, 0, Some(1));
    watch.look(ConnectionId(2), 0, &other).unwrap();
}
