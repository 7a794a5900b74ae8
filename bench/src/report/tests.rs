use super::*;

fn spread(figures: &[f64]) -> Spread {
    Spread::of(figures.to_vec()).expect("some figures")
}

#[test]
fn each_contender_is_compared_with_the_first() {
    let mut section = Section::new("t", "h");
    let contest = vec![
        ("a".to_owned(), spread(&[1.0, 2.0, 3.0])),
        ("b".to_owned(), spread(&[4.0, 5.0, 6.0])),
    ];
    section.contest("MB/s", contest);
    assert_eq!(section.rows[0].ratio, Some(1.0));
    assert_eq!(section.rows[1].ratio, Some(2.5));
}

#[test]
fn a_row_names_median_spread_unit_ratio_and_goal() {
    let row = Row::of("in", "us", spread(&[10.0, 20.0, 300.0]));
    let row = row.over(&spread(&[10.0])).goal("<= 20");
    assert_eq!(
        row.to_string(),
        "| in | 20.0 | 10.0 - 300 | us | 2.00 | <= 20 |\n"
    );
}

#[test]
fn nothing_is_compared_with_zero() {
    assert_eq!(Row::once("a", "us", 1.0).over(&spread(&[0.0])).ratio, None);
}

#[test]
fn a_report_comes_back_from_its_json() {
    let mut report = Report::here();
    let mut section = Section::new("t", "h");
    section.rows.push(Row::once("a", "octets", 0.25));
    report.sections.push(section);
    let json = serde_json::to_string(&report).expect("plain data");
    let back: Report = serde_json::from_str(&json).expect("the same form");
    assert_eq!(back, report);
}

#[test]
fn goals_tell_which_rows_reach_them() {
    let row = |goal: &str| Row::once("a", "us", 20.0).over(&spread(&[40.0])).goal(goal);
    assert_eq!(row("<= 20").judged(), Some((20.0, true)));
    assert_eq!(row(">= 21").judged(), Some((20.0, false)));
    assert_eq!(row("ratio <= 0.4").judged(), Some((0.5, false)));
    assert_eq!(row("quick").judged(), None);
    let mut section = Section::new("t", "h");
    section.rows = vec![row("<= 20"), row("ratio <= 0.4"), Row::once("b", "us", 1.0)];
    let told = Goals(&[section]).to_string();
    let told: Vec<_> = told.lines().skip(4).collect();
    assert_eq!(
        told,
        [
            "| t | a | 20.0 us | <= 20 | reached |",
            "| t | a | 0.500  | ratio <= 0.4 | not reached |"
        ]
    );
}
