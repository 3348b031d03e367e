//! Line and branch coverage of host/core by its own tests, without a tool beyond LLVM's.
//!
//! The tests beside the code do not count as covered lines: neither modules in a file nor files of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::child;
use crate::failure::{Failure, Result};
use crate::progress::Progress;
use crate::repository::Repository;

/// The package that is measured, and its sources.
const PACKAGE: &str = "berthage-core";
const SOURCES: &str = "host/core/src";

/// Long enough to download 40 MB, short enough to try in vain.
const RUSTUP_LIMIT: Duration = Duration::from_mins(2);

/// Builds the tests with counters, runs them and prints a table.
pub(crate) fn measure(repository: &Repository, progress: &Progress) -> Result<()> {
    let tools = tools(repository, progress)?;
    let folder = repository.output("coverage");
    let profiles = folder.join("profiles");
    let _ = fs::remove_dir_all(&profiles);
    fs::create_dir_all(&profiles).map_err(Failure::file(&profiles))?;

    let build = || {
        let mut command = repository.cargo();
        command
            .args(["test", "--package", PACKAGE, "--lib", "--tests", "--target-dir"])
            .arg(&folder)
            .env("RUSTFLAGS", "-Cinstrument-coverage -Zcoverage-options=branch")
            // Counting branches is not stable yet; this way the measured compiler is the one that releases are built with.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw"));
        command
    };
    let executables = progress.step(&format!("build the tests of {PACKAGE} with counters"), |_| {
        let mut command = build();
        command.args(["--no-run", "--message-format=json"]);
        child::output(command).map(|messages| executables(&messages))
    })?;
    progress.step(&format!("run the tests of {PACKAGE}"), |log| child::run(build(), log))?;

    let merged = folder.join("merged.profdata");
    let report = progress.step("count", |log| {
        let mut merge = Command::new(tools.join("llvm-profdata"));
        merge.args(["merge", "--sparse", "-o"]).arg(&merged).arg(&profiles);
        child::run(merge, log)?;
        let mut export = Command::new(tools.join("llvm-cov"));
        export.args(["export", "--format=lcov", "--instr-profile"]).arg(&merged);
        export.args(executables.iter().flat_map(|executable| [Path::new("--object"), executable]));
        export.arg("--sources").arg(repository.root().join(SOURCES));
        child::output(export)
    })?;
    print(progress, &read_report(&report, &repository.root().join(SOURCES)));
    Ok(())
}

/// The folder of llvm-profdata and llvm-cov of the compiler's own version.
fn tools(repository: &Repository, progress: &Progress) -> Result<PathBuf> {
    let rustc = |arguments: &[&str]| {
        let mut command = Command::new("rustc");
        command.args(arguments).current_dir(repository.root());
        child::output(command)
    };
    let version = rustc(&["-vV"])?;
    let line = |name: &str| version.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    let major = line("LLVM version:").split('.').next().unwrap_or_default().to_owned();
    let own = Path::new(&rustc(&["--print", "sysroot"])?).join("lib/rustlib").join(line("host:")).join("bin");
    let system = PathBuf::from(format!("/usr/lib/llvm-{major}/bin"));
    let present = |folder: &Path| folder.join("llvm-cov").is_file() && folder.join("llvm-profdata").is_file();
    if !present(&own) && !present(&system) {
        let added = progress.step("rustup component add llvm-tools", |log| {
            let mut command = Command::new("rustup");
            command.args(["component", "add", "llvm-tools"]).current_dir(repository.root());
            child::run_bounded(command, log, RUSTUP_LIMIT)
        });
        added.map_err(|failure| {
            Failure(format!(
                "{}\ncoverage needs llvm-tools: Debian has them as llvm-{major} (apt-get install)",
                failure.0
            ))
        })?;
    }
    Ok(if present(&own) { own } else { system })
}

/// The test programs that cargo names in its messages.
fn executables(messages: &str) -> Vec<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?))).collect()
}

/// Covered and counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    covered: u32,
    all: u32,
}

impl Count {
    fn add(&mut self, covered: bool) {
        self.all += 1;
        self.covered += u32::from(covered);
    }

    fn show(self) -> String {
        if self.all == 0 {
            return "-".to_owned();
        }
        format!("{:.1} % ({}/{})", f64::from(self.covered) * 100.0 / f64::from(self.all), self.covered, self.all)
    }
}

/// Lines and branches of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Coverage {
    lines: Count,
    branches: Count,
}

