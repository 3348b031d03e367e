//! What every Prometheus client tells of its process, read from /proc at each scrape: processor time, memory, open files.
//! On systems without /proc these metrics are missing.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Linux tells processor time in hundredths of a second, whatever its clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// The collector.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        if let Some(ticks) = read("stat").as_deref().and_then(ticks) {
            #[expect(clippy::cast_precision_loss, reason = "2^53 hundredths of a second are three million years")]
            let seconds = ConstCounter::new(ticks as f64 / TICKS_PER_SECOND);
            metric(&mut encoder, "process_cpu_seconds", "Processor time used", &seconds)?;
        }
        let status = read("status").unwrap_or_default();
        if let Some(kilobytes) = field(&status, "VmRSS:") {
            let bytes = ConstGauge::new(kilobytes * 1024);
            metric(&mut encoder, "process_resident_memory_bytes", "Memory in use", &bytes)?;
        }
        if let Some(threads) = field(&status, "Threads:") {
            metric(&mut encoder, "process_threads", "Threads", &ConstGauge::new(threads))?;
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            metric(&mut encoder, "process_open_fds", "Open files and sockets", &ConstGauge::new(files.count() as u64))?;
        }
        Ok(())
    }
}

fn metric(encoder: &mut DescriptorEncoder, name: &str, help: &str, metric: &dyn EncodeMetric) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn read(file: &str) -> Option<String> {
    std::fs::read_to_string(format!("/proc/self/{file}")).ok()
}

/// Processor time in user and in kernel mode, of /proc/self/stat.
fn ticks(stat: &str) -> Option<u64> {
    // The second field is the program's name in parentheses, and may hold anything; the third follows the last one.
    let (_, rest) = stat.rsplit_once(") ")?;
    let field = |number: usize| rest.split(' ').nth(number - 3)?.parse::<u64>().ok();
    Some(field(14)? + field(15)?)
}

/// A number of /proc/self/status.
fn field(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        assert_eq!(ticks("7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 31 11 0 0 20 0 3 0 9 99 555 1"), Some(42));
        assert_eq!(ticks("nonsense"), None);
    }

    #[test]
    fn fields_are_found_by_name() {
        let status = "Name:\tberthage\nVmRSS:\t   31416 kB\nThreads:\t3\n";
        assert_eq!((field(status, "VmRSS:"), field(status, "Threads:")), (Some(31416), Some(3)));
        assert_eq!(field(status, "VmSwap:"), None);
    }
}
