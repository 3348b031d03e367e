//! The syncers' credentials for the hub: a client certificate of our own CA, or a ServiceAccount token; the rights that go
//! with it; and the kubeconfig that carries it.
//!
//! One identity for each target, limited to that target by name. Secret bytes live in [`Issued`] and [`Authority`] only,
//! which have neither `Debug` nor `Serialize`. When to renew is decided in `berthage_core::credential`.

pub mod ca;
pub mod certificate;
pub mod error;
pub mod identity;
pub mod kubeconfig_out;
pub mod probe;
#[cfg(test)]
mod scripted;
pub mod token;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use berthage_core::api::{CredentialStatus, CredentialType};
use berthage_core::key::Workspace;
use berthage_core::names::{TargetNames, hex};
use jiff::Timestamp;
use kube::Client;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::access::{Network, Options};

pub use ca::{Authority, AuthorityError};
pub use error::IssueError;
pub use identity::Identity;
pub use kubeconfig_out::HubAddress;
pub use probe::Trust;

/// A new credential: what may be told of it, and the kubeconfig that holds it.
pub struct Issued {
    /// What identifies it. `previous_serial` is not set: see `berthage_core::credential::succeed`.
    pub status: CredentialStatus,
    /// The kubeconfig for the hub, as JSON, which every reader of kubeconfigs takes.
    pub kubeconfig: Zeroizing<Vec<u8>>,
}

/// For whom a credential is.
#[derive(Debug, Clone, Copy)]
pub struct Recipient<'a> {
    /// The target's workspace.
    pub workspace: &'a Workspace,
    /// The target's names.
    pub names: &'a TargetNames,
    /// The target's name on the hub.
    pub target: &'a str,
    /// The target's uid.
    pub uid: &'a str,
}

/// Makes credentials.
pub struct Issuer {
    authority: Option<Authority>,
    hub: HubAddress,
    /// The controller's own address of the hub, where that differs.
    own: Option<HubAddress>,
    /// Whether the hub gives tokens.
    tokens: bool,
    /// How it asks the hub under a syncer's name: never with the fence, since nothing is written.
    options: Options,
    trust: RwLock<Trust>,
}

impl Issuer {
    /// Without an `authority` only tokens are made. Until [`Self::probe`] was called it is not known whether the hub trusts
    /// it.
    pub fn new(authority: Option<Authority>, hub: HubAddress) -> Self {
        Self {
            authority,
            hub,
            own: None,
            tokens: true,
            options: Options::default(),
            trust: RwLock::new(Trust::NotProbed),
        }
    }

    /// For kcp, which gives no tokens through its virtual workspaces. `own` is where the controller itself reaches it.
    #[must_use]
    pub fn certificates_only(self, own: HubAddress) -> Self {
        Self { tokens: false, own: Some(own), ..self }
    }

    /// The same over what stands for the network.
    #[must_use]
    pub fn over(self, network: Option<Arc<dyn Network>>) -> Self {
        Self { options: Options { network, ..self.options }, ..self }
    }

    /// Asks the hub, with a credential just made, whether its holder may do what a syncer has to.
    pub async fn try_out(&self, issued: &Issued, recipient: Recipient<'_>) -> Result<bool, IssueError> {
        probe::try_out(issued, &self.hub, self.own.as_ref(), &self.options, recipient).await
    }

    /// Asks the hub whether it trusts our CA and remembers the answer. `config` is the controller's own way to the hub;
    /// the syncers' way is tried first.
    pub async fn probe(&self, config: &kube::Config, now: Timestamp) -> Trust {
        let Some(authority) = &self.authority else { return Trust::NotProbed };
        let question = probe::Question { authority, config, options: &self.options, now };
        let found = probe::probe(&question, &self.hub).await;
        let mut trust = self.trust.write().unwrap_or_else(PoisonError::into_inner);
        // What was known stays known while the hub does not answer.
        if !matches!((&found, &*trust), (Trust::Unknown(_), Trust::Trusted | Trust::NotTrusted)) {
            *trust = found.clone();
        }
        found
    }