/// Reads LLVM's report in lcov's format: SF names a file, DA is a line and BRDA one way out of a branch.
fn read_report(report: &str, sources: &Path) -> BTreeMap<String, Coverage> {
    let names = report.lines().filter_map(|record| record.strip_prefix("SF:"));
    let texts = names.filter_map(|name| Some((name, fs::read_to_string(name).ok()?)));
    let tests: BTreeMap<&str, Tests> = texts.map(|(name, text)| (name, Tests::of(Path::new(name), &text))).collect();
    let test_files: BTreeSet<&PathBuf> = tests.values().flat_map(|tests| &tests.files).collect();

    let mut files = BTreeMap::new();
    let mut present: Option<(String, u32)> = None;
    for record in report.lines() {
        let (kind, fields) = record.split_once(':').unwrap_or((record, ""));
        if kind == "SF" {
            let path = PathBuf::from(fields);
            let own = path.strip_prefix(sources).ok().filter(|_| !test_files.contains(&path));
            let end = tests.get(fields).map_or(u32::MAX, |tests| tests.first_line);
            present = own.map(|own| (own.display().to_string(), end));
        }
        let Some((name, end)) = &present else { continue };
        let mut fields = fields.split(',');
        if !matches!(kind, "DA" | "BRDA") || fields.next().and_then(|line| line.parse().ok()) >= Some(*end) {
            continue;
        }
        let covered = fields.next_back().is_some_and(|count| !matches!(count, "0" | "-"));
        let coverage: &mut Coverage = files.entry(name.clone()).or_default();
        if kind == "DA" { coverage.lines.add(covered) } else { coverage.branches.add(covered) }
    }
    files
}

/// What of a source file is tests.
#[derive(Debug, PartialEq, Eq)]
struct Tests {
    /// The line where a module of tests begins, which by custom is the end of the file; after the end where there is none.
    first_line: u32,
    /// Files that the file names as modules of tests.
    files: Vec<PathBuf>,
}

impl Tests {
    fn of(path: &Path, text: &str) -> Self {
        let mut tests = Self { first_line: u32::MAX, files: Vec::new() };
        let folder = path.parent().unwrap_or(path);
        let is_root = path.file_stem().is_some_and(|stem| stem == "mod" || stem == "lib");
        let children = if is_root { folder.to_owned() } else { path.with_extension("") };
        let mut lines = (1..).zip(text.lines());
        while let Some((number, line)) = lines.next() {
            if line != "#[cfg(test)]" {
                continue;
            }
            let mut attributes = lines.by_ref().map(|(_, line)| line).skip_while(|line| line.is_empty());
            let mut named = None;
            let item = attributes.find(|line| {
                named = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")).or(named);
                !line.starts_with("#[")
            });
            let Some(module) = item.and_then(|line| line.strip_prefix("mod ")) else { continue };
            match (module.strip_suffix(';'), named) {
                (Some(_), Some(file)) => tests.files.push(folder.join(file)),
                (Some(name), None) => {
                    tests.files.extend([children.join(format!("{name}.rs")), children.join(name).join("mod.rs")]);
                }
                (None, _) => {
                    tests.first_line = number;
                    break;
                }
            }
        }
        tests
    }
}

fn print(progress: &Progress, files: &BTreeMap<String, Coverage>) {
    let mut total = Coverage::default();
    progress.say(&format!("{:<44} {:>22} {:>22}", SOURCES, "lines", "branches"));
    for (name, coverage) in files {
        for (sum, part) in [(&mut total.lines, coverage.lines), (&mut total.branches, coverage.branches)] {
            sum.covered += part.covered;
            sum.all += part.all;
        }
        progress.say(&format!("{name:<44} {:>22} {:>22}", coverage.lines.show(), coverage.branches.show()));
    }
    progress.say(&format!("{:<44} {:>22} {:>22}", "all", total.lines.show(), total.branches.show()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_branches_of_our_sources_are_counted() {
        let report = "SF:/elsewhere/a.rs\nDA:1,1\nend_of_record\n\
                      SF:/src/b.rs\nDA:1,3\nDA:2,0\nBRDA:2,0,0,-\nBRDA:2,0,1,1\nLF:2\nend_of_record\n";
        let files = read_report(report, Path::new("/src"));
        let expected = Coverage { lines: Count { covered: 1, all: 2 }, branches: Count { covered: 1, all: 2 } };
        assert_eq!(files, BTreeMap::from([("b.rs".to_owned(), expected)]));
    }

    #[test]
    fn tests_in_a_file_are_found() {
        let text = "fn a() {}\n#[cfg(test)]\nfn b() {}\n\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(Tests::of(Path::new("/src/a.rs"), text), Tests { first_line: 5, files: Vec::new() });
    }

    #[test]
    fn files_of_tests_are_found() {
        let text = "#[cfg(test)]\nmod vectors;\n#[cfg(test)]\n#[path = \"b_tests.rs\"]\nmod tests;\nmod c;\n";
        let files = |names: [&str; 3]| names.map(PathBuf::from).to_vec();
        let root = files(["/src/vectors.rs", "/src/vectors/mod.rs", "/src/b_tests.rs"]);
        assert_eq!(Tests::of(Path::new("/src/mod.rs"), text), Tests { first_line: u32::MAX, files: root });
        let child = files(["/src/b/vectors.rs", "/src/b/vectors/mod.rs", "/src/b_tests.rs"]);
        assert_eq!(Tests::of(Path::new("/src/b.rs"), text), Tests { first_line: u32::MAX, files: child });
    }

    #[test]
    fn the_test_programs_are_read_from_cargo_s_messages() {
        let messages = "{\"executable\":null}\nnot json\n{\"executable\":\"/target/core-1\"}";
        assert_eq!(executables(messages), [PathBuf::from("/target/core-1")]);
    }
}
