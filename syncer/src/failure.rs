//! What went wrong with a request to the hub, in words that can be logged: what the hub or the network said, and what to do
//! next.

use std::time::Duration;

use berthage_core::heartbeat::NotFenced;
use berthage_core::status::conditions::bounded;

/// Why a heartbeat did not come about. All of them are tried again.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No connection, or it broke.
    #[error("the hub cannot be reached: {0}; see whether its address and the network's rules are right")]
    Unreachable(String),
    /// The whole request took too long.
    #[error("the hub did not answer within {0:?}; see whether it is overloaded, and whether the network drops packets")]
    Timeout(Duration),
    /// 401.
    #[error("the hub does not accept the credential (401); a new one is taken into use when the Secret has it")]
    Unauthorized,
    /// 403.
    #[error("the hub denies access to {what} (403): {message}; the controller grants it while the SyncTarget is there")]
    Forbidden {
        /// Access to what.
        what: &'static str,
        /// The hub's words.
        message: String,
    },
    /// 403 for everything that the syncer may do on the hub.
    #[error(
        "the hub denies the syncer both its SyncTarget and its Lease (403): {message}; the controller takes these rights \
         away when the SyncTarget is deleted, and gives them while it is there"
    )]
    Revoked {
        /// The hub's words about the Lease.
        message: String,
    },
    /// 404, but not an answer that the SyncTarget is gone.
    #[error(
        "the hub does not know {what} (404): {message}; see whether the hub serves its API, and whether the controller runs"
    )]
    NotFound {
        /// What was asked for.
        what: &'static str,
        /// The hub's words.
        message: String,
    },
    /// 409: the Lease was written in the meantime.
    #[error("the Lease was written by somebody else in the meantime (409)")]
    Conflict,
    /// Any other answer that is not a success.
    #[error("the hub cannot serve {what} now ({code}): {message}")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// HTTP status code.
        code: u16,
        /// The hub's words.
        message: String,
    },
    /// A success that makes no sense.
    #[error("the hub's answer for {what} cannot be understood; see what answers at its address")]
    Answer {
        /// What was asked for.
        what: &'static str,
    },
    /// See [`NotFenced`].
    #[error(transparent)]
    NotFenced(#[from] NotFenced),
}

impl Failure {
    /// From the client's error. Answers and network errors are quoted within bounds; what is read from the kubeconfig is
    /// in none of them.
    pub fn of(what: &'static str, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => {
                let message = bounded(&status.message);
                match status.code {
                    401 => Self::Unauthorized,
                    403 => Self::Forbidden { what, message },
                    404 => Self::NotFound { what, message },
                    409 => Self::Conflict,
                    code => Self::Refused { what, code, message },
                }
            }
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => Self::Answer { what },
            kube::Error::Service(error) => {
                let mut text = error.to_string();
                let mut cause = error.source();
                while let Some(inner) = cause {
                    let inner_text = inner.to_string();
                    if !text.ends_with(&inner_text) {
                        text.push_str(": ");
                        text.push_str(&inner_text);
                    }
                    cause = inner.source();
                }
                Self::Unreachable(bounded(&text))
            }
            _ => Self::Unreachable("the connection failed".to_owned()),
        }
    }
}

/// Waits for a request, but not longer than `limit`. When it is given up, its connection is closed with it.
pub async fn within<T>(
    limit: Duration,
    what: &'static str,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Failure::of(what, &error)),
        Err(_) => Err(Failure::Timeout(limit)),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn of(code: u16) -> Failure {
        Failure::of("the Lease", &kube::Error::Api(Status::failure("so it is", "Reason").with_code(code).boxed()))
    }

    #[test]
    fn every_answer_has_its_words() {
        for (code, expected) in [
            (401, "does not accept the credential"),
            (403, "denies access to the Lease (403): so it is"),
            (404, "does not know the Lease (404): so it is"),
            (409, "written by somebody else"),
            (429, "cannot serve the Lease now (429): so it is"),
            (500, "cannot serve the Lease now (500): so it is"),
        ] {
            let text = of(code).to_string();
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn a_broken_connection_is_told_with_its_causes_once() {
        let inner = std::io::Error::other("connection refused");
        let error = kube::Error::Service(Box::new(std::io::Error::other(inner)));
        let Failure::Unreachable(text) = Failure::of("it", &error) else { panic!() };
        assert_eq!(text, "connection refused");
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_not_quoted() {
        let nonsense = serde_json::from_str::<u8>("\"canary\"").unwrap_err();
        let text = Failure::of("the Lease", &kube::Error::SerdeError(nonsense)).to_string();
        assert!(text.contains("cannot be understood") && !text.contains("canary"), "{text}");
    }

    #[test]
    fn what_ends_no_heartbeat_still_says_what_to_do() {
        assert!(Failure::from(NotFenced).to_string().contains("resourceVersion"));
        assert!(Failure::of("it", &kube::Error::TlsRequired).to_string().contains("cannot be reached"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_hub_is_given_up() {
        let silent = std::future::pending::<kube::Result<()>>();
        let failure = within(Duration::from_secs(2), "the Lease", silent).await.unwrap_err();
        assert!(failure.to_string().contains("within 2s"), "{failure}");
    }
}
