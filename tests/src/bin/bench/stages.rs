//! Hook calls, and the way from an object to its manifests, stage by stage, on one thread of this process.

use std::hint::black_box;
use std::sync::Arc;

use berthage::args::ShareArgs;
use berthage::controller;
use berthage::hook::Encoded;
use berthage::metrics::Metrics;
use berthage::reconcile::offline::{self, Subject};
use berthage::store::{Held, Store};
use berthage::wire::Wire;
use berthage_core::api::{ClusterRegistration, SyncTarget};
use berthage_core::guard::{self, Policy};
use berthage_core::key::{Key, Kind, Workspace};
use berthage_core::names::TargetNames;
use berthage_core::object::{Desired, ObjectId};
use berthage_core::{canonical, seal};
use berthage_e2e::controller::share;
use berthage_e2e::folder::RunFolder;
use clap::Parser;
use serde_json::Value;

use crate::report::Report;
use crate::{Result, allocations, process, sample};

/// What one round takes at least, in nanoseconds: the kernel counts CPU time in coarse steps.
const ROUND: u64 = 100_000_000;
const ROUNDS: usize = 7;
const HOOKS: &str = "hook";
const RENDER: &str = "render";

#[derive(Parser)]
struct Share {
    #[command(flatten)]
    share: ShareArgs,
}

/// Fills the report.
pub(crate) fn measure(report: &mut Report) -> Result {
    let folder = RunFolder::new("bench-stages")?;
    let arguments = [std::ffi::OsString::from("bench"), "--share".into(), share(folder.path())?.into()];
    let share = Share::try_parse_from(arguments)?.share;
    let workspace = Workspace::local();
    let store = Arc::new(Store::offline(&workspace));
    let making = controller::making(&share, Arc::clone(&store), &Metrics::new())?;

    let text = serde_json::to_string(&sample::target("edge-1"))?;
    let wire: Wire = serde_json::from_str(&text)?;
    let held = Held::of(Kind::Target, &wire)?;
    let target: SyncTarget = held.decode()?;
    store.upsert(&Key::registration(&workspace, "edge-1"), &serde_json::from_value(sample::registration("edge-1"))?)?;
    let registration: ClusterRegistration = serde_json::from_value(sample::registration("edge-1"))?;
    let key = Key::target(&workspace, "edge-1");
    let now = jiff::Timestamp::now();
    let subject =
        || Subject { key: &key, held: held.clone(), object: target.clone(), registration: &registration, now };
    let refused = |finding: berthage_core::status::target::Finding| finding.message;
    let objects = offline::manifests(&making, subject()).map_err(refused)?;

    // Hooks.
    let input = offline::input(&making, subject()).map_err(refused)?;
    let encoded = Encoded::new(&workspace, &input);
    let reconciler = making.plugins.reconciler();
    let plan = reconciler.plan(&encoded)?;
    let size = serde_json::to_vec(&input.subject)?.len() + serde_json::to_vec(&input.facts)?.len();
    let note = format!("a fresh instance each; {size} bytes of JSON go in");
    timed(report, HOOKS, "plan", || reconciler.plan(&encoded))?.note(note);
    timed(report, HOOKS, "select", || reconciler.select(&workspace, &input.subject))?;
    timed(report, HOOKS, "report", || reconciler.report(&encoded))?;
    timed(report, HOOKS, "its input, encoded", || Encoded::new(&workspace, &input))?;

    // From the event to the manifests.
    let whole = || offline::manifests(&making, subject());
    timed(report, RENDER, "all of it, with its hook calls", whole)?.note(format!("{} objects", objects.len()));
    timed(report, RENDER, "  the watch's line, parsed", || serde_json::from_str::<Wire>(&text))?;
    timed(report, RENDER, "  what is held of it", || Held::of(Kind::Target, &wire))?;
    timed(report, RENDER, "  the object, decoded", || held.decode::<SyncTarget>())?;
    let set = making.library.set(&workspace).map_err(|error| error.to_string())?;
    let values = Value::Object(target.spec.values.clone().into_iter().collect());
    let request = plan.renders.first().ok_or("the plugin renders nothing")?;
    let rendered = set.render(&request.values, Some(&values))?;
    timed(report, RENDER, "  templates to objects", || set.render(&request.values, Some(&values)))?;
    let names = TargetNames::new(&workspace, held.uid());
    let context = seal::SealContext {
        names: &names,
        namespace: &names.namespace,
        workspace: &workspace,
        name: &key.name,
        uid: held.uid(),
    };
    let unsealed: Vec<Desired> = rendered
        .into_iter()
        .filter_map(|one| Some(Desired { id: ObjectId::of(&one.object)?, object: one.object, source: one.source }))
        .collect();
    timed(report, RENDER, "  objects copied, for the next line", || unsealed.clone())?;
    timed(report, RENDER, "  owner, labels and hash (and that)", || seal::seal(unsealed.clone(), &context))?;
    let sealed = seal::seal(unsealed, &context);
    let granted = target.spec.supported_api_resources.clone();
    let policy = Policy::new(&names, &names.namespace, &granted);
    guard::check(&sealed, &policy).map_err(|violations| violations.to_string())?;
    timed(report, RENDER, "  guard", || guard::check(&sealed, &policy))?;
    timed(report, RENDER, "  revision", || canonical::revision(&sealed))?;
    Ok(())
}

/// Adds the CPU time of one `run`, the best of some rounds, and how much it allocates.
#[expect(clippy::cast_precision_loss, reason = "a round is no longer than seconds")]
fn timed<'a, T>(
    report: &'a mut Report,
    group: &'static str,
    what: &str,
    mut run: impl FnMut() -> T,
) -> Result<&'a mut crate::report::Row> {
    run();
    let (begin, mut runs) = (process::thread_cpu()?, 0_u64);
    while process::thread_cpu()? - begin < ROUND / 4 {
        (0..8).for_each(|_| drop(black_box(run())));
        runs += 32;
    }
    let mut best = u64::MAX;
    for _ in 0..ROUNDS {
        let begin = process::thread_cpu()?;
        (0..runs).for_each(|_| drop(black_box(run())));
        best = best.min((process::thread_cpu()? - begin) / runs);
    }
    let (allocations, bytes) = allocations::during(&mut run);
    let row = report.add(group, what, best as f64 / 1e3, "µs CPU");
    Ok(row.note(format!("{allocations} allocations, {bytes} bytes")))
}
