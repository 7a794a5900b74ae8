//! `docs/rfc9293.md` and `docs/rfcs.md` say nothing that is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How many requirements of each kind appendix B of RFC 9293 has.
const REQUIREMENTS: [(&str, usize); 4] = [("MUST", 69), ("SHLD", 31), ("MAY", 18), ("REC", 1)];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(root().join(path)).ok()
}

/// The rows of the tables of a page, as cells.
fn rows(page: &str) -> Vec<Vec<String>> {
    let text = read(page).expect("the page can be read");
    text.lines()
        .filter(|line| line.starts_with('|') && !line.starts_with("|---"))
        .skip(1)
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

/// What stands between backticks.
fn references(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// What is wrong with a reference: a script, a file, or a name in a file.
fn defect(reference: &str, shows: bool) -> Option<String> {
    if reference.ends_with(".pkt") {
        let there = read(&format!("tests/scripts/{reference}")).is_some();
        return (!there).then(|| format!("there is no script {reference}"));
    }
    if !reference.contains('/') {
        return None;
    }
    let (path, name) = reference.split_once('#').unwrap_or((reference, ""));
    let Some(text) = read(path) else {
        let folder = root().join(path).is_dir();
        return (!folder).then(|| format!("there is no file {path}"));
    };
    let there = if shows && !name.is_empty() {
        text.contains(&format!("fn {name}("))
    } else {
        let word = |c: char| !(c.is_alphanumeric() || c == '_');
        name.is_empty() || text.split(word).any(|found| found == name)
    };
    (!there).then(|| format!("{path} has no {name}"))
}

/// Every requirement that the first lines of scripts name, with the scripts.
fn named_by_scripts() -> BTreeMap<String, BTreeSet<String>> {
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let folder = root().join("tests/scripts");
    let mut folders = vec![folder.clone()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("scripts can be read") {
            let path = entry.expect("scripts can be read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|kind| kind != "pkt") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a script can be read");
            let name = path.strip_prefix(&folder).expect("it lies below");
            for word in text
                .lines()
                .next()
                .unwrap_or("")
                .split([' ', ',', ':', ';', '(', ')'])
            {
                let known = REQUIREMENTS.iter().any(|(kind, _)| {
                    let number = word
                        .strip_prefix(kind)
                        .and_then(|rest| rest.strip_prefix('-'));
                    number.is_some_and(|number| number.parse::<usize>().is_ok())
                });
                if known {
                    let scripts = named.entry(word.into()).or_default();
                    scripts.insert(name.display().to_string());
                }
            }
        }
    }
    named
}

#[test]
fn every_requirement_of_rfc_9293_has_its_line() {
    let mut ids: Vec<String> = rows("docs/rfc9293.md")
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    let mut expected: Vec<String> = REQUIREMENTS
        .iter()
        .flat_map(|(kind, count)| (1..=*count).map(move |number| format!("{kind}-{number}")))
        .collect();
    ids.sort();
    expected.sort();
    assert_eq!(ids, expected);
}

#[test]
fn what_the_pages_point_at_is_there() {
    let mut wrong = Vec::new();
    for page in ["docs/rfc9293.md", "docs/rfcs.md"] {
        for row in rows(page) {
            let [id, _, kept, place, shown] = &row[..] else {
                wrong.push(format!("{page}: a row has {} cells: {row:?}", row.len()));
                continue;
            };
            let places = references(place);
            let shows = references(shown);
            match kept.as_str() {
                "yes" if places.is_empty() || shows.is_empty() => {
                    wrong.push(format!(
                        "{page}, {id}: kept, but not said where, or not shown"
                    ));
                }
                "yes" => {}
                "no" | "part" | "user" if place.is_empty() => {
                    wrong.push(format!("{page}, {id}: no reason"));
                }
                "no" | "part" | "user" => {}
                other => wrong.push(format!("{page}, {id}: kept is {other}")),
            }
            let defects = places.iter().filter_map(|place| defect(place, false));
            let missing = shows.iter().filter_map(|show| defect(show, true));
            wrong.extend(
                defects
                    .chain(missing)
                    .map(|what| format!("{page}, {id}: {what}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn scripts_that_name_a_requirement_stand_in_its_line() {
    let mut wrong = Vec::new();
    let rows = rows("docs/rfc9293.md");
    for (id, scripts) in named_by_scripts() {
        let row = rows.iter().find(|row| row[0] == id);
        for script in scripts {
            let stands = row.is_some_and(|row| references(&row[4]).contains(&script.as_str()));
            if !stands {
                wrong.push(format!("{id}: {script} is missing in docs/rfc9293.md"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
