//! What went wrong, as one of a few reasons with a message for people.
//!
//! Told from the types of the errors, never from their texts, with one exception: API servers say only in words that an
//! admission webhook, an admission policy or a quota was it. Messages are the same for the same failure (no clock times, no
//! ports of our own side), at most 1 KiB, without control characters.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use berthage_core::reason::Reason;
use kube::core::Status;
use tokio_rustls::rustls::{self, CertificateError};

use super::bounds::BoundError;
use super::dial::DialError;
use super::observe::Side;

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// With the queue's growing delay.
    Backoff,
    /// After that time, as the server asked. Capped: a server does not decide that it is forgotten.
    After(Duration),
    /// When the input changes, or at the next resync: the same request would get the same answer.
    OnChange,
}

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The condition's reason. It speaks of the physical cluster; for the hub, callers have reasons of their own.
    pub reason: Reason,
    /// When to try again.
    pub retry: Retry,
    /// For people: what happened, and what to do next.
    pub message: String,
    /// The API server's status code, if it answered with an error.
    pub code: Option<u16>,
}

/// Longest message in bytes.
const MAX_MESSAGE: usize = 1024;
/// The part of it that a server's own words may take.
const MAX_QUOTE: usize = 640;
/// Longest wait that a server can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(1);
/// Depth at which a chain of causes is given up.
const MAX_CAUSES: usize = 16;

impl Failure {
    /// Classifies `error` of a request to `side`.
    pub fn of(side: Side, error: &kube::Error) -> Self {
        Classifier { side, quote: true }.classify(error)
    }

    /// The same, without any word of the server: for writes of Secrets, whose content an answer might quote.
    pub fn of_secret_write(side: Side, error: &kube::Error) -> Self {
        Classifier { side, quote: false }.classify(error)
    }

    /// Whether the server said that there is no such object.
    pub fn is_not_found(&self) -> bool {
        self.code == Some(404)
    }

    /// Whether the server said that the object is there already or was changed meanwhile.
    pub fn is_conflict(&self) -> bool {
        self.code == Some(409)
    }
}

/// Whether the request was stopped by the [`Fence`](super::Fence): then nothing is wrong with the server.
pub fn is_fenced(error: &kube::Error) -> bool {
    causes(error).any(|cause| matches!(cause.downcast_ref(), Some(BoundError::Fenced(_))))
}

struct Classifier {
    side: Side,
    quote: bool,
}

