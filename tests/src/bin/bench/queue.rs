//! The queue, beside the queues that Go controllers use: what adding, taking and giving back a key costs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use berthage::metrics::Metrics;
use berthage::queue::WorkQueue;
use berthage_core::key::{Key, Workspace};
use berthage_core::queue::{Limits, Outcome, Priority};
use serde::Deserialize;

use crate::report::Report;
use crate::{Result, allocations, process};

const GROUP: &str = "queue";
/// Between how many workspaces the keys are.
const WORKSPACES: usize = 100;
/// Best of so many, with the peers in between: the machine is shared.
const ROUNDS: usize = 3;
const PEERS: [&str; 2] = ["client-go", "controller-runtime"];

/// What a key costs.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Cost {
    /// CPU time.
    nanoseconds: f64,
    /// Of heap, while it waits.
    bytes: f64,
}

impl Cost {
    fn best(self, other: Self) -> Self {
        Self { nanoseconds: self.nanoseconds.min(other.nanoseconds), bytes: self.bytes.min(other.bytes) }
    }
}

/// Fills the report. `peers` is the program of tests/peers/queue.
pub(crate) fn measure(report: &mut Report, peers: &Path) -> Result {
    let mut peers = Peers::start(peers)?;
    for count in [1_000, 10_000, 100_000] {
        let mut ours = own(count)?;
        let mut theirs = [peers.ask(PEERS[0], count)?, peers.ask(PEERS[1], count)?];
        for _ in 1..ROUNDS {
            ours = ours.best(own(count)?);
            for (cost, name) in theirs.iter_mut().zip(PEERS) {
                *cost = cost.best(peers.ask(name, count)?);
            }
        }
        let beside = |of: fn(&Cost) -> f64| {
            let ratio =
                |(cost, name): (&Cost, &str)| format!("{name} {:.0}, {:.1} times", of(cost), of(cost) / of(&ours));
            theirs.iter().zip(PEERS).map(ratio).collect::<Vec<_>>().join("; ")
        };
        let (time, size) = (beside(|cost| cost.nanoseconds), beside(|cost| cost.bytes));
        report.add(GROUP, format!("a key of {count}"), ours.nanoseconds, "ns CPU").goal(500.0).note(time);
        report.add(GROUP, format!("a key of {count}, waiting"), ours.bytes, "bytes").at_most(150.0).note(size);
    }
    Ok(())
}

/// Ours, between workspaces with all their bounds. On one thread: the runtime's too.
#[expect(clippy::cast_precision_loss, reason = "a round is no longer than seconds")]
fn own(count: usize) -> Result<Cost> {
    let workspaces: Vec<Workspace> =
        (0..WORKSPACES).map(|number| Workspace::new(&format!("workspace-{number}"))).collect();
    let keys: Vec<Key> =
        (0..count).map(|number| Key::target(&workspaces[number % WORKSPACES], &format!("target-{number}"))).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    // What is measured takes a while: the kernel counts CPU time in coarse steps.
    let runs = (200_000 / count).max(1);
    runtime.block_on(async {
        let mut bytes = 0;
        let begin = process::thread_cpu()?;
        for _ in 0..runs {
            bytes = run(&keys).await?;
        }
        let nanoseconds = process::thread_cpu()? - begin;
        Ok(Cost { nanoseconds: nanoseconds as f64 / (count * runs) as f64, bytes: bytes as f64 / count as f64 })
    })
}

/// Puts all keys into a queue and takes them out: gives the bytes while they wait.
async fn run(keys: &[Key]) -> Result<i64> {
    let queue: WorkQueue<Key> = WorkQueue::new("bench", &Metrics::new(), Limits::for_workers(16));
    let before = allocations::live();
    for key in keys {
        queue.add(key.clone(), Priority::Live);
    }
    let bytes = allocations::live() - before;
    for _ in keys {
        let job = queue.take().await.ok_or("the queue was shut down")?;
        let _ = job.finish(Outcome::Settled);
    }
    Ok(bytes)
}

/// The queues of Go controllers, in a process of their own.
struct Peers {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peers {
    fn start(program: &Path) -> Result<Self> {
        let failed = |error| format!("{} cannot be started: {error}", program.display());
        let mut process = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let (questions, answers) = (process.stdin.take(), process.stdout.take());
        let questions = questions.ok_or("the peers have no standard input")?;
        let answers = BufReader::new(answers.ok_or("the peers have no standard output")?);
        Ok(Self { process, questions, answers })
    }

    fn ask(&mut self, name: &str, count: usize) -> Result<Cost> {
        writeln!(self.questions, "{name} {count}")?;
        self.questions.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(|error| format!("{name}: {error} in `{line}`").into())
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
