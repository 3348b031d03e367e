//! The closed set of reasons: the `reason` of a condition, the reason of an Event and the label of a metric are the same
//! word.

/// Declares the enum and its words together, so that neither can be forgotten.
macro_rules! reasons {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// Why something is as it is. One CamelCase word each, never anything of a tenant's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])+ $name,)+ }

        impl Reason {
            /// All of them, for documentation and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }
        }
    };
}

reasons! {
    // Good.
    /// Everything the condition speaks of is as it should be.
    AsExpected,
    /// Work is under way.
    Progressing,
    /// `spec.paused` is set: nothing is changed downstream.
    Paused,
    /// The controller runs with --observe-only: nothing is changed anywhere but in status.
    ObserveOnly,
    /// Being deleted.
    Terminating,
    /// Not looked at yet.
    NotYetKnown,

    // Finding the physical cluster.
    /// clusterRef names a ClusterRegistration that is not in the workspace.
    RegistrationNotFound,
    /// The registration was not probed yet.
    RegistrationNotProbed,
    /// kubeConfigSecretRef names a Secret that is not there, or that does not carry the label that makes it ours to read.
    SecretNotFound,
    /// The tenant's APIBinding does not accept a permission claim that is needed.
    ClaimNotAccepted,
    /// The Secret has no such key.
    SecretKeyMissing,
    /// The Secret may not be read by the controller.
    SecretForbidden,
    /// The kubeconfig is empty.
    KubeconfigEmpty,
    /// The kubeconfig is larger than is accepted.
    KubeconfigTooLarge,
    /// The kubeconfig cannot be parsed, or does not say where and how.
    KubeconfigInvalid,
    /// The kubeconfig uses something that is not accepted from a tenant: exec, file paths, http, impersonation, …
    KubeconfigRefused,

    // Talking to it.
    /// No connection: name not found, refused, no route.
    ClusterUnreachable,
    /// It accepted the connection and did not answer in time.
    ClusterTimeout,
    /// Its certificate does not match the kubeconfig's CA, or TLS failed in another way.
    ClusterTlsFailed,
    /// 401: the kubeconfig's credential is not, or no longer, accepted.
    ClusterUnauthorized,
    /// 403: the kubeconfig's credential lacks a right that is needed.
    ClusterForbidden,
    /// Its answer cannot be understood, or is larger than is accepted.
    ClusterAnswerInvalid,
    /// 429 or 5xx: it is there and cannot serve now.
    ClusterOverloaded,
    /// Another cluster answers at the address: kube-system has another uid than the one deployed to.
    ClusterReplaced,

    // Making the manifests.
    /// A template or a value layer cannot be read, compiled or rendered.
    TemplateInvalid,
    /// A rendered or transformed object breaks a rule of the platform.
    PolicyViolation,
    /// A plugin is missing, cannot be loaded, trapped, ran out of its budget or answered nonsense.
    PluginFailed,
    /// A plugin is left alone for a while after repeated failures.
    PluginQuarantined,
    /// A plugin found the object, or its configuration, wrong.
    PluginRefused,
    /// A plugin asked for a retry.
    PluginRetry,
    /// A plugin waits for something.
    PluginWaiting,
    /// A plugin asked to leave everything as it is.
    PluginHold,

    /// A plugin is declared and not loaded yet.
    PluginLoading,
    /// A plugin is declared in a way that cannot stand, or more than one decides.
    PluginInvalid,
    /// A workspace's plugin is not offered by the platform, or wants more than is.
    PluginNotOffered,
    /// A plugin reads or makes what it has no grant for.
    PluginExceedsGrant,

    // Applying them.
    /// An object of that name is there and is not ours.
    OwnedByOthers,
    /// The API server refused an object as invalid.
    ObjectRejected,
    /// An admission webhook or policy, or a quota, refused an object.
    AdmissionDenied,
    /// Applying failed in a way that may pass.
    ApplyFailed,
    /// More would be deleted at once than the budget allows.
    DeletionBudgetExceeded,
    /// Rendering came out empty: nothing is deleted by that.
    EmptyDesired,
    /// The namespace is being deleted; waiting until it is gone.
    NamespaceTerminating,

    // The Deployment.
    /// Applied; its replicas are not all ready yet.
    RolloutProgressing,
    /// Its replicas did not become ready in time.
    RolloutStuck,
    /// Not applied yet.
    NotDeployed,
    /// The syncer moves from one physical cluster to another.
    Moving,

    // Credentials.
    /// A new credential is in the cluster; the syncer does not report it yet.
    Rotating,
    /// A new credential could not be made; the present one is still valid.
    RenewalFailed,
    /// No credential could be made.
    IssueFailed,
    /// The credential's time is over.
    CredentialExpired,
    /// The hub does not trust berthage's CA, or there is none, and nothing else is allowed.
    CaNotTrusted,
    /// The tenant grants the syncer's rights himself, and has not yet.
    RightsMissing,
    /// The syncer's rights on the hub could not be granted.
    IdentityFailed,

    // The syncer's heartbeat.
    /// No heartbeat was ever seen.
    NeverSeen,
    /// The last heartbeat is too old.
    HeartbeatLost,

    // Drift.
    /// Something was changed or deleted behind our back, and repaired.
    DriftRepaired,
    /// Something is changed behind our back again and again.
    DriftFight,

    // Deletion.
    /// Waiting for the physical cluster, as the deletion policy says.
    WaitingForCluster,
    /// Let go, as the deletion policy says; objects may be left behind.
    Abandoned,
    /// Everything is cleaned up.
    CleanedUp,
    /// A plugin's finalize delays the clean-up.
    FinalizeDelayed,

    // Ours.
    /// The object does not fit its own schema.
    ObjectInvalid,
    /// The hub did not take a write.
    HubWriteFailed,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
