//! issue: the syncer's identity on the hub and its credential in the physical cluster: keep, renew, revoke.
//!
//! What is decided is decided in core (`credential::decide`); here the identity's rights are granted, certificates are
//! signed and tokens are asked for. The content of a credential lives in [`Credential`] until it is sent, and nowhere else.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berthage_core::api::{ConditionStatus, CredentialStatus, CredentialType};
use berthage_core::credential::{self, Action, Seen, Wanted, Why};
use berthage_core::object::{Desired, ObjectId};
use berthage_core::reason::Reason;
use berthage_core::status::transitions::Notice;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::target::Work;
use super::{Again, Context, Stop, apply, observe, publish, tenancy};
use crate::access::Retry;
use crate::credentials::identity::{self, Identity, Known, Ours};
use crate::credentials::{IssueError, Issued, Recipient, token};
use crate::downstream::Link;
use crate::store::{LeaseMeta, Source};

/// When a credential that could not be made is tried again, while the present one serves.
const RETRY: Duration = Duration::from_secs(60);

/// How often it is tried whether a tenant has granted a syncer's rights.
const RIGHTS: Duration = Duration::from_secs(10);

/// The Secret that should be in the physical cluster, with its content when it was made just now.
pub(crate) struct Credential {
    /// The Secret without its content.
    pub secret: Desired,
    issued: Option<Issued>,
    /// Whether it was made because somebody changed or deleted the Secret.
    repairs: bool,
}

impl Credential {
    /// The one that is in the cluster already, or none.
    pub(super) fn kept(work: &Work<'_>) -> Self {
        Self { secret: secret(work, work.credential.as_ref()), issued: None, repairs: false }
    }

    /// Whether there is content to write.
    pub(crate) fn is_new(&self) -> bool {
        self.issued.is_some()
    }

    /// Whether it was made because somebody changed or deleted the Secret.
    pub(crate) fn repairs(&self) -> bool {
        self.repairs
    }

    /// The Secret with its content, as bytes to be sent; `None` when it was not made in this run.
    pub(crate) fn body(&self, secret: &Value) -> Option<Zeroizing<Vec<u8>>> {
        let kubeconfig = &self.issued.as_ref()?.kubeconfig;
        let text = serde_json::to_string(secret).ok()?;
        // The content is put in as text, so that no tree of values holds a copy that nobody wipes.
        let head = text.strip_suffix('}')?;
        let mut body = Zeroizing::new(Vec::with_capacity(head.len() + kubeconfig.len() * 2 + 64));
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(b",\"data\":{\"kubeconfig\":\"");
        let encoded = Zeroizing::new(STANDARD.encode(&**kubeconfig));
        body.extend_from_slice(encoded.as_bytes());
        body.extend_from_slice(b"\"}}");
        Some(body)
    }

    /// What identifies it, once the cluster has it.
    pub(crate) fn accepted(&self) -> Option<CredentialStatus> {
        self.issued.as_ref().map(|issued| issued.status.clone())
    }
}

/// The identity and the credential that the target should have.
pub(super) async fn credential(ctx: &Context, work: &mut Work<'_>, link: &Link) -> Result<Credential, Stop> {
    let spec = work.target.spec.credentials.clone();
    let current = work.credential.clone();
    let lost = current.is_some() && lost(work, link);
    // A credential is renewed while a target is paused, and neither made nor repaired.
    if work.target.spec.paused && (current.is_none() || lost) {
        return Ok(Credential::kept(work));
    }
    let resolved = ctx.issuer.resolve(spec.type_, current.as_ref().map(|current| current.type_));
    let type_ = match resolved {
        Ok(type_) => type_,
        Err(error) => return keep_or_refuse(work, link, &error),
    };
    match Box::pin(grant(ctx, work, type_)).await {
        Ok(()) => {}
        Err(NotGranted::Stop(stop)) => return Err(stop),
        Err(NotGranted::Issue(error)) => return keep_or_refuse(work, link, &error),
    }
    let profile = ctx.issuer.profile(&work.key.workspace, type_, spec.duration.get());
    let reported = ctx.making.store.lease(&work.key.workspace, &work.names.hub).and_then(|lease| lease.heartbeat);
    let seen = Seen {
        reported_serial: reported
            .as_ref()
            .filter(|found| found.target_uid == *work.held.uid())
            .map(|found| found.credential_serial.as_str()),
        lost: lost && may_repair(ctx, work),
    };
    let wanted = Wanted { type_, profile: &profile };
    let decision = credential::decide(current.as_ref(), wanted, seen, work.held.uid(), work.now);
    if decision.forget_previous {
        forget_previous(ctx, work).await?;
    }
    match decision.action {
        Action::Keep { renew_at } => {
            work.due_at(renew_at);
            Ok(Credential::kept(work))
        }
        Action::Renew(why) => {
            Box::pin(publish::live(ctx, work)).await?;
            let client = &ctx.hub.client(&work.key.workspace);
            let made = ctx.issuer.issue(client, recipient(work), type_, spec.duration.get(), work.now).await;
            match proven(ctx, work, made).await {
                Ok(issued) => {
                    let (status, _) = credential::succeed(work.credential.as_ref(), issued.status.clone(), seen);
                    if work.credential.is_some() {
                        work.notices.push(Notice {
                            warning: false,
                            reason: "CredentialRenewed".to_owned(),
                            message: format!("The syncer's credential is renewed: {}.", told(why)),
                        });
                    }
                    let issued = Issued { status, ..issued };
                    let repairs = why == Why::Lost && has_secret(work);
                    Ok(Credential { secret: secret(work, Some(&issued.status)), issued: Some(issued), repairs })
                }
                Err(error) => keep_or_refuse(work, link, &error),
            }
        }
    }
}

