//! Who makes a request.
//!
//! Facts: `k8s.io/apiserver/pkg/authentication/{user,serviceaccount,request/x509,request/anonymous,group}`. The TLS layer has
//! verified a certificate against the client CA before its subject arrives here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The group that may do everything.
pub const MASTERS: &str = "system:masters";
/// The group of everybody who showed a credential.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of everybody who showed none.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The user of everybody who showed no credential.
pub const ANONYMOUS: &str = "system:anonymous";

/// What the names of ServiceAccounts begin with as users.
pub(super) const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

/// Who makes a request, as `user.Info`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// Name, unique among those who are there at a time.
    pub name: String,
    /// Unique in time too; often empty.
    pub uid: String,
    /// The groups that the user is in.
    pub groups: Vec<String>,
    /// What else the authenticator knows, by lower-case key.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// What is said of the holder in a verified client certificate.
#[derive(Debug, Clone, Copy)]
pub struct CertificateSubject<'a> {
    /// CN: the name of the user.
    pub common_name: &'a str,
    /// O, in the order of the certificate: the groups.
    pub organisations: &'a [&'a str],
    /// The attribute 1.3.6.1.4.1.57683.2, if the subject has it.
    pub uid: Option<&'a str>,
    /// SHA-256 of the certificate's DER form.
    pub sha256: &'a [u8; 32],
}

impl User {
    /// A user of this name in these groups, nothing else.
    pub fn new<G: Into<String>>(name: impl Into<String>, groups: impl IntoIterator<Item = G>) -> Self {
        Self { name: name.into(), groups: groups.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The user of whoever shows no credential.
    pub fn anonymous() -> Self {
        Self::new(ANONYMOUS, [UNAUTHENTICATED])
    }

    /// The user of a client certificate. A certificate without a common name is as none.
    pub fn from_certificate(subject: &CertificateSubject<'_>) -> Option<Self> {
        if subject.common_name.is_empty() {
            return None;
        }
        let mut id = String::from("X509SHA256=");
        for byte in subject.sha256 {
            // Writing into a String cannot fail.
            let _ = write!(id, "{byte:02x}");
        }
        let mut user = Self::new(subject.common_name, subject.organisations.iter().copied());
        subject.uid.unwrap_or_default().clone_into(&mut user.uid);
        user.extra.insert(CREDENTIAL_ID.to_owned(), vec![id]);
        Some(user.authenticated())
    }

    /// The user of a ServiceAccount; `token_id` is the `jti` of the token that it showed.
    pub fn service_account(namespace: &str, name: &str, uid: &str, token_id: Option<&str>) -> Self {
        let mut user = Self::new(service_account_name(namespace, name), service_account_groups(namespace));
        uid.clone_into(&mut user.uid);
        if let Some(id) = token_id.filter(|id| !id.is_empty()) {
            user.extra.insert(CREDENTIAL_ID.to_owned(), vec![format!("JTI={id}")]);
        }
        user.authenticated()
    }

    /// Puts the user into `system:authenticated`, unless it says of itself whether it is.
    #[must_use]
    pub fn authenticated(mut self) -> Self {
        let said = |group: &String| group == AUTHENTICATED || group == UNAUTHENTICATED;
        if self.name != ANONYMOUS && !self.groups.iter().any(said) {
            self.groups.push(AUTHENTICATED.to_owned());
        }
        self
    }

    /// Whether the user is in a group.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|one| one == group)
    }
}

/// The name of a ServiceAccount as a user.
pub fn service_account_name(namespace: &str, name: &str) -> String {
    format!("{SERVICE_ACCOUNT}{namespace}:{name}")
}

/// The groups of every ServiceAccount of a namespace, besides `system:authenticated`.
pub fn service_account_groups(namespace: &str) -> [String; 2] {
    ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")]
}

/// The namespace and name of the ServiceAccount that a user name stands for (`serviceaccount.SplitUsername`).
pub fn split_service_account(user: &str) -> Option<(&str, &str)> {
    use crate::validation::names::{label, subdomain};

    let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
    (!name.contains(':') && label(namespace).is_empty() && subdomain(name).is_empty()).then_some((namespace, name))
}

/// The token of an `Authorization` header, if it has one.
pub fn bearer_token(header: &str) -> Option<&str> {
    let mut parts = header.trim().splitn(3, ' ');
    let scheme = parts.next()?;
    let token = parts.next()?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_names_its_holder() {
        let mut subject =
            CertificateSubject { common_name: "jane", organisations: &["dev"], uid: None, sha256: &[0xab; 32] };
        let jane = User::from_certificate(&subject).expect("a name");
        assert_eq!((jane.name.as_str(), jane.uid.as_str()), ("jane", ""));
        assert_eq!(jane.groups, ["dev", AUTHENTICATED]);
        assert_eq!(jane.extra[CREDENTIAL_ID], [format!("X509SHA256={}", "ab".repeat(32))]);
        subject.organisations = &[UNAUTHENTICATED];
        assert_eq!(User::from_certificate(&subject).expect("a name").groups, [UNAUTHENTICATED]);
        subject.common_name = "";
        assert_eq!(User::from_certificate(&subject), None);
    }

    #[test]
    fn a_service_account_is_a_user() {
        let user = User::service_account("team", "bot", "u1", Some("t1"));
        assert_eq!(user.groups, ["system:serviceaccounts", "system:serviceaccounts:team", AUTHENTICATED]);
        assert_eq!(user.extra[CREDENTIAL_ID], ["JTI=t1"]);
        assert_eq!(split_service_account(&user.name), Some(("team", "bot")));
        for other in [
            "team:bot",
            "system:serviceaccount:team",
            "system:serviceaccount:team:bot:x",
            "system:serviceaccount:T:bot",
        ] {
            assert_eq!(split_service_account(other), None, "{other}");
        }
    }

    /// From `TestAuthenticateRequest*` in request/bearertoken.
    #[test]
    fn bearer_tokens() {
        assert_eq!(bearer_token("Bearer token"), Some("token"));
        assert_eq!(bearer_token(" bearer token x"), Some("token"));
        for none in ["", "Bearer", "Bearer ", "Bearer  x", "Basic x"] {
            assert_eq!(bearer_token(none), None, "{none}");
        }
    }
}
