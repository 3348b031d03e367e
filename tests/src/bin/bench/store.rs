//! What is held of a fleet: bytes a target as it grows, and how much a list of all of it takes for a moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use berthage::store::{Endpoint, Source, Store};
use berthage::watch::{Change, Watches};
use berthage::wire::Wire;
use berthage_core::key::{Key, Kind, Workspace};
use http_body_util::Full;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::report::Report;
use crate::{Result, allocations, sample};

const GROUP: &str = "store";
/// What kube's watcher asks for at a time.
const PAGE: usize = 500;

/// Fills the report.
#[expect(clippy::cast_precision_loss, reason = "a fleet has less than 2^52 bytes")]
pub(crate) fn measure(report: &mut Report, sizes: &[usize]) -> Result {
    let json = serde_json::to_vec(&sample::target("edge-100000"))?.len();
    for &count in sizes {
        let before = allocations::live();
        let store = full(count)?;
        let bytes = (allocations::live() - before) as f64 / count as f64;
        let note = format!("{json} bytes of JSON each");
        report.add(GROUP, format!("a target of {count}"), bytes, "bytes").at_most(3_500.0).note(note);
        drop(store);
    }
    let count = sizes.iter().copied().find(|size| *size >= 10_000).unwrap_or(1_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let peak = runtime.block_on(relist(count))?;
    let note = format!("over what is held; {count} targets in pages of {PAGE}");
    report.add(GROUP, "a list of all, at its highest", peak as f64 / f64::from(1 << 20), "MiB").note(note);
    Ok(())
}

fn full(count: usize) -> Result<Store> {
    let workspace = Workspace::local();
    let store = Store::offline(&workspace);
    for number in 0..count {
        let name = format!("edge-{number}");
        let wire: Wire = serde_json::from_value(sample::target(&name))?;
        store.upsert(&Key::target(&workspace, &name), &wire)?;
    }
    Ok(store)
}

/// Lists everything, loses the watch, and lists everything once more: gives how much more than at rest was allocated during the
/// second list. The server is a function, which has its answers ready: what it holds is no part of it.
async fn relist(count: usize) -> Result<i64> {
    let pages: Arc<Vec<Vec<u8>>> = Arc::new(
        (0..count)
            .collect::<Vec<_>>()
            .chunks(PAGE)
            .map(|numbers| {
                let items: Vec<Value> =
                    numbers.iter().map(|number| sample::target(&format!("edge-{number}"))).collect();
                let next = numbers.last().filter(|last| **last + 1 < count).map(|last| (last / PAGE + 1).to_string());
                let metadata = json!({ "resourceVersion": "900000", "continue": next });
                let list = json!({ "apiVersion": "workload.kcp.io/v1alpha1", "kind": "SyncTargetList",
                    "metadata": metadata, "items": items });
                serde_json::to_vec(&list)
            })
            .collect::<serde_json::Result<_>>()?,
    );
    let lists = Arc::new(AtomicUsize::new(0));
    let (told, mut watches) = mpsc::unbounded_channel();
    let server = tower::service_fn({
        let lists = Arc::clone(&lists);
        move |request: http::Request<kube::client::Body>| {
            let query = request.uri().query().unwrap_or_default().to_owned();
            let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            let body = if parameter("watch").is_some() {
                let _ = told.send(());
                // The version is too old: everything is to be listed again.
                br#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"code":410,"reason":"Expired","status":"Failure","message":"too old"}}"#.to_vec()
            } else {
                let page: usize = parameter("continue").and_then(|page| page.parse().ok()).unwrap_or(0);
                lists.fetch_add(1, Ordering::Relaxed);
                pages.get(page).cloned().unwrap_or_default()
            };
            std::future::ready(Ok::<_, std::convert::Infallible>(http::Response::new(Full::from(body))))
        }
    });
    let store = Arc::new(Store::default());
    let endpoint = Endpoint::plain();
    store.open(&endpoint, Source::PLAIN);
    let watching = Watches {
        endpoint,
        client: Client::new(server, "default"),
        store: Arc::clone(&store),
        sink: Arc::new(|_: Change| {}),
    };
    let task = tokio::spawn(watching.run(Source::Targets));
    // The first watch begins when the first list is over, the second one when the second is.
    watches.recv().await.ok_or("the watch ended")?;
    let held = allocations::live();
    allocations::watch_peak();
    watches.recv().await.ok_or("the watch ended")?;
    let peak = allocations::peak() - held;
    task.abort();
    let expected = (count.div_ceil(PAGE) * 2, count);
    let found = (lists.load(Ordering::Relaxed), store.keys(Kind::Target).len());
    if found == expected {
        Ok(peak)
    } else {
        Err(format!("{found:?} pages and targets instead of {expected:?}").into())
    }
}
