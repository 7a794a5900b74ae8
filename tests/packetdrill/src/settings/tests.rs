use super::*;

#[test]
fn the_last_word_on_a_name_counts() {
    let settings = Settings::parse(
        "net.ipv4.tcp_timestamps=1\n/proc/sys/net/ipv4/tcp_timestamps=0\nnonsense\n",
    );
    let mut config = HostConfig::default();
    settings.apply(&mut config);
    assert!(!config.engine.timestamps);
    assert!(config.engine.sack);
}

#[test]
fn the_largest_receive_buffer_decides_the_window_scale() {
    let mut config = HostConfig::default();
    Settings::parse("net.ipv4.tcp_rmem=4096 540000 15728640").apply(&mut config);
    assert_eq!(config.engine.receive_capacity, 15_728_640);
}
