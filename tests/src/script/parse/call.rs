//! System calls: `connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)`.

use crate::script::line::Call;

pub(super) fn read(text: &str) -> Result<Call, String> {
    let bad = || format!("{text} is neither a segment nor a call");
    let (head, result) = text.rsplit_once(" = ").ok_or_else(bad)?;
    let (name, args) = head.split_once('(').ok_or_else(bad)?;
    let args = args.trim_end().strip_suffix(')').ok_or_else(bad)?;
    let mut words = result.split_whitespace();
    let value = words.next().ok_or_else(bad)?;
    Ok(Call {
        name: name.trim().into(),
        args: arguments(args),
        value: value.parse().map_err(|_| format!("{value} is no result"))?,
        errno: words.next().map(Into::into),
    })
}

/// Split at commas outside of brackets and braces.
fn arguments(text: &str) -> Vec<String> {
    let mut depth = 0;
    let mut args = vec![String::new()];
    for letter in text.chars() {
        match letter {
            '[' | '{' | '(' => depth += 1,
            ']' | '}' | ')' => depth -= 1,
            _ => {}
        }
        if letter == ',' && depth == 0 {
            args.push(String::new());
        } else if let Some(last) = args.last_mut() {
            last.push(letter);
        }
    }
    let args: Vec<String> = args.iter().map(|arg| arg.trim().to_owned()).collect();
    if args == [""] { Vec::new() } else { args }
}