impl Classifier {
    fn classify(&self, error: &kube::Error) -> Failure {
        if let kube::Error::Api(status) = error {
            return self.answered(status);
        }
        for cause in causes(error) {
            let found = if let Some(bound) = cause.downcast_ref::<BoundError>() {
                Some(self.bound(bound))
            } else if let Some(dial) = cause.downcast_ref::<DialError>() {
                Some(self.dial(dial))
            } else if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
                Some(self.tls(tls, None))
            } else if let Some(http) = cause.downcast_ref::<hyper::Error>() {
                self.http(http)
            } else if let Some(io) = cause.downcast_ref::<io::Error>() {
                io.get_ref().is_none().then(|| self.io(io, None))
            } else if cause.is::<serde_json::Error>() || cause.is::<std::string::FromUtf8Error>() {
                Some(self.invalid("cannot be understood"))
            } else if cause.is::<kube::client::AuthError>() {
                let message = format!("the controller's own credential for {} cannot be obtained", self.name());
                Some(failure(Reason::ClusterUnauthorized, Retry::Backoff, &message, None))
            } else {
                None
            };
            if let Some(found) = found {
                return found;
            }
        }
        let message = format!("the connection to {} broke; it is tried again", self.name());
        failure(Reason::ClusterUnreachable, Retry::Backoff, &message, None)
    }

    const fn name(&self) -> &'static str {
        match self.side {
            Side::Hub => "the hub",
            Side::Physical => "the cluster",
        }
    }

    const fn credential(&self) -> &'static str {
        match self.side {
            Side::Hub => "the controller's credential",
            Side::Physical => "the kubeconfig's credential",
        }
    }

    /// The server's words after a colon, or nothing.
    fn words(&self, status: &Status) -> String {
        if !self.quote || not_of_the_api(status) || status.message.is_empty() {
            return String::new();
        }
        format!(": {}", clean(&status.message, MAX_QUOTE))
    }

    fn answered(&self, status: &Status) -> Failure {
        let (name, words) = (self.name(), self.words(status));
        let admission = admission(&status.message);
        let (reason, retry, message) = match status.code {
            401 => {
                let next = "put a valid one into its place";
                (
                    Reason::ClusterUnauthorized,
                    Retry::Backoff,
                    format!("{name} does not accept {} (401); {next}", self.credential()),
                )
            }
            403 | 409 if is_terminating(status) => (
                Reason::NamespaceTerminating,
                Retry::After(Duration::from_secs(5)),
                format!("the namespace is being deleted in {name}; waiting until it is gone"),
            ),
            400..=499 if admission && status.code != 429 => (
                Reason::AdmissionDenied,
                Retry::Backoff,
                format!(
                    "an admission rule or quota of {name} refused the request ({}){words}; change the rule, or what it refuses",
                    status.code
                ),
            ),
            500..=599 if admission => (
                Reason::AdmissionDenied,
                Retry::Backoff,
                format!("an admission webhook of {name} could not be called ({}); repair or remove it", status.code),
            ),
            403 => (
                Reason::ClusterForbidden,
                Retry::Backoff,
                format!("{name} does not allow this to {} (403){words}; grant it the right", self.credential()),
            ),
            404 => (Reason::ApplyFailed, Retry::Backoff, format!("{name} does not have it (404){words}")),
            409 => (
                Reason::ApplyFailed,
                Retry::Backoff,
                format!("{name} reports a conflict (409){words}; it is tried again"),
            ),
            410 => (
                Reason::ApplyFailed,
                Retry::Backoff,
                format!("{name} no longer has that version (410); it is read again"),
            ),
            429 | 500..=599 => {
                let asked = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
                return self.overloaded(status.code, Duration::from_secs(asked.into()));
            }
            400..=499 => (
                Reason::ObjectRejected,
                Retry::OnChange,
                format!("{name} refused the object ({}){words}; correct what it comes from", status.code),
            ),
            _ => return self.invalid("is an error without a meaning"),
        };
        failure(reason, retry, &message, Some(status.code))
    }

    fn overloaded(&self, code: u16, asked: Duration) -> Failure {
        let retry = if asked.is_zero() { Retry::Backoff } else { Retry::After(asked.min(MAX_RETRY_AFTER)) };
        let message = format!("{} cannot serve now ({code}); it is tried again", self.name());
        failure(Reason::ClusterOverloaded, retry, &message, Some(code))
    }

    fn invalid(&self, what: &str) -> Failure {
        let message =
            format!("the answer of {} {what}; check that the server's URL leads to a Kubernetes API", self.name());
        failure(Reason::ClusterAnswerInvalid, Retry::Backoff, &message, None)
    }

    fn bound(&self, error: &BoundError) -> Failure {
        let name = self.name();
        match error {
            BoundError::Timeout { .. } | BoundError::Silence { .. } => {
                let message =
                    format!("{name} did not answer in time ({error}); check the cluster, and what is between");
                failure(Reason::ClusterTimeout, Retry::Backoff, &message, None)
            }
            BoundError::Slow { .. } => {
                let message = format!(
                    "{name} answers too slowly ({error}); check its load, and what is between. It is tried again"
                );
                failure(Reason::ClusterTimeout, Retry::Backoff, &message, None)
            }
            BoundError::TooLarge { limit } => self.invalid(&format!("is larger than {limit} bytes")),
            BoundError::TooManyObjects { limit } => {
                self.invalid(&format!("has more than the {limit} objects that were asked for"))
            }
            BoundError::TooManyValues { limit } => self.invalid(&format!("is made of more than {limit} values")),
            BoundError::Redirect { code } => {
                self.invalid(&format!("is a redirect ({code}), and redirects are not followed"))
            }
            BoundError::Busy { code, retry_after } => self.overloaded(*code, *retry_after),
            BoundError::Fenced(fenced) => failure(Reason::ApplyFailed, Retry::Backoff, &fenced.to_string(), None),
        }
    }

    fn dial(&self, error: &DialError) -> Failure {
        let unreachable = |message: String| failure(Reason::ClusterUnreachable, Retry::Backoff, &message, None);
        match error {
            DialError::NoHost => unreachable(format!("the URL of {} has no host", self.name())),
            DialError::Resolve { .. } | DialError::NoAddress { .. } => {
                unreachable(format!("{error}; correct the server's name, or the DNS that the controller uses"))
            }
            DialError::AddressRefused { .. } => {
                let message = format!("{error}; give the API server's own address");
                failure(Reason::KubeconfigRefused, Retry::Backoff, &message, None)
            }
            DialError::Connect { endpoint, source } => self.io(source, Some(endpoint)),
            DialError::Timeout { .. } => {
                let message = format!("{error}; check the address, and what is between");
                failure(Reason::ClusterTimeout, Retry::Backoff, &message, None)
            }
            DialError::Tls { endpoint, source } => {
                if let Some(tls) = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                    return self.tls(tls, Some(endpoint));
                }
                // A network that breaks connections breaks them here, too: that passes, as what is wrong with a certificate does not.
                let next = "the connection broke during the handshake; check that the port speaks TLS";
                failure(Reason::ClusterUnreachable, Retry::Backoff, &format!("{error}: {next}"), None)
            }
        }
    }

    fn io(&self, error: &io::Error, endpoint: Option<&String>) -> Failure {
        let place = endpoint.map_or_else(|| self.name().to_owned(), Clone::clone);
        let what = match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                "refuses the connection; check that the API server runs and the port is right"
            }
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
                "has no route from here; check the address and the network"
            }
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => "broke the connection; it is tried again",
            io::ErrorKind::TimedOut => {
                let message = format!("{place} did not answer in time; check the cluster, and what is between");
                return failure(Reason::ClusterTimeout, Retry::Backoff, &message, None);
            }
            _ => "cannot be connected to; check the address, the network, and the controller's limit of open files",
        };
        failure(Reason::ClusterUnreachable, Retry::Backoff, &format!("{place} {what}"), None)
    }

    fn http(&self, error: &hyper::Error) -> Option<Failure> {
        if error.is_parse() || error.is_parse_too_large() {
            Some(self.invalid("is not HTTP as it should be"))
        } else if error.is_timeout() {
            let message = format!("{} did not answer in time; check the cluster, and what is between", self.name());
            Some(failure(Reason::ClusterTimeout, Retry::Backoff, &message, None))
        } else {
            // Its cause may say more.
            None
        }
    }

    /// Never the library's own text: it holds the time of day.
    fn tls(&self, error: &rustls::Error, endpoint: Option<&String>) -> Failure {
        let place = endpoint.map_or_else(|| self.name().to_owned(), Clone::clone);
        let what = match error {
            rustls::Error::InvalidCertificate(error) => match error {
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    "shows a certificate of another authority than the configured one; correct certificate-authority-data"
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "shows a certificate that has expired; renew it"
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "shows a certificate that is not valid yet; check the clocks"
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    "shows a certificate for another name; correct server, or set tls-server-name"
                }
                _ => "shows a certificate that cannot be accepted",
            },
            rustls::Error::AlertReceived(_) => "ended the TLS handshake; check the client certificate",
            rustls::Error::InvalidMessage(_) => "does not speak TLS; check the port",
            rustls::Error::NoApplicationProtocol | rustls::Error::PeerIncompatible(_) => {
                "speaks no version of TLS and HTTP that is accepted (TLS 1.2 or 1.3)"
            }
            _ => "does not keep to TLS",
        };
        failure(Reason::ClusterTlsFailed, Retry::Backoff, &format!("{place} {what}"), None)
    }
}