    /// Whether the hub trusts our CA, as last seen.
    pub fn trust(&self) -> Trust {
        self.trust.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether there is a CA at all.
    pub const fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// The kind of credential to make for a wish. `current` is the kind in use: `Auto` stays with it while the hub's trust
    /// is not known.
    pub fn resolve(
        &self,
        wanted: CredentialType,
        current: Option<CredentialType>,
    ) -> Result<CredentialType, IssueError> {
        if !self.tokens {
            return self.certificate(wanted, current);
        }
        if wanted == CredentialType::ServiceAccountToken {
            return Ok(wanted);
        }
        let automatic = wanted == CredentialType::Auto;
        match (self.authority.is_some(), self.trust()) {
            (true, Trust::Trusted) => Ok(CredentialType::ClientCertificate),
            (false, _) | (true, Trust::NotTrusted) if automatic => Ok(CredentialType::ServiceAccountToken),
            (false, _) => Err(IssueError::NoAuthority),
            (true, Trust::NotTrusted) => Err(IssueError::NotTrusted),
            (true, Trust::NotProbed | Trust::Unknown(_)) => match current {
                Some(current) if automatic => Ok(current),
                Some(CredentialType::ClientCertificate) => Ok(CredentialType::ClientCertificate),
                _ => Err(IssueError::TrustUnknown),
            },
        }
    }

    /// As [`Self::resolve`], where there are no tokens.
    fn certificate(
        &self,
        wanted: CredentialType,
        current: Option<CredentialType>,
    ) -> Result<CredentialType, IssueError> {
        let certificate = CredentialType::ClientCertificate;
        if wanted == CredentialType::ServiceAccountToken {
            return Err(IssueError::CertificateNeeded("spec.credentials.type asks for a token"));
        }
        match (self.authority.is_some(), self.trust()) {
            (true, Trust::Trusted) => Ok(certificate),
            (false, _) => Err(IssueError::CertificateNeeded("the controller has no CA")),
            (true, Trust::NotTrusted) => Err(IssueError::CertificateNeeded("kcp does not trust the controller's CA")),
            (true, Trust::NotProbed | Trust::Unknown(_)) if current == Some(certificate) => Ok(certificate),
            (true, Trust::NotProbed | Trust::Unknown(_)) => Err(IssueError::TrustUnknown),
        }
    }

    /// Hash of everything that a credential of that kind and wanted duration rests on besides itself: the hub's address and
    /// CA, the kind, the duration and our CA. See `CredentialStatus::profile`.
    pub fn profile(&self, workspace: &Workspace, type_: CredentialType, duration: Duration) -> String {
        let mut hasher = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        add(self.hub.url(workspace).as_bytes());
        add(self.hub.ca.as_deref().unwrap_or_default());
        add(self.hub.tls_server_name.as_deref().unwrap_or_default().as_bytes());
        add(&duration.as_millis().to_be_bytes());
        match (type_, &self.authority) {
            (CredentialType::ClientCertificate, Some(authority)) => add(authority.fingerprint().as_bytes()),
            (CredentialType::ClientCertificate, None) => add(b"no authority"),
            _ => add(b"token"),
        }
        hex(&hasher.finalize()[..8])
    }

    /// Makes a credential of a kind that [`Self::resolve`] gave. For a token, the ServiceAccount must be there already;
    /// `client` is of the target's workspace. A certificate costs no request.
    pub async fn issue(
        &self,
        client: &Client,
        recipient: Recipient<'_>,
        type_: CredentialType,
        duration: Duration,
        now: Timestamp,
    ) -> Result<Issued, IssueError> {
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let profile = self.profile(recipient.workspace, type_, duration);
        if type_ == CredentialType::ClientCertificate {
            let authority = self.authority.as_ref().ok_or(IssueError::NoAuthority)?;
            let certificate = certificate::issue(authority, &recipient.names.user, duration, now)?;
            let status = CredentialStatus {
                type_,
                serial: certificate.serial.clone(),
                profile,
                issued_at: now,
                expires_at: certificate.not_after,
                previous_serial: None,
            };
            let user = kubeconfig_out::User::Certificate(&certificate);
            let kubeconfig = kubeconfig_out::write(&self.hub, recipient, &user, &status)?;
            return Ok(Issued { status, kubeconfig });
        }
        let token = token::issue(client, recipient, duration, now).await?;
        let status = CredentialStatus {
            type_: CredentialType::ServiceAccountToken,
            serial: token.serial.clone(),
            profile,
            issued_at: now,
            expires_at: token.expires_at,
            previous_serial: None,
        };
        let user = kubeconfig_out::User::Token(&token.text);
        let kubeconfig = kubeconfig_out::write(&self.hub, recipient, &user, &status)?;
        Ok(Issued { status, kubeconfig })
    }
}

#[cfg(test)]
#[path = "issuer_tests.rs"]
mod tests;
