use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::testing::TempDir;

fn order(dir: &Path) -> Order {
    Order::new("lab".parse().unwrap(), dir)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_pair_gets_an_authority_and_two_nodes_whose_keys_are_their_owner_s_alone() {
    let dir = TempDir::new();
    let made = make(&order(dir.path())).unwrap();
    let names: Vec<_> = made
        .files
        .iter()
        .map(|file| file.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["ca.key", "ca.crt", "a.key", "a.crt", "b.key", "b.crt"]
    );
    for file in &made.files {
        let secret = file.extension().unwrap() == "key";
        assert_eq!(
            mode(file),
            if secret { 0o600 } else { 0o644 },
            "{}",
            file.display()
        );
    }
    let days = made.expires.days_since(Moment::now());
    assert!((3648..=3650).contains(&days), "{days}");
}

#[test]
fn nothing_is_written_over_and_nothing_is_made_beside() {
    let dir = TempDir::new();
    make(&order(dir.path())).unwrap();
    let key = fs::read(dir.path().join("b.key")).unwrap();
    let mut more = order(dir.path());
    more.nodes = vec!["c".to_owned(), "b".to_owned()];
    let error = make(&more).unwrap_err().to_string();
    assert!(
        error.contains("b.crt") && error.contains("is there already"),
        "{error}"
    );
    assert!(!dir.path().join("c.key").exists());
    assert_eq!(fs::read(dir.path().join("b.key")).unwrap(), key);
}

#[test]
fn a_further_node_is_issued_by_the_authority_that_is_there() {
    let dir = TempDir::new();
    let fresh = TempDir::new();
    make(&order(dir.path())).unwrap();
    let mut renewal = order(fresh.path());
    renewal.authority = dir.path().to_owned();
    let made = make(&renewal).unwrap();
    assert_eq!(made.files.len(), 4, "{:?}", made.files);
    Credentials::load(&renewal.files("a"), &renewal.pair).unwrap();
}

#[test]
fn an_authority_of_another_pair_is_noticed() {
    let dir = TempDir::new();
    let other = TempDir::new();
    make(&order(other.path())).unwrap();
    let mut order = Order::new("field".parse().unwrap(), dir.path());
    order.authority = other.path().to_owned();
    let error = make(&order).unwrap_err().to_string();
    assert!(error.contains("not issued by the authority"), "{error}");
}

#[test]
fn half_an_authority_is_none() {
    let dir = TempDir::new();
    make(&order(dir.path())).unwrap();
    fs::remove_file(dir.path().join("ca.key")).unwrap();
    let mut more = order(dir.path());
    more.nodes = vec!["c".to_owned()];
    let error = make(&more).unwrap_err().to_string();
    assert!(error.contains("ca.key: missing"), "{error}");
}

#[test]
fn names_that_are_no_files_are_refused() {
    let dir = TempDir::new();
    for nodes in [
        vec!["../x"],
        vec![""],
        vec!["ca"],
        vec!["a", "a"],
        vec![".a"],
        vec![],
    ] {
        let mut order = order(dir.path());
        order.nodes = nodes.iter().map(ToString::to_string).collect();
        assert!(make(&order).is_err(), "{nodes:?}");
    }
    let mut order = order(dir.path());
    order.days = 0;
    assert!(make(&order).unwrap_err().to_string().contains("1 to 36500"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_member_of_etcd_gets_a_certificate_for_its_hosts_which_opens_no_channel() {
    let dir = TempDir::new();
    let mut order = order(dir.path());
    order.nodes = Vec::new();
    order.members = vec!["e1=192.0.2.3,2001:db8::3,etcd.example.net".parse().unwrap()];
    let made = make(&order).unwrap();
    assert_eq!(made.files.len(), 4, "{:?}", made.files);
    assert_eq!(mode(&dir.path().join("e1.key")), 0o600);
    let days = made.expires.days_since(Moment::now());
    assert!((3648..=3650).contains(&days), "{days}");
    let error = Credentials::load(&order.files("e1"), &order.pair).unwrap_err();
    assert!(error.what.contains("not of the pair"), "{error}");
}

#[test]
fn a_member_by_an_authority_of_another_pair_is_noticed() {
    let dir = TempDir::new();
    let other = TempDir::new();
    make(&order(other.path())).unwrap();
    let mut order = Order::new("field".parse().unwrap(), dir.path());
    order.nodes = Vec::new();
    order.members = vec!["e1=192.0.2.3".parse().unwrap()];
    order.authority = other.path().to_owned();
    let error = make(&order).unwrap_err().to_string();
    assert!(error.contains("not issued by the authority"), "{error}");
}

#[test]
fn what_names_no_host_is_no_member() {
    let many = format!("e1={}", vec!["192.0.2.3"; 17].join(","));
    for text in ["e1", "e1=", "e1=a b", "e1=192.0.2.3:2379", "e1=a,,b", &many] {
        assert!(text.parse::<EtcdMember>().is_err(), "{text}");
    }
}
