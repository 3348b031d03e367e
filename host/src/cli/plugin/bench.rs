//! `berthage plugin bench`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::cases;
use super::{Bench, PluginCommandError, engine, load};
use crate::hook::Seen;

pub(super) fn run(args: &Bench, mut print: impl FnMut(&str) -> std::io::Result<()>) -> Result<(), PluginCommandError> {
    let most = Arc::new(AtomicUsize::new(0));
    let sink = Arc::clone(&most);
    let engine = engine()?.observed_by(move |observed| {
        if let Seen::Used { memory } = observed.seen {
            sink.fetch_max(memory, Ordering::Relaxed);
        }
    });
    print(&format!("{:<32} {:>9} {:>9} {:>9} {:>12}\n", "case", "p50", "p99", "calls/s", "memory"))?;
    for (path, case) in cases::read(&args.cases)? {
        let plugin = load(&args.file, case.config.clone(), &engine)?;
        let (hook, input) = (case.hook(&path, &plugin)?, case.input());
        most.store(0, Ordering::Relaxed);
        let mut times = Vec::with_capacity(args.calls as usize);
        for _ in 0..args.calls {
            #[expect(clippy::disallowed_methods, reason = "what is measured is processor work")]
            let begin = std::time::Instant::now();
            let answer = plugin.ask(hook, &input, &case.objects);
            times.push(begin.elapsed());
            answer.map_err(|error| PluginCommandError::Call { case: path.clone(), error })?;
        }
        times.sort_unstable();
        let total: Duration = times.iter().sum();
        let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        print(&format!(
            "{name:<32} {:>6.1} µs {:>6.1} µs {:>9.0} {:>8} KiB\n",
            micros(at(50)),
            micros(at(99)),
            f64::from(args.calls) / total.as_secs_f64(),
            most.load(Ordering::Relaxed) >> 10,
        ))?;
    }
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
