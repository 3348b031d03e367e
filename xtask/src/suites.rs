//! Tests and demo: the set-up they need, then the programs themselves.

use std::os::unix::process::CommandExt as _;
use std::path::Path;

use crate::child;
use crate::failure::{Failure, Result};
use crate::progress::Progress;
use crate::repository::Repository;
use crate::{peers, plugins, servers};

/// What the demo is made of.
const DEMO: [&str; 6] = [
    "--package=berthage",
    "--package=berthage-syncer",
    "--package=berthage-e2e",
    "--bin=berthage",
    "--bin=berthage-syncer",
    "--bin=demo",
];

/// Tests that print times, to be read by people.
const MEASUREMENTS: [&str; 3] = ["cost_of_a_call", "queue::tests::cost", "template::speed"];

/// Runs every test that can run on any machine.
pub(crate) fn test(repository: &Repository, progress: &Progress, filter: Option<&str>) -> Result<()> {
    // All packages in each of these calls: for a part of them cargo would compile the dependencies once more, with the
    // features of that part.
    set_up(repository, progress, &["--workspace", "--all-targets"])?;
    progress.say("unit, golden and property tests");
    let mut workspace = repository.cargo();
    workspace.args(["test", "--workspace"]).args(filter);
    child::run_shown(workspace)?;
    progress.say("the sandbox of plugins, with real components");
    let mut components = repository.cargo();
    components
        .args(["test", "--workspace", "--lib", "--", "--ignored"])
        .args(MEASUREMENTS.map(|name| ["--skip", name]).concat());
    match filter {
        Some(filter) => components.arg(filter),
        None => components.args(["hook::", "cli::plugin::"]),
    };
    child::run_shown(components)?;
    progress.say("simulation: a sample; cargo xtask simulate tries all of it");
    child::run_shown(simulation(repository, &["--workspace"], filter))?;
    progress.say("end-to-end suite on real servers");
    let mut end_to_end = repository.cargo();
    end_to_end.args(["test", "--workspace", "--test", "e2e"]).args(filter);
    end_to_end.args(["--", "--include-ignored", "--skip", "kcp::"]);
    child::run_shown(end_to_end)?;
    progress.say("all that ran passed. NOT RUN: the same suite on a real kcp: KCP_BIN=… cargo xtask test --kcp");
    Ok(())
}

/// How much of the simulation is run.
pub(crate) struct Extent {
    /// Seeds of each fault.
    pub(crate) seeds: usize,
    /// One of so many crash points.
    pub(crate) every: usize,
    /// Workspaces of ten targets each in a backlog.
    pub(crate) workspaces: usize,
    /// One case alone.
    pub(crate) case: Option<usize>,
}

/// Runs the simulation.
pub(crate) fn simulate(
    repository: &Repository,
    progress: &Progress,
    extent: &Extent,
    filter: Option<&str>,
) -> Result<()> {
    plugins::build(repository, progress, None)?;
    // Thousands of lives: what optimising costs is won back in minutes. The packages are those of the benchmark, whose
    // dependencies are built for both then.
    progress.say("simulation, optimised: minutes to compile the first time");
    let [berthage, syncer, suites, ..] = BENCH;
    let mut command = simulation(repository, &["--release", berthage, syncer, suites], filter);
    command.env("BERTHAGE_SIMULATION_SEEDS", extent.seeds.to_string());
    command.env("BERTHAGE_SIMULATION_EVERY", extent.every.to_string());
    command.env("BERTHAGE_SIMULATION_WORKSPACES", extent.workspaces.to_string());
    if let Some(case) = extent.case {
        command.env("BERTHAGE_SIMULATION_CASE", case.to_string());
    }
    child::run_shown(command)
}

/// Each of its tests uses every processor, and says how much it has tried.
fn simulation(repository: &Repository, packages: &[&str], filter: Option<&str>) -> std::process::Command {
    let mut command = repository.cargo();
    command.arg("test").args(packages).args(["--test", "simulation"]).args(filter);
    command.args(["--", "--nocapture", "--test-threads=1"]);
    command
}

