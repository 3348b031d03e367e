//! From what a client shows to who it is.
//!
//! A certificate counts before a token; a token that is not good is refused even where nothing at all is needed.
//!
//! Facts: `pkg/kubeapiserver/authenticator/config.go` of Kubernetes, `pkg/authentication/request/union` of `k8s.io/apiserver`.

use jiff::Timestamp;

use super::tokens::{Holders, Tokens};
use super::user::{CertificateSubject, User, bearer_token};
use crate::status::Failure;

/// What a client shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// Its certificate, if the client CA signed it.
    pub certificate: Option<CertificateSubject<'a>>,
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
}

/// Who a client is, or the 401. With `anonymous` a client that shows nothing is somebody too.
pub fn authenticate(
    tokens: &Tokens,
    credentials: &Credentials<'_>,
    anonymous: bool,
    now: Timestamp,
    holders: &impl Holders,
) -> Result<User, Failure> {
    if let Some(user) = credentials.certificate.as_ref().and_then(User::from_certificate) {
        return Ok(user);
    }
    match credentials.authorization.and_then(bearer_token) {
        Some(token) => match tokens.authenticate(token, tokens.audiences(), now, holders) {
            Ok(Some(found)) => Ok(found.user.authenticated()),
            // A server says no more to whoever it does not know.
            Ok(None) | Err(_) => Err(Failure::unauthorized()),
        },
        None if anonymous => Ok(User::anonymous()),
        None => Err(Failure::unauthorized()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::tokens::{Holder, HolderKind};

    struct Nothing;

    impl Holders for Nothing {
        fn find(&self, _: &str, _: HolderKind, _: &str, _: &str) -> Option<Holder> {
            None
        }
    }

    fn who(credentials: &Credentials<'_>, anonymous: bool) -> Result<String, u16> {
        let mut tokens = Tokens::new(&[1; 32], "issuer", Vec::new());
        tokens.add("secret", User::new("jane", [""; 0]));
        let user = authenticate(&tokens, credentials, anonymous, Timestamp::UNIX_EPOCH, &Nothing);
        user.map(|user| format!("{} {}", user.name, user.groups.join(","))).map_err(|failure| failure.code)
    }

    #[test]
    fn a_certificate_counts_before_a_token() {
        let certificate =
            Some(CertificateSubject { common_name: "bob", organisations: &[], uid: None, sha256: &[0; 32] });
        let token = |text| Credentials { certificate: None, authorization: Some(text) };
        assert_eq!(
            who(&Credentials { certificate, authorization: Some("Bearer wrong") }, true),
            Ok("bob system:authenticated".into())
        );
        assert_eq!(who(&token("Bearer secret"), false), Ok("jane system:authenticated".into()));
        assert_eq!(who(&token("Bearer wrong"), true), Err(401));
        assert_eq!(who(&token("Basic wrong"), true), Ok("system:anonymous system:unauthenticated".into()));
        assert_eq!(who(&Credentials::default(), false), Err(401));
    }
}
