use super::*;

fn read(text: &str) -> Result<tcp_ha::engine::auth::SecurityTable, String> {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("security-{}-{number}.toml", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, text).unwrap();
    let table = read_security(&path);
    std::fs::remove_file(&path).unwrap();
    table
}

#[test]
fn keys_come_inline_from_files_and_from_the_environment() {
    let key = std::env::temp_dir().join(format!("key-{}", std::process::id()));
    std::fs::write(&key, "from a file\n").unwrap();
    let table = read(&format!(
        r#"
        [[security]]
        peer = "10.0.0.1"
        md5 = "inline"
        [[security]]
        peer = "10.0.0.0/24"
        md5 = {{ file = "{}" }}
        ttl_security = 1
        [[security]]
        peer = "fd99::/64"
        ao = [
            {{ id = 1, key = {{ env = "CARGO_PKG_NAME" }} }},
            {{ id = 2, receive_id = 3, key = "k", algorithm = "aes-128-cmac-96", covers_options = false, preferred = true }},
        ]
        "#,
        key.display()
    ));
    std::fs::remove_file(&key).unwrap();
    let table = table.unwrap();
    let of = |peer: &str| table.peer(peer.parse().unwrap()).unwrap().clone();
    let md5 = |text: &str| PeerKeys::Md5(Arc::new(Secret::new(text.as_bytes()).unwrap()));
    assert_eq!(of("10.0.0.1").keys, md5("inline"));
    assert_eq!(of("10.0.0.2").keys, md5("from a file"));
    assert_eq!(of("10.0.0.2").min_hop_limit(), 255);
    let PeerKeys::Ao(chain) = of("fd99::1").keys else {
        panic!("a chain");
    };
    assert_eq!(chain.keys()[0].secret.expose(), b"active-rp");
    assert_eq!(chain.preferred().recv_id, 3);
    assert_eq!(chain.preferred().algorithm, Algorithm::AesCmac);
    assert!(!chain.preferred().covers_options);
}

#[test]
fn mistakes_are_told_without_the_key() {
    for (text, word) in [
        ("peer = \"10.0.0.0/33\"", "no address or prefix"),
        ("peer = \"10.0.0.1\"\nmd5 = 4711", "did not match"),
        ("peer = \"10.0.0.1\"\nmd5 = \"\"", "1 to 80 octets"),
        (
            "peer = \"10.0.0.1\"\nmd5 = { env = \"NO_SUCH_KEY\" }",
            "NO_SUCH_KEY",
        ),
        ("peer = \"10.0.0.1\"\nmd5 = { file = \"/none\" }", "/none"),
        (
            "peer = \"10.0.0.1\"\nmd5 = \"4711\"\nao = [{ id = 1, key = \"4711\" }]",
            "keep one",
        ),
        (
            "peer = \"10.0.0.1\"\nao = [{ id = 1, key = \"4711\", algorithm = \"md4\" }]",
            "aes-128-cmac-96",
        ),
        (
            "peer = \"10.0.0.1\"\nao = [{ id = 1, key = \"4711\" }, { id = 1, key = \"4712\" }]",
            "twice",
        ),
        ("peer = \"10.0.0.1\"\nao = { id = \"4711\" }", ""),
        ("peer = \"10.0.0.1\"\nttl_security = 0", "hops"),
    ] {
        let error = read(&format!("[[security]]\n{text}\n")).unwrap_err();
        assert!(error.contains(word), "{text}: {error}");
        assert!(!error.contains("4711"), "{text}: {error}");
    }
}

#[test]
fn flags_name_peers_keys_and_hops() {
    let SecurityFlag(prefix, security) = "10.0.0.2,md5=k,ttl=1".parse().unwrap();
    assert_eq!(prefix.to_string(), "10.0.0.2");
    assert_eq!(security.ttl_security, Some(1));
    assert!(matches!(security.keys, PeerKeys::Md5(_)));
    let SecurityFlag(_, security) = "::/0,ao=1:k,ao=2:l".parse().unwrap();
    assert!(matches!(security.keys, PeerKeys::Ao(chain) if chain.preferred().send_id == 1));
    assert!("10.0.0.2,md5".parse::<SecurityFlag>().is_err());
    assert!("10.0.0.2,ao=k".parse::<SecurityFlag>().is_err());
}