/// Runs the end-to-end suite with workspaces of a real kcp as hubs.
pub(crate) fn test_kcp(repository: &Repository, progress: &Progress, filter: Option<&str>) -> Result<()> {
    let Some(program) = std::env::var_os("KCP_BIN") else {
        let said = "KCP_BIN is not set: it must name a kcp program; docs/kcp.md says how to build one";
        return Err(Failure(said.to_owned()));
    };
    if !Path::new(&program).is_file() {
        return Err(Failure(format!("KCP_BIN names {}, which is no file", Path::new(&program).display())));
    }
    set_up(repository, progress, &["--workspace", "--all-targets"])?;
    progress.say("end-to-end suite on a real kcp");
    let mut end_to_end = repository.cargo();
    end_to_end.env("BERTHAGE_E2E_HUB", "kcp");
    end_to_end.args(["test", "--workspace", "--test", "e2e"]).args(filter).args(["--", "--include-ignored"]);
    child::run_shown(end_to_end)?;
    progress.say("all passed on kcp");
    Ok(())
}

/// Runs the demo in the place of this program, so that Ctrl-C and the exit status are the demo's.
pub(crate) fn demo(repository: &Repository, progress: &Progress, exit: bool) -> Result<()> {
    set_up(repository, progress, &DEMO)?;
    let mut demo = std::process::Command::new(repository.cargo_target().join("debug/demo"));
    demo.current_dir(repository.root()).args(exit.then_some("--exit"));
    Err(Failure(format!("cannot start the demo: {}", demo.exec())))
}

/// What the benchmark is made of.
const BENCH: [&str; 6] = [
    "--package=berthage",
    "--package=berthage-syncer",
    "--package=berthage-e2e",
    "--bin=berthage",
    "--bin=berthage-syncer",
    "--bin=bench",
];

/// What the benchmark measures.
pub(crate) enum Bench {
    /// Everything, with so many targets.
    Full(usize),
    /// The same in a debug build: only its counts mean anything.
    Quick(usize),
    /// A controller with so many workspaces, in a sandbox.
    Scale(usize),
}

/// Runs the benchmark.
pub(crate) fn bench(repository: &Repository, progress: &Progress, what: &Bench, json: Option<&Path>) -> Result<()> {
    let release = !matches!(what, Bench::Quick(_));
    let mut wanted = if release { BENCH.to_vec() } else { vec!["--workspace", "--all-targets"] };
    wanted.extend(release.then_some("--release"));
    let profile = if release { "release" } else { "debug" };
    let mut bench = std::process::Command::new(repository.cargo_target().join(profile).join("bench"));
    match *what {
        Bench::Scale(workspaces) => {
            plugins::build(repository, progress, None)?;
            build(repository, progress, &wanted)?;
            bench.arg("--scale").arg(workspaces.to_string());
        }
        Bench::Full(targets) | Bench::Quick(targets) => {
            set_up(repository, progress, &wanted)?;
            bench.arg("--targets").arg(targets.to_string());
            bench.arg("--queue-peers").arg(peers::queue(repository, progress)?);
        }
    }
    if let Some(json) = json {
        bench.arg("--json").arg(json);
    }
    child::run_shown(bench)
}

/// Servers, plugins, and what cargo is to build.
fn set_up(repository: &Repository, progress: &Progress, wanted: &[&str]) -> Result<()> {
    servers::build(repository, progress)?;
    plugins::build(repository, progress, None)?;
    build(repository, progress, wanted)
}

fn build(repository: &Repository, progress: &Progress, wanted: &[&str]) -> Result<()> {
    progress.step("compile (minutes, the first time)", |log| {
        let mut command = repository.cargo();
        command.arg("build").args(wanted);
        child::run(command, log)
    })
}
