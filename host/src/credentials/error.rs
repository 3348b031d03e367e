//! Why a credential, or the rights that go with it, could not be made.

use berthage_core::reason::Reason;

use super::ca::AuthorityError;
use crate::access::failure::Retry;
use crate::access::{ConnectError, Failure};

/// Why no credential was made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// A certificate is wanted, and there is no CA.
    #[error(
        "the controller has no CA to sign a client certificate: make one with `berthage ca init`, or set \
         spec.credentials.type to ServiceAccountToken"
    )]
    NoAuthority,
    /// A certificate is wanted, and the hub does not trust the CA.
    #[error(
        "the hub does not trust the controller's CA: add ca.crt to the file of the API server's --client-ca-file, or set \
         spec.credentials.type to ServiceAccountToken"
    )]
    NotTrusted,
    /// On kcp there are only certificates, and none can be made.
    #[error(
        "{0}: on kcp a syncer needs a client certificate, because virtual workspaces give no tokens. Make a CA with `berthage \
         ca init`, start kcp with --client-ca-file naming its ca.crt, and give the controller --ca-cert and --ca-key"
    )]
    CertificateNeeded(&'static str),
    /// The tenant's binding does not accept a claim that is needed.
    #[error("{0}")]
    ClaimNotAccepted(String),
    /// The tenant has refused that rights are granted for him, and the syncer's are not there.
    #[error("{0}")]
    RightsMissing(String),
    /// Whether the hub trusts the CA could not be found out yet.
    #[error("it is not known yet whether the hub trusts the controller's CA; it is asked again")]
    TrustUnknown,
    /// The CA cannot be used.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Signing failed.
    #[error("a client certificate could not be signed with the controller's CA; check its key")]
    Sign(#[source] rcgen::Error),
    /// What was signed is not what should have been: it is thrown away.
    #[error("the signed client certificate is not as it should be: {0}; it was thrown away")]
    SelfCheck(&'static str),
    /// The system gave no random numbers.
    #[error("the system gave no random numbers")]
    Random,
    /// The hub refused or did not answer.
    #[error("{what} could not be made on the hub: {}", failure.message)]
    Hub {
        /// Which object.
        what: String,
        /// How it failed.
        failure: Failure,
    },
    /// The hub refused an object of the syncer's identity, or did not answer.
    #[error("the syncer's rights on the hub could not be granted: {what}: {}", failure.message)]
    Identity {
        /// Which object.
        what: String,
        /// How it failed.
        failure: Failure,
    },
    /// An object of that name belongs to somebody else.
    #[error("{what} exists on the hub and does not belong to this SyncTarget; delete it")]
    Foreign {
        /// Which object.
        what: String,
    },
    /// The hub's answer to a token request is none.
    #[error("the hub's answer to the request for a token cannot be understood")]
    TokenAnswer,
    /// The kubeconfig could not be written, which no input can cause.
    #[error("the kubeconfig could not be written")]
    Kubeconfig(#[source] serde_json::Error),
    /// A client for the probe could not be made.
    #[error("the hub cannot be asked whether it trusts the controller's CA")]
    Probe(#[source] ConnectError),
}

impl IssueError {
    /// The condition's reason.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::NoAuthority
            | Self::NotTrusted
            | Self::CertificateNeeded(_)
            | Self::TrustUnknown
            | Self::Authority(_) => Reason::CaNotTrusted,
            Self::ClaimNotAccepted(_) => Reason::ClaimNotAccepted,
            Self::RightsMissing(_) => Reason::RightsMissing,
            Self::Identity { .. } | Self::Foreign { .. } => Reason::IdentityFailed,
            Self::Sign(_)
            | Self::SelfCheck(_)
            | Self::Random
            | Self::Hub { .. }
            | Self::TokenAnswer
            | Self::Kubeconfig(_)
            | Self::Probe(_) => Reason::IssueFailed,
        }
    }

    /// When to try again.
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Hub { failure, .. } | Self::Identity { failure, .. } => failure.retry,
            // The watch of the bindings tells when it is accepted.
            Self::ClaimNotAccepted(_) => Retry::OnChange,
            _ => Retry::Backoff,
        }
    }
}
