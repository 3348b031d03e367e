//! The text of the exposition: the names are a contract with dashboards.

use std::collections::BTreeSet;

use berthage_core::queue::Priority;

use super::*;

/// The lines of samples and types, sorted: the library keeps series in no order.
fn lines(metrics: &Metrics) -> Vec<String> {
    let text = metrics.encode().unwrap();
    assert!(text.ends_with("# EOF\n"));
    let types: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    assert_eq!(types.len(), types.iter().collect::<BTreeSet<_>>().len(), "no name is registered twice: {types:?}");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn assert_has(metrics: &Metrics, expected: &[&str]) {
    let lines = lines(metrics);
    for line in expected {
        assert!(lines.iter().any(|have| have == line), "{line} is not in\n{}", lines.join("\n"));
    }
}

/// Every series that controller-runtime and client-go have, once each is in use.
#[test]
fn names_and_labels_are_those_of_controller_runtime() {
    let metrics = Metrics::new();
    let controller = metrics.controller("synctarget", 16);
    controller.start().finish(ReconcileResult::Success);
    controller.start().finish(ReconcileResult::Requeue);
    controller.start().finish(ReconcileResult::RequeueAfter);
    controller.start().finish(ReconcileResult::Error);
    controller.start().finish(ReconcileResult::TerminalError);
    let _running = controller.start();
    let queue = metrics.queue("synctarget");
    queue.added();
    queue.taken(Duration::from_millis(5));
    queue.done(Duration::from_millis(5), true);
    let depth = |priority| match priority {
        Priority::Live => 3,
        Priority::Report => 5,
        Priority::Background => 4,
    };
    let tenants = Tenants { all: 9, held: 2, retries_put_off: 7 };
    queue.sample(depth, tenants, [Duration::from_secs(2), Duration::from_secs(3)].into_iter());
    metrics.request(Server::Hub, &Method::GET, Some(200), Duration::from_millis(3));
    metrics.request(Server::Physical, &Method::PATCH, None, Duration::from_millis(3));
    metrics.leader("berthage-controller", true);

    assert_has(
        &metrics,
        &[
            r#"controller_runtime_reconcile_total{controller="synctarget",result="success"} 1"#,
            r#"controller_runtime_reconcile_total{controller="synctarget",result="requeue"} 1"#,
            r#"controller_runtime_reconcile_total{controller="synctarget",result="requeue_after"} 1"#,
            r#"controller_runtime_reconcile_total{controller="synctarget",result="error"} 2"#,
            r#"controller_runtime_reconcile_errors_total{controller="synctarget"} 2"#,
            r#"controller_runtime_terminal_reconcile_errors_total{controller="synctarget"} 1"#,
            r#"controller_runtime_reconcile_panics_total{controller="synctarget"} 0"#,
            r#"controller_runtime_reconcile_time_seconds_count{controller="synctarget"} 5"#,
            r#"controller_runtime_reconcile_time_seconds_bucket{le="0.005",controller="synctarget"} 5"#,
            r#"controller_runtime_reconcile_time_seconds_bucket{le="60.0",controller="synctarget"} 5"#,
            r#"controller_runtime_max_concurrent_reconciles{controller="synctarget"} 16"#,
            r#"controller_runtime_active_workers{controller="synctarget"} 1"#,
            r#"workqueue_depth{name="synctarget",controller="synctarget",priority="0"} 3"#,
            r#"workqueue_depth{name="synctarget",controller="synctarget",priority="-50"} 5"#,
            r#"workqueue_depth{name="synctarget",controller="synctarget",priority="-100"} 4"#,
            r#"workqueue_adds_total{name="synctarget",controller="synctarget"} 1"#,
            r#"workqueue_queue_duration_seconds_count{name="synctarget",controller="synctarget"} 1"#,
            r#"workqueue_work_duration_seconds_count{name="synctarget",controller="synctarget"} 1"#,
            r#"workqueue_unfinished_work_seconds{name="synctarget",controller="synctarget"} 5.0"#,
            r#"workqueue_longest_running_processor_seconds{name="synctarget",controller="synctarget"} 3.0"#,
            r#"workqueue_retries_total{name="synctarget",controller="synctarget"} 1"#,
            r#"berthage_queue_tenants{name="synctarget",controller="synctarget"} 9"#,
            r#"berthage_queue_tenants_held{name="synctarget",controller="synctarget"} 2"#,
            r#"berthage_queue_retries_put_off_total{name="synctarget",controller="synctarget"} 7"#,
            r#"rest_client_requests_total{code="200",method="GET",host="hub"} 1"#,
            r#"rest_client_requests_total{code="<error>",method="PATCH",host="physical"} 1"#,
            r#"rest_client_request_duration_seconds_count{verb="GET",host="hub"} 1"#,
            r#"leader_election_master_status{name="berthage-controller"} 1"#,
        ],
    );
}

#[test]
fn our_own_names_and_labels() {
    let metrics = Metrics::new();
    metrics.reconcile_failed(Reason::ClusterTimeout);
    metrics.hook_call("synctarget", "plan", "ok", Duration::from_micros(30));
    metrics.store(2, 12, 34_567);
    metrics.connections(5);
    metrics.endpoints(2);
    metrics.bulkheads(1, 6);
    metrics.event(true, true);
    metrics.event(false, false);
    assert_has(
        &metrics,
        &[
            r#"berthage_reconcile_failures_total{reason="ClusterTimeout"} 1"#,
            r#"berthage_hook_calls_total{plugin="synctarget",hook="plan",outcome="ok"} 1"#,
            r#"berthage_hook_seconds_count{plugin="synctarget",hook="plan"} 1"#,
            r"berthage_store_workspaces 2",
            r"berthage_store_objects 12",
            r"berthage_store_bytes 34567",
            r"berthage_connections 5",
            r"berthage_hub_endpoints 2",
            r"berthage_breakers_open 1",
            r"berthage_bulkhead_waiting 6",
            r#"berthage_events_total{type="Warning",outcome="written"} 1"#,
            r#"berthage_events_total{type="Normal",outcome="failed"} 1"#,
            concat!("berthage_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ],
    );
}

#[test]
fn the_process_tells_of_itself() {
    let metrics = Metrics::new();
    let lines = lines(&metrics);
    for name in
        ["process_cpu_seconds_total ", "process_resident_memory_bytes ", "process_threads ", "process_open_fds "]
    {
        let value = lines.iter().find_map(|line| line.strip_prefix(name)).unwrap();
        assert!(value.parse::<f64>().unwrap() >= 0.0, "{name}{value}");
    }
}

/// Attack 31: labels that somebody else chooses must not grow without end.
#[test]
fn labels_known_at_run_time_are_capped_and_cannot_break_the_text() {
    let metrics = Metrics::new();
    metrics.hook_call("evil\"} 1\nfake_total 7\n", "plan", "ok", Duration::ZERO);
    for number in 0..1000 {
        metrics.hook_call(&format!("plugin-{number}"), "plan", "ok", Duration::ZERO);
    }
    let lines = lines(&metrics);
    assert!(!lines.iter().any(|line| line.starts_with("fake_total")));
    let series = lines.iter().filter(|line| line.starts_with("berthage_hook_calls_total")).count();
    assert_eq!(series, labels::Names::LIMIT + 1);
    assert_has(&metrics, &[r#"berthage_hook_calls_total{plugin="other",hook="plan",outcome="ok"} 937"#]);
}

#[test]
fn gauges_can_be_set_when_somebody_looks() {
    let metrics = Metrics::new();
    metrics.before_scrape(|metrics| metrics.store(3, 7, 70));
    assert_has(&metrics, &["berthage_store_workspaces 3", "berthage_store_objects 7", "berthage_store_bytes 70"]);
}

#[test]
fn a_panicking_reconcile_is_counted_and_is_active_no_longer() {
    let metrics = Metrics::new();
    let controller = metrics.controller("synctarget", 1);
    let running = controller.start();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _running = running;
        std::panic::resume_unwind(Box::new("ends here"));
    }));
    assert!(panicked.is_err());
    assert_has(
        &metrics,
        &[
            r#"controller_runtime_reconcile_panics_total{controller="synctarget"} 1"#,
            r#"controller_runtime_active_workers{controller="synctarget"} 0"#,
        ],
    );
}
