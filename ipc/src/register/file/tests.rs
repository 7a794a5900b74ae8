use super::*;
use crate::testing::TempDir;

fn name(octet: u8) -> Incarnation {
    Incarnation::from_bytes([octet; 16])
}

fn register() -> (TempDir, FileRegister) {
    let dir = TempDir::new();
    let register = FileRegister::open(dir.path().join("register")).unwrap();
    (dir, register)
}

fn names(register: &FileRegister) -> Vec<String> {
    let items = fs::read_dir(register.dir()).unwrap();
    let mut names: Vec<String> = items
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_entry_is_text_with_a_checksum() {
    let (_dir, register) = register();
    register
        .compare_and_swap(None, name(0xab), Some(name(1)))
        .unwrap();
    let text = fs::read_to_string(register.path(Epoch(1))).unwrap();
    let body = "tcp-ha register 1\nepoch 1\nactive abababababababababababababababab\n\
                standby 01010101010101010101010101010101\n";
    assert_eq!(text, format!("{body}checksum aeb3919b\n"));
}

#[test]
fn a_swap_leaves_one_file_and_nothing_else() {
    let (_dir, register) = register();
    register.compare_and_swap(None, name(1), None).unwrap();
    assert!(register.compare_and_swap(None, name(2), None).is_err());
    assert_eq!(names(&register), ["00000000000000000001"]);
}

#[test]
fn garbage_is_an_error_that_names_the_file_and_is_never_passed_over() {
    let (_dir, register) = register();
    register.compare_and_swap(None, name(1), None).unwrap();
    let good = fs::read_to_string(register.path(Epoch(1))).unwrap();
    let path = register.path(Epoch(2));
    let wrong_epoch = good.clone();
    for garbage in [
        String::new(),
        "nonsense\n".to_owned(),
        good[..good.len() - 1].to_owned(),
        good.replace("none", "nome"),
        format!("{good}more\n"),
        "x".repeat(5000),
        wrong_epoch,
    ] {
        fs::write(&path, &garbage).unwrap();
        let Err(RegisterError::Corrupt(why)) = register.read() else {
            panic!("{garbage:?}")
        };
        assert!(
            why.contains(path.to_str().unwrap()) && !why.contains('\n'),
            "{why}"
        );
        assert!(matches!(
            register.confirm(name(1)),
            Err(RegisterError::Corrupt(_))
        ));
        let swapped = register.compare_and_swap(Some(Epoch(1)), name(1), None);
        assert!(
            matches!(swapped, Err(CasError::Unavailable(_))),
            "{swapped:?}"
        );
    }
}

#[test]
fn a_checksum_does_not_make_nonsense_an_entry() {
    let sealed = |body: &str| format!("{body}checksum {:08x}\n", crc32fast::hash(body.as_bytes()));
    let name = name(1);
    for body in [
        "tcp-ha register 2\n".to_owned(),
        "tcp-ha register 1\n".to_owned(),
        "tcp-ha register 1\nepoch many\n".to_owned(),
        format!("tcp-ha register 1\nepoch 1\nactive {name}\n"),
        "tcp-ha register 1\nepoch 1\nactive me\nstandby none\n".to_owned(),
        format!("tcp-ha register 1\nepoch 1\nactive {name}\nstandby you\n"),
    ] {
        assert!(parse(sealed(&body).as_bytes()).is_err(), "{body:?}");
    }
}

#[test]
fn old_entries_are_removed_and_the_newest_stands() {
    let (_dir, register) = register();
    let mut expected = None;
    for _ in 0..KEPT_ENTRIES + 10 {
        let tenure = register.compare_and_swap(expected, name(1), None).unwrap();
        expected = Some(tenure.epoch());
    }
    assert_eq!(names(&register).len() as u64, KEPT_ENTRIES);
    assert_eq!(
        register.read().unwrap().unwrap().epoch,
        Epoch(KEPT_ENTRIES + 10)
    );
}

#[test]
fn who_slept_through_many_epochs_does_not_win_a_removed_name() {
    let (_dir, register) = register();
    let mut expected = None;
    for _ in 0..KEPT_ENTRIES + 10 {
        expected = Some(
            register
                .compare_and_swap(expected, name(1), None)
                .unwrap()
                .epoch(),
        );
    }
    // It had read epoch 1, and the name of epoch 2 is free again.
    let late = Entry {
        epoch: Epoch(2),
        active: name(2),
        standby: None,
    };
    assert!(!register.path(Epoch(2)).exists());
    let Err(CasError::Lost(Some(entry))) = register.publish(late) else {
        panic!("won")
    };
    assert_eq!(Some(entry.epoch), expected);
    assert_eq!(register.read().unwrap().unwrap().active, name(1));
}

#[test]
fn leftovers_of_interrupted_swaps_are_removed_once_they_are_old() {
    let (_dir, register) = register();
    let (old, fresh) = (
        register.dir().join(".swap-old"),
        register.dir().join(".swap-new"),
    );
    for path in [&old, &fresh] {
        fs::write(path, "half").unwrap();
    }
    let long_ago = std::time::SystemTime::now() - 2 * LEFTOVER_AGE;
    File::open(&old).unwrap().set_modified(long_ago).unwrap();
    FileRegister::open(register.dir()).unwrap();
    assert_eq!(names(&register), [".swap-new"]);
    assert_eq!(
        register.read(),
        Ok(None),
        "what has no epoch's name is no entry"
    );
}

#[test]
fn a_register_that_cannot_be_made_is_named() {
    let dir = TempDir::new();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let Err(RegisterError::Unavailable(why)) = FileRegister::open(file.join("register")) else {
        panic!("opened");
    };
    assert!(why.contains(file.to_str().unwrap()), "{why}");
}

#[test]
fn a_register_that_went_away_is_out_of_reach_and_won_by_nobody() {
    let (_dir, register) = register();
    register.compare_and_swap(None, name(1), None).unwrap();
    fs::remove_dir_all(register.dir()).unwrap();
    assert!(matches!(
        register.read(),
        Err(RegisterError::Unavailable(_))
    ));
    let swapped = register.compare_and_swap(Some(Epoch(1)), name(1), None);
    assert!(
        matches!(swapped, Err(CasError::Unavailable(_))),
        "{swapped:?}"
    );
}
