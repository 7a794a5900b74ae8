//! One way to say what was measured: tables of figures with their ratios, as Markdown and as JSON.

use crate::spread::Spread;
use core::fmt::{self, Write as _};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// One figure of several rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// Unit of the figure.
    pub unit: String,
    /// Smallest, median and largest of all rounds.
    pub spread: Spread,
    /// The median over that of the row that it is compared with.
    pub ratio: Option<f64>,
    /// What it should be, where there is a goal: `<= 5`, `>= 0.8`, or `ratio <= 1.0` where the ratio is meant.
    pub goal: Option<String>,
}

impl Row {
    /// A figure that was taken once, or that cannot vary.
    pub fn once(what: impl Into<String>, unit: &str, figure: f64) -> Row {
        let spread = Spread {
            min: figure,
            median: figure,
            max: figure,
        };
        Row::of(what, unit, spread)
    }

    /// A figure of several rounds.
    pub fn of(what: impl Into<String>, unit: &str, spread: Spread) -> Row {
        Row {
            what: what.into(),
            unit: unit.to_owned(),
            spread,
            ratio: None,
            goal: None,
        }
    }

    /// Compared with this one.
    #[must_use]
    pub fn over(mut self, base: &Spread) -> Row {
        self.ratio = (base.median != 0.0).then(|| self.spread.median / base.median);
        self
    }

    /// With what it should be.
    #[must_use]
    pub fn goal(mut self, goal: &str) -> Row {
        self.goal = Some(goal.to_owned());
        self
    }

    /// The figure that the goal speaks of, and whether it is such; `None` without a goal.
    pub fn judged(&self) -> Option<(f64, bool)> {
        let goal = self.goal.as_deref()?;
        let (of_ratio, bound) = match goal.strip_prefix("ratio ") {
            Some(bound) => (true, bound),
            None => (false, goal),
        };
        let (relation, bound) = bound.split_once(' ')?;
        let bound: f64 = bound.parse().ok()?;
        let figure = if of_ratio {
            self.ratio?
        } else {
            self.spread.median
        };
        match relation {
            "<=" => Some((figure, figure <= bound)),
            ">=" => Some((figure, figure >= bound)),
            _ => None,
        }
    }
}

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// How it was made, and what the ratios are over.
    pub how: String,
    /// Its rows.
    pub rows: Vec<Row>,
}

impl Section {
    /// Without rows.
    pub fn new(title: &str, how: &str) -> Section {
        Section {
            title: title.to_owned(),
            how: how.to_owned(),
            rows: Vec::new(),
        }
    }

    /// The figures of contenders that took turns; each is compared with the first.
    pub fn contest(&mut self, unit: &str, contest: Vec<(String, Spread)>) {
        let first = contest.first().map(|(_, spread)| *spread);
        for (what, spread) in contest {
            let row = Row::of(what, unit, spread);
            self.rows
                .push(first.map_or_else(|| row.clone(), |first| row.clone().over(&first)));
        }
    }
}

/// Everything that was measured in one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Processors, kernel and load when it began.
    pub machine: String,
    /// The tables, in the order of the measurements.
    pub sections: Vec<Section>,
}

impl Report {
    /// Says where it runs, and how busy it is there already.
    pub fn here() -> Report {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        let kernel = read("/proc/sys/kernel/osrelease");
        let load = read("/proc/loadavg");
        let load: Vec<_> = load.split_whitespace().take(3).collect();
        Report {
            machine: format!(
                "{processors} processors, Linux {}, load {} when it began",
                kernel.trim(),
                load.join(" ")
            ),
            sections: Vec::new(),
        }
    }

    /// Writes it as JSON, and as Markdown beside it.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn write(&self, json: &Path) -> io::Result<()> {
        if let Some(directory) = json.parent() {
            std::fs::create_dir_all(directory)?;
        }
        std::fs::write(json, serde_json::to_string_pretty(self)?)?;
        std::fs::write(json.with_extension("md"), self.to_string())
    }
}

/// The rows with goals, and which of them are reached.
#[derive(Clone, Copy, Debug)]
pub struct Goals<'a>(pub &'a [Section]);

impl fmt::Display for Goals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("### Goals\n\n| | | figure | goal | |\n|---|---|---|---|---|\n")?;
        for Section { title, rows, .. } in self.0 {
            for row in rows {
                let (Some((figure, reached)), Some(goal)) = (row.judged(), &row.goal) else {
                    continue;
                };
                let unit = match goal.starts_with("ratio") {
                    true => "",
                    false => row.unit.as_str(),
                };
                let verdict = if reached { "reached" } else { "not reached" };
                let (what, figure) = (&row.what, Figure(figure));
                writeln!(
                    f,
                    "| {title} | {what} | {figure} {unit} | {goal} | {verdict} |"
                )?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}.\n\n{}", self.machine, Goals(&self.sections))?;
        for section in &self.sections {
            writeln!(f, "{section}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n\n{}\n", self.title, self.how)?;
        f.write_str("| | median | smallest - largest | unit | ratio | goal |\n")?;
        f.write_str("|---|---|---|---|---|---|\n")?;
        for row in &self.rows {
            row.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread { min, median, max } = self.spread;
        let range = if min == max {
            String::new()
        } else {
            format!("{} - {}", Figure(min), Figure(max))
        };
        let mut ratio = String::new();
        if let Some(over) = self.ratio {
            write!(ratio, "{}", Figure(over))?;
        }
        let goal = self.goal.as_deref().unwrap_or_default();
        let (what, unit) = (&self.what, &self.unit);
        writeln!(
            f,
            "| {what} | {} | {range} | {unit} | {ratio} | {goal} |",
            Figure(median)
        )
    }
}

/// Three digits that count, no exponents.
struct Figure(f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        let digits = match size {
            _ if size == 0.0 || size >= 100.0 => 0,
            _ if size >= 10.0 => 1,
            _ if size >= 1.0 => 2,
            _ if size >= 0.1 => 3,
            _ if size >= 0.001 => 4,
            _ => 6,
        };
        write!(f, "{:.digits$}", self.0)
    }
}

#[cfg(test)]
mod tests;
