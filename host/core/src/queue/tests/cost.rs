//! What a key costs, in memory and time.

use super::*;

/// What a key costs. Run with: cargo test --release -p berthage-core --lib queue_cost -- --ignored --nocapture
#[test]
#[ignore = "a measurement, to be read by people"]
fn queue_cost() {
    let names = |keys: usize, tenants: usize| -> Vec<Key> {
        let workspaces: Vec<Workspace> = (0..tenants).map(|tenant| Workspace::new(&format!("ws-{tenant}"))).collect();
        (0..keys).map(|name| Key::target(&workspaces[name % tenants], &format!("edge-{name}"))).collect()
    };
    let keys = names(100_000, 10_000);
    let start = resident();
    let mut ready = Queue::default();
    for key in &keys {
        ready.add(key.clone(), Priority::Live, START);
    }
    let middle = resident();
    let mut waiting = Queue::default();
    for key in &keys {
        let delay = seconds(600) + backoff::jitter(seconds(60), key.seed(), 0);
        waiting.add_after(key.clone(), delay, Priority::Background, START);
    }
    let end = resident();
    println!("keys ready {} B, waiting {} B a key", (middle - start) / keys.len(), (end - middle) / keys.len());
    drop((ready, waiting));

    for (keys, tenants) in [(1_000, 10), (100_000, 1), (100_000, 10_000)] {
        let keys = names(keys, tenants);
        let mut runs = Vec::new();
        for _ in 0..20 {
            let rounds = 200_000 / keys.len();
            let start = cpu_nanos();
            for _ in 0..rounds {
                let mut queue = Queue::default();
                for key in &keys {
                    queue.add(key.clone(), Priority::Live, START);
                }
                while let Some(taken) = queue.take(START) {
                    queue.done(taken, Outcome::Settled, START);
                }
            }
            runs.push((cpu_nanos() - start) / keys.len() / rounds);
        }
        runs.sort_unstable();
        println!("{} keys of {tenants} tenants: add + take + done {} ns", keys.len(), runs[runs.len() / 2]);
    }
}

/// Bytes of memory of this process.
fn resident() -> usize {
    std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Processor time of this thread.
fn cpu_nanos() -> usize {
    std::fs::read_to_string("/proc/thread-self/schedstat").unwrap().split(' ').next().unwrap().parse().unwrap()
}
