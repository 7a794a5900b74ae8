use super::*;

#[test]
fn incarnation_survives_text() {
    let name = Incarnation::random().unwrap();
    assert_eq!(name.to_string().parse::<Incarnation>(), Ok(name));
    assert_eq!(
        name.to_string().to_uppercase().parse::<Incarnation>(),
        Ok(name)
    );
}

#[test]
fn two_incarnations_differ() {
    assert_ne!(
        Incarnation::random().unwrap(),
        Incarnation::random().unwrap()
    );
}

#[test]
fn wrong_texts_are_refused() {
    for text in [
        "",
        "00",
        "0123456789abcdef0123456789abcdeg",
        "é123456789abcdef0123456789abcde",
    ] {
        assert_eq!(text.parse::<Incarnation>(), Err(NotAnIncarnation), "{text}");
    }
}