fn failure(reason: Reason, retry: Retry, message: &str, code: Option<u16>) -> Failure {
    Failure { reason, retry, message: clean(message, MAX_MESSAGE), code }
}

/// `error` and what caused it, outermost first. An I/O error's content counts as its cause: its own `source` skips it.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        let error: &'a (dyn StdError + 'static) = *error;
        match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
    .take(MAX_CAUSES)
}

/// Kube makes a status of an answer that is none, with the whole body as its message.
fn not_of_the_api(status: &Status) -> bool {
    status.reason == "Failed to parse error data"
}

fn is_terminating(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}

/// Whether the words are those of an admission webhook, an admission policy, Pod Security or a quota.
fn admission(message: &str) -> bool {
    ["admission webhook \"", "failed calling webhook \"", "AdmissionPolicy '", "violates PodSecurity", "exceeded quota"]
        .iter()
        .any(|words| message.contains(words))
}

/// `text` in one line of at most `limit` bytes, without characters that steer a terminal or turn the reading direction.
pub fn clean(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit));
    for char in text.chars() {
        let steering =
            matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        let char = if char.is_control() || steering { ' ' } else { char };
        if char == ' ' && (out.is_empty() || out.ends_with(' ')) {
            continue;
        }
        if out.len() + char.len_utf8() + '…'.len_utf8() > limit {
            out.push('…');
            break;
        }
        out.push(char);
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
