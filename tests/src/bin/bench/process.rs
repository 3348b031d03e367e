//! What the kernel says of a process.

use std::time::Duration;

use crate::Result;

/// Ticks of the times in /proc: USER_HZ, which is 100 on every Linux that Kubernetes runs on.
const TICKS: f64 = 100.0;

/// CPU time of a process so far, all threads, user and system.
pub(crate) fn cpu(pid: i32) -> Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold spaces; utime and stime are the 12th and 13th field after it.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| -> Result<f64> { Ok(fields.get(at).ok_or("a short /proc/PID/stat")?.parse()?) };
    Ok(Duration::from_secs_f64((ticks(11)? + ticks(12)?) / TICKS))
}

/// CPU time of this thread so far, in nanoseconds.
pub(crate) fn thread_cpu() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("an empty schedstat")?.parse()?)
}

/// Resident memory of a process, in bytes: now, and at its highest.
pub(crate) fn memory(pid: i32) -> Result<(f64, f64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let bytes = |name: &str| -> Result<f64> {
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)).ok_or_else(|| format!("no {name} in /proc"))?;
        let kib: f64 = line.split_whitespace().next().ok_or("an empty line in /proc")?.parse()?;
        Ok(kib * 1024.0)
    };
    Ok((bytes("VmRSS:")?, bytes("VmHWM:")?))
}