/// Where the tenant grants the syncer's rights himself, a credential is used once it works.
async fn proven(ctx: &Context, work: &mut Work<'_>, made: Result<Issued, IssueError>) -> Result<Issued, IssueError> {
    let issued = made?;
    if tenancy::grants_rights(ctx, &work.key.workspace) {
        return Ok(issued);
    }
    if ctx.issuer.try_out(&issued, recipient(work)).await? {
        return Ok(issued);
    }
    // Nothing tells when they are there.
    work.due_in(RIGHTS);
    let identity = Identity::new(recipient(work), &[CredentialType::ClientCertificate], ctx.options.kcp);
    Err(IssueError::RightsMissing(format!(
        "The APIBinding does not accept the permission claims on clusterroles and clusterrolebindings, and the syncer's \
         rights are not there. Accept the claims, or grant the rights: run {} in this workspace",
        identity::by_hand(&identity)
    )))
}

fn told(why: Why) -> &'static str {
    match why {
        Why::First => "there was none",
        Why::Lost => "the cluster had lost it",
        Why::Expired => "it had expired",
        Why::Changed => "its kind, its duration, the hub's address or a CA changed",
        Why::Due => "two thirds of its time were over",
    }
}

fn recipient<'a>(work: &'a Work<'_>) -> Recipient<'a> {
    Recipient { workspace: &work.key.workspace, names: &work.names, target: &work.key.name, uid: work.held.uid() }
}

/// Whether the cluster is known not to have the Secret as it was left.
fn lost(work: &Work<'_>, link: &Link) -> bool {
    observe::touched(work, link, "Secret") || !has_secret(work)
}

/// Whether the Secret may be made anew now: in a fight over it, only once in a while.
fn may_repair(ctx: &Context, work: &mut Work<'_>) -> bool {
    let Some(wait) = ctx.repairs.hold_back(work.key, work.held.uid(), work.now).filter(|_| has_secret(work)) else {
        return true;
    };
    work.due_in(wait);
    false
}

/// No new credential can be made: a valid one that the cluster has serves on, else the target is blocked.
fn keep_or_refuse(work: &mut Work<'_>, link: &Link, error: &IssueError) -> Result<Credential, Stop> {
    let finding =
        credential::finding_of_failure(work.credential.as_ref(), error.reason(), &error.to_string(), work.now);
    work.found.credentials_valid = Some(finding.clone());
    if finding.status == ConditionStatus::True && !lost(work, link) {
        work.due_in(RETRY);
        return Ok(Credential::kept(work));
    }
    let again = match error.retry() {
        // Nothing wakes the target when the hub's trust or the CA changes.
        Retry::OnChange => Again::After(RETRY),
        other => apply::again(other),
    };
    Err(work.block(finding, again))
}

fn has_secret(work: &Work<'_>) -> bool {
    work.inventory.iter().any(|entry| entry.kind == "Secret" && entry.hash.is_some())
}

/// The Secret, without its content: its hash hangs on what identifies the credential.
pub(super) fn secret(work: &Work<'_>, credential: Option<&CredentialStatus>) -> Desired {
    let object = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": work.names.kubeconfig_secret,
            "namespace": work.namespace(),
            "annotations": {
                "berthage.dev/credential-serial": credential.map_or("", |credential| credential.serial.as_str()),
                "berthage.dev/credential-profile": credential.map_or("", |credential| credential.profile.as_str()),
            },
        },
        "type": "Opaque",
    });
    let id = ObjectId {
        api_version: "v1".to_owned(),
        kind: "Secret".to_owned(),
        namespace: Some(work.namespace().to_owned()),
        name: work.names.kubeconfig_secret.clone(),
    };
    Desired { id, object, source: "berthage".to_owned() }
}

