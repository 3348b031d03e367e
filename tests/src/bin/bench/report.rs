//! Rows, and how they are shown.

use serde::Serialize;

use crate::Result;

/// One measurement.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// What it belongs to.
    pub group: &'static str,
    /// What was measured.
    pub what: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What it should be at most.
    pub goal: Option<f64>,
    /// Whether more than the goal is an error, because the number does not depend on the machine.
    pub exact: bool,
    /// Of what it consists, or over how much it was measured.
    pub note: String,
}

/// All rows of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// No rows yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a row that is only told.
    pub(crate) fn add(
        &mut self,
        group: &'static str,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) -> &mut Row {
        self.rows.push(Row { group, what: what.into(), value, unit, goal: None, exact: false, note: String::new() });
        let last = self.rows.len() - 1;
        &mut self.rows[last]
    }

    /// The table.
    pub(crate) fn print(&self) {
        println!("{:<12} {:<48} {:>11} {:<8} {:>9}  ", "", "", "measured", "", "goal");
        let mut group = "";
        for row in &self.rows {
            let title = if group == row.group { "" } else { row.group };
            group = row.group;
            // Of a debug build only what is exact means anything.
            let goal = row.goal.filter(|_| row.exact || !cfg!(debug_assertions));
            let (goal, verdict) = goal.map_or((String::new(), String::new()), |goal| {
                let ratio = row.value / goal;
                let verdict = match () {
                    () if row.value <= goal => "met".to_owned(),
                    () if goal == 0.0 => "MISSED".to_owned(),
                    () => format!("MISSED, {ratio:.1} times the goal"),
                };
                (short(goal), verdict)
            });
            let notes: Vec<&str> =
                [verdict.as_str(), row.note.as_str()].into_iter().filter(|it| !it.is_empty()).collect();
            let line = format!(
                "{title:<12} {:<48} {:>11} {:<8} {goal:>9}  {}",
                row.what,
                short(row.value),
                row.unit,
                notes.join("; ")
            );
            println!("{}", line.trim_end());
        }
    }

    /// The rows as JSON, with what is known of the machine.
    pub(crate) fn to_json(&self) -> String {
        let machine = serde_json::json!({
            "processors": std::thread::available_parallelism().map_or(0, usize::from),
            "processor": processor(),
            "at": jiff::Timestamp::now(),
            "debug": cfg!(debug_assertions),
        });
        format!("{:#}\n", serde_json::json!({ "machine": machine, "rows": self.rows }))
    }

    /// An error if a number that hangs on no machine is more than it should be.
    pub(crate) fn counts_are_exact(&self) -> Result {
        let wrong: Vec<String> = self
            .rows
            .iter()
            .filter(|row| row.exact && row.goal.is_some_and(|goal| row.value > goal))
            .map(|row| format!("{}: {} is {} {}", row.group, row.what, short(row.value), row.unit))
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(format!("more than it should be: {}", wrong.join("; ")).into()) }
    }
}

impl Row {
    /// What it should be at most.
    pub(crate) fn goal(&mut self, goal: f64) -> &mut Self {
        self.goal = Some(goal);
        self
    }

    /// More than this is an error on any machine.
    pub(crate) fn at_most(&mut self, count: f64) -> &mut Self {
        self.goal = Some(count);
        self.exact = true;
        self
    }

    /// Says more.
    pub(crate) fn note(&mut self, note: impl Into<String>) -> &mut Self {
        self.note = note.into();
        self
    }
}

/// Three digits that count, and no needless zeros.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 || v.fract() == 0.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    line.map_or_else(|| "unknown".to_owned(), |line| line.trim_start_matches(['\t', ' ', ':']).to_owned())
}
