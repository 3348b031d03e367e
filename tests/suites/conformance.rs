//! The sandbox behaves as a real server does: one script, run against both, and compared field by field.
//!
//! `host/sandbox/conformance` has the script, the answers that are kept, and the differences that are known.

use std::collections::BTreeMap;
use std::time::Duration;

use berthage_e2e::folder::RunFolder;
use berthage_e2e::servers::{Access, Cluster, ClusterOptions, Kcp};
use berthage_e2e::world::on_kcp;
use berthage_sandbox::conformance::{Answers, Caller, Kind, Place, Script, Wire, compare, judge, run};
use berthage_sandbox::tls::Identity;

use crate::stage::{Result, problem};

/// How long a controller may take: namespaces that were found not to be empty are looked at again after a while.
const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test]
#[ignore = "needs the servers of `cargo xtask servers`"]
async fn the_sandbox_answers_as_a_real_server_does() -> Result {
    // What comes late on a busy machine is not seen twice; a difference is, on a fresh server too.
    if let Err(first) = compared().await {
        println!("{first}\n\nonce more, with a fresh server");
        compared().await?;
    }
    Ok(())
}

/// Asks a fresh server, and compares.
async fn compared() -> Result {
    let folder = RunFolder::new("conformance")?;
    let script = Script::read()?;
    // A server of its own: the answers are those of one that has nothing yet.
    if on_kcp() {
        let kcp = Box::pin(Kcp::start(folder.path(), "")).await?;
        let workspace = kcp.workspace(kcp.root(), "conformance").await?;
        let path = workspace.workspace_path();
        let words = BTreeMap::from([
            ("cluster".to_owned(), workspace.logical_cluster().to_owned()),
            ("workspace".to_owned(), path.clone()),
        ]);
        let version = kept(Kind::Kcp)?.version;
        return judged(&script, &workspace, Kind::Kcp, version, format!("/clusters/{path}"), words).await;
    }
    let cluster = Box::pin(Cluster::start(folder.path(), ClusterOptions::hub("conformance"))).await?;
    let version = cluster.client().await?.apiserver_version().await?.git_version;
    judged(&script, &cluster, Kind::Kubernetes, version, String::new(), BTreeMap::new()).await
}

/// Asks a server everything, and compares what it says with what is kept of its kind and with what the sandbox says.
async fn judged(
    script: &Script,
    server: &Access,
    kind: Kind,
    version: String,
    base: String,
    mut words: BTreeMap<String, String>,
) -> Result {
    let address = server.server().trim_start_matches("https://").to_owned();
    words.insert("server".to_owned(), address.clone());
    let mut identities = BTreeMap::new();
    for caller in script.certificates() {
        if let Caller::Certificate { user, group } = &caller {
            let issued = server.authority().issue_client(user, group.as_deref())?;
            identities.insert(caller, Identity { certificate: issued.certificate, key: issued.key });
        }
    }
    let authority = server.authority().certificate();
    let wire = Wire::new(&address, &authority, Access::administrators_token(), identities)?;
    let place = Place { kind, version, date: String::new(), base, masks: words, patience: PATIENCE, strict: true };
    let real = run(script, &place, |request| wire.send(request)).await?;
    let kept = kept(kind)?;
    if kept.version == real.version {
        let differences: Vec<String> = compare(&kept, &real).iter().map(ToString::to_string).collect();
        if !differences.is_empty() {
            let told = differences.join("\n");
            return Err(problem(format!("{} are not this server's answers:\n{told}", kept.path().display())));
        }
    }
    let judged = judge(script, &real).await?;
    if judged.is_fine() { Ok(()) } else { Err(problem(judged.report())) }
}

/// The newest answers that are kept of servers of a kind.
fn kept(kind: Kind) -> Result<Answers> {
    let all = Answers::kept()?.into_iter().map(|(_, answers)| answers);
    let newest = all.filter(|answers| answers.server == kind).max_by(|one, other| one.date.cmp(&other.date));
    newest.ok_or_else(|| problem(format!("no answers of {} are kept", kind.name())))
}
