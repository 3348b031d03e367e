//! More than one endpoint, and a kcp that is killed.

use berthage_e2e::folder::RunFolder;
use berthage_e2e::home::Claims;
use berthage_e2e::kubeconfig;
use berthage_e2e::servers::{Access, Cluster, ClusterOptions, Kcp};
use berthage_e2e::wait::{self, PATIENCE};
use berthage_e2e::world::World;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};

use super::east;
use crate::stage::Result;
use crate::stage::controller::{Controller, Settings};
use crate::stage::kcp::Platform;
use crate::stage::target::two_replicas;

/// The workspace of an APIExport whose slice a test writes: a plain API server with kcp's type. A kcp writes its own slices,
/// and a second shard of one needs more processes than a test machine has room for.
struct Slice {
    cluster: Cluster,
    slices: Api<DynamicObject>,
}

impl Slice {
    async fn start(folder: &RunFolder) -> Result<Self> {
        let authority = World::shared().await?.client_authority.certificate();
        let options = ClusterOptions::hub("home").client_authority(&authority);
        let cluster = Box::pin(Cluster::start(folder.path(), options)).await?;
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {
                "name": "apiexportendpointslices.apis.kcp.io",
                "annotations": { "api-approved.kubernetes.io": "unapproved, of a test" },
            },
            "spec": {
                "group": "apis.kcp.io", "scope": "Cluster",
                "names": {
                    "kind": "APIExportEndpointSlice", "plural": "apiexportendpointslices", "singular": "apiexportendpointslice",
                },
                "versions": [{
                    "name": "v1alpha1", "served": true, "storage": true,
                    "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
                }],
            },
        });
        cluster.apply(&[definition]).await?;
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("apis.kcp.io", "v1alpha1", "APIExportEndpointSlice"));
        let slices = Api::all_with(cluster.client().await?, &kind);
        Ok(Self { cluster, slices })
    }

    /// Lists these endpoints and no others.
    async fn publish(&self, urls: &[&str]) -> Result {
        let endpoints: Vec<Value> = urls.iter().map(|url| json!({ "url": url })).collect();
        let slice = json!({
            "apiVersion": "apis.kcp.io/v1alpha1", "kind": "APIExportEndpointSlice", "metadata": { "name": "berthage" },
            "status": { "endpoints": endpoints },
        });
        wait::until_some("the slice being written", PATIENCE, || async {
            let written =
                self.slices.patch("berthage", &PatchParams::apply("test").force(), &Patch::Apply(&slice)).await;
            written.map_err(|error| error.to_string())
        })
        .await?;
        Ok(())
    }

    /// An administrator's kubeconfig for this server, who is one of the others too, and knows their certificates.
    fn kubeconfig(&self, others: [&Access; 2]) -> String {
        let authorities = others.iter().map(|other| other.authority().certificate());
        let bundle: String = authorities.chain([self.cluster.authority().certificate()]).collect();
        kubeconfig::with_token(self.cluster.server(), &bundle, Access::administrators_token())
    }
}

async fn watches(controller: &Controller, endpoints: f64) -> Result {
    Ok(wait::until_some("the endpoints that are watched", PATIENCE, || async {
        match controller.metric("berthage_hub_endpoints", &[]).await {
            Ok(found) if (found - endpoints).abs() < 0.5 => Ok(()),
            other => Err(format!("{other:?} instead of {endpoints}")),
        }
    })
    .await?)
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn endpoints_come_and_go_and_one_that_is_away_holds_up_no_other() -> Result {
    let world = World::shared().await?;
    let site = east().await?;
    let folder = RunFolder::new("shards")?;
    let (kcp, slice) = tokio::try_join!(
        async { Ok(Kcp::start(folder.path(), &world.client_authority.certificate()).await?) },
        Box::pin(Slice::start(&folder)),
    )?;
    let (first, second) = (Platform::start("shard-a").await?, Platform::start_on(&kcp, "shard-b").await?);
    let (a, b) = (first.tenant("same", Claims::All).await?, second.tenant("same", Claims::All).await?);
    let (url_a, url_b) = (first.home.endpoint(), second.home.endpoint());

    // None is listed while nobody has bound the export.
    slice.publish(&[]).await?;
    let file = folder.write("hub.kubeconfig", slice.kubeconfig([first.kcp.root(), kcp.root()]))?;
    let controller = first.controller("controller", Settings::default().with("--kubeconfig", file)).await?;
    slice.publish(&[&url_a]).await?;
    let (hub_a, hub_b) = (first.hub(&a).await?, second.hub(&b).await?);
    let one = hub_a.onboard("same", &site.kubeconfig()).await?;

    // The second is listed before it serves.
    kcp.kill();
    slice.publish(&[&url_a, &url_b]).await?;
    watches(&controller, 2.0).await?;
    hub_a.change(&one, two_replicas()).await?;
    hub_a.has_two_replicas(&one).await?;
    kcp.start_again().await?;
    let other = hub_b.onboard("same", &site.kubeconfig()).await?;

    // What is not listed any more is not served, and not cleaned up.
    let before = site.belongings(&one).await?;
    slice.publish(&[&url_b]).await?;
    watches(&controller, 1.0).await?;
    hub_b.change(&other, two_replicas()).await?;
    hub_b.has_two_replicas(&other).await?;
    assert_eq!(site.belongings(&one).await?, before);
    slice.publish(&[&url_a, &url_b]).await?;
    for (hub, target) in [(&hub_a, &one), (&hub_b, &other)] {
        hub.remove(target).await?;
        site.clean(target).await?;
    }
    Ok(controller.stop().await?)
}

#[tokio::test]
#[ignore = "needs a kcp, which `cargo xtask test --kcp` is told by KCP_BIN"]
async fn a_kcp_that_is_killed_and_comes_back_finds_everything_as_it_was() -> Result {
    let world = World::shared().await?;
    let site = east().await?;
    let folder = RunFolder::new("killed")?;
    let kcp = Kcp::start(folder.path(), &world.client_authority.certificate()).await?;
    let platform = Platform::start_on(&kcp, "killed").await?;
    let tenant = platform.tenant("killed", Claims::All).await?;
    // Without a Lease, which cannot be renewed meanwhile: that a leader then ends is shown elsewhere.
    let settings = Settings::default().flag("--no-leader-election");
    let controller = platform.controller("controller", settings).await?;
    let hub = platform.hub(&tenant).await?;
    let target = hub.onboard("same", &site.kubeconfig()).await?;
    let before = site.belongings(&target).await?;
    kcp.kill();
    // What goes wrong downstream meanwhile is put right when the hub is back.
    let namespace = &target.names.namespace;
    site.deployments(&target.names).delete(&target.names.syncer, &kube::api::DeleteParams::default()).await?;
    kcp.start_again().await?;
    hub.change(&target, two_replicas()).await?;
    hub.has_two_replicas(&target).await?;
    hub.ready(&target).await?;
    let after = site.belongings(&target).await?;
    let lasting = |found: &[crate::stage::remains::Found]| -> Vec<String> {
        let lasting = found.iter().filter(|it| it.namespace != *namespace || it.kind == "ServiceAccount");
        lasting.map(|it| format!("{it:?} {}", it.uid)).collect()
    };
    assert_eq!(lasting(&before), lasting(&after), "something was made anew");
    hub.remove(&target).await?;
    site.clean(&target).await?;
    Ok(controller.stop().await?)
}
