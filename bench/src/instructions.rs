//! Instructions of each hot path, counted by valgrind, beside those that were counted before.

use crate::paths::Path;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::process::Command;

/// A path may cost so much more than it did, as a part of what it did.
pub const TOLERANCE: f64 = 0.03;
/// The same where another compiler built it: code is generated otherwise then.
pub const OTHER_COMPILER: f64 = 0.15;

/// So many instructions more are let pass besides: what is inlined into a short path depends on what is compiled beside it.
pub const SLACK: f64 = 5.0;

/// Instructions of a unit of each path, and the compiler that they are true for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// As `rustc --version` has it.
    pub compiler: String,
    /// By the path's name.
    pub paths: BTreeMap<String, f64>,
}

impl Counts {
    /// Reads what [`to_text`](Counts::to_text) has written.
    ///
    /// # Errors
    /// A line is no count; it is named.
    pub fn from_text(text: &str) -> Result<Counts, String> {
        let mut counts = Counts::default();
        for line in text.lines() {
            if let Some(compiler) = line.strip_prefix("# ") {
                compiler.clone_into(&mut counts.compiler);
                continue;
            }
            let mut words = line.split_whitespace();
            let (name, count) = (words.next(), words.next().map(str::parse));
            let (Some(name), Some(Ok(count)), None) = (name, count, words.next()) else {
                return Err(format!("`{line}` is not a path and its count"));
            };
            counts.paths.insert(name.to_owned(), count);
        }
        Ok(counts)
    }

    /// One line a path.
    pub fn to_text(&self) -> String {
        let mut text = format!("# {}\n", self.compiler);
        for (name, count) in &self.paths {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name} {count:.1}");
        }
        text
    }

    /// What costs more than it did, or was not counted, each in a line.
    pub fn excess_over(&self, before: &Counts) -> Vec<String> {
        let tolerance = if self.compiler == before.compiler {
            TOLERANCE
        } else {
            OTHER_COMPILER
        };
        let mut excess = Vec::new();
        for (name, count) in &self.paths {
            match before.paths.get(name) {
                None => excess.push(format!("{name} has no count yet")),
                Some(was) if *count > was * (1.0 + tolerance) + SLACK => excess.push(format!(
                    "{name} takes {count:.1} instructions, {was:.1} before: {:+.1} %, at most {:.0} % are let pass",
                    (count / was - 1.0) * 100.0,
                    tolerance * 100.0,
                )),
                Some(_) => {}
            }
        }
        excess
    }
}

/// Walks every path under valgrind.
///
/// # Errors
/// valgrind cannot be run or says nothing, or a path cannot be walked.
pub fn count() -> io::Result<Counts> {
    let compiler = Command::new("rustc").arg("--version").output();
    let compiler = compiler.map_or_else(
        |_| "an unknown compiler".to_owned(),
        |said| String::from_utf8_lossy(&said.stdout).trim().to_owned(),
    );
    let mut paths = BTreeMap::new();
    for path in Path::ALL {
        paths.insert(path.name().to_owned(), count_one(path)?);
    }
    Ok(Counts { compiler, paths })
}

fn count_one(path: Path) -> io::Result<f64> {
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*paths*counted*")
        .arg(std::env::current_exe()?)
        .args(["walk", path.name()]);
    // Neither the length of the environment nor what the processor offers beyond its architecture may make a difference.
    let search = std::env::var_os("PATH").unwrap_or_default();
    valgrind.env_clear().env("PATH", search).env(
        "GLIBC_TUNABLES",
        "glibc.cpu.hwcaps=-AVX2_Usable,-AVX2,-AVX512F,-ERMS,-FSRM",
    );
    let said = valgrind.output().map_err(|error| {
        io::Error::other(format!("valgrind: {error} (`make packages` installs it)"))
    })?;
    let (out, told) = (
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr),
    );
    let units: Option<f64> = out.trim().parse().ok();
    let collected = told.lines().find_map(|line| {
        let (_, count) = line.split_once("Collected : ")?;
        count.trim().parse::<f64>().ok()
    });
    match (collected, units) {
        (Some(collected), Some(units)) if collected > 0.0 && units > 0.0 => Ok(collected / units),
        _ => Err(io::Error::other(format!(
            "{}: nothing was counted: {out}{told}",
            path.name()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(compiler: &str, paths: &[(&str, f64)]) -> Counts {
        Counts {
            compiler: compiler.to_owned(),
            paths: paths.iter().map(|it| (it.0.to_owned(), it.1)).collect(),
        }
    }

    #[test]
    fn counts_are_read_as_they_were_written() {
        let counts = counts("rustc 1", &[("gate", 40.5), ("engine-in", 1_000.0)]);
        assert_eq!(Counts::from_text(&counts.to_text()), Ok(counts));
        assert!(Counts::from_text("gate\n").is_err());
        assert!(Counts::from_text("gate 4 5\n").is_err());
    }

    #[test]
    fn what_costs_more_is_named() {
        let before = counts("rustc 1", &[("gate", 100.0), ("engine-in", 1_000.0)]);
        let now = counts(
            "rustc 1",
            &[("gate", 107.0), ("engine-in", 1_036.0), ("new", 1.0)],
        );
        let excess = now.excess_over(&before);
        assert_eq!(excess.len(), 2, "{excess:?}");
        assert!(
            excess[0].starts_with("engine-in takes 1036.0"),
            "{excess:?}"
        );
        assert!(excess[1].starts_with("new has no count"), "{excess:?}");
    }

    #[test]
    fn another_compiler_is_given_more_room() {
        let before = counts("rustc 1", &[("gate", 100.0)]);
        assert!(
            counts("rustc 2", &[("gate", 115.0)])
                .excess_over(&before)
                .is_empty()
        );
        assert!(
            !counts("rustc 2", &[("gate", 121.0)])
                .excess_over(&before)
                .is_empty()
        );
    }
}