/// Why the syncer's rights are not made.
enum NotGranted {
    /// The run ends.
    Stop(Stop),
    /// There can be no new credential.
    Issue(IssueError),
}

impl<E: Into<IssueError>> From<E> for NotGranted {
    fn from(error: E) -> Self {
        Self::Issue(error.into())
    }
}

/// Grants the identity its rights on the hub, where they are not as they should be.
async fn grant(ctx: &Context, work: &mut Work<'_>, type_: CredentialType) -> Result<(), NotGranted> {
    let (key, names, uid) = (work.key, work.names.clone(), work.held.uid().to_owned());
    let recipient = Recipient { workspace: &key.workspace, names: &names, target: &key.name, uid: &uid };
    let (store, workspace, name) = (&ctx.making.store, &key.workspace, names.hub.as_str());
    let mut types = vec![type_];
    types.extend(work.credential.as_ref().map(|current| current.type_).filter(|current| *current != type_));
    let wanted = Identity::new(recipient, &types, ctx.options.kcp);
    let token = |current: &CredentialStatus| current.type_ == CredentialType::ServiceAccountToken;
    let ours = tenancy::grants_rights(ctx, workspace);
    let known = Known {
        // What the tenant grants himself is not seen; whether it works is tried with the credential.
        role: if ours { store.identity(Source::ClusterRoles, workspace, name) } else { Some(wanted.role_hash()) },
        binding: if ours {
            store.identity(Source::ClusterRoleBindings, workspace, name)
        } else {
            Some(wanted.binding_hash())
        },
        lease: store.lease(workspace, name).is_some(),
        account: work.credential.as_ref().is_some_and(token),
    };
    if wanted.is_known(&known) {
        return Ok(());
    }
    if let Some(advice) = tenancy::hidden(ctx, workspace, "coordination.k8s.io", "leases").filter(|_| !known.lease) {
        return Err(IssueError::ClaimNotAccepted(advice).into());
    }
    Box::pin(publish::live(ctx, work)).await.map_err(NotGranted::Stop)?;
    wanted.ensure(&ctx.hub.client(workspace), &known).await?;
    // The watches will say the same in a moment; until then nothing is asked twice.
    if ours {
        store.set_identity(Source::ClusterRoles, workspace, name, Some(wanted.role_hash()));
        store.set_identity(Source::ClusterRoleBindings, workspace, name, Some(wanted.binding_hash()));
    }
    if !known.lease {
        store.upsert_lease(workspace, name, LeaseMeta { heartbeat: None }, jiff::SignedDuration::ZERO);
    }
    Ok(())
}

/// The syncer reports that it uses the present credential: the one before is let go.
async fn forget_previous(ctx: &Context, work: &mut Work<'_>) -> Result<(), Stop> {
    let Some(current) = work.credential.clone() else { return Ok(()) };
    if current.previous_serial.is_some() {
        let client = &ctx.hub.client(&work.key.workspace);
        if let Err(error) = token::revoke_others(client, recipient(work), Some(&current)).await {
            tracing::info!(key = %work.key, %error, "the last credential could not be revoked; it is tried again");
            return Err(Stop::new(Reason::HubWriteFailed, Again::Backoff));
        }
    }
    work.credential = Some(CredentialStatus { previous_serial: None, ..current });
    Ok(())
}

/// Takes the identity's rights away: whatever the syncer still holds is worth nothing from here on.
pub(super) async fn revoke(ctx: &Context, work: &Work<'_>) -> Result<(), Stop> {
    let (store, workspace, name) = (&ctx.making.store, &work.key.workspace, work.names.hub.as_str());
    let sources = [Source::ClusterRoles, Source::ClusterRoleBindings];
    let there = sources.iter().any(|source| store.identity(*source, workspace, name).is_some());
    if !there && store.lease(workspace, name).is_none() {
        return Ok(());
    }
    let client = &ctx.hub.client(workspace);
    let result = async {
        if work.credential.as_ref().is_some_and(|current| current.type_ == CredentialType::ServiceAccountToken) {
            token::revoke_others(client, recipient(work), None).await?;
        }
        let ours = Ours { rights: tenancy::grants_rights(ctx, workspace), account: !ctx.options.kcp };
        identity::remove(client, recipient(work), ours).await
    };
    if let Err(error) = result.await {
        tracing::info!(key = %work.key, %error, "the syncer's rights on the hub could not be taken away; it is tried again");
        return Err(Stop::new(Reason::IdentityFailed, apply::again(error.retry())));
    }
    for source in sources {
        store.set_identity(source, workspace, name, None);
    }
    store.remove_lease(workspace, name);
    Ok(())
}
