//! Classification of what can be built without a server; what needs one is in `connect`'s tests.

use super::*;

fn api(code: u16, reason: &str, message: &str) -> kube::Error {
    kube::Error::Api(Status::failure(message, reason).with_code(code).boxed())
}

fn status(json: &serde_json::Value) -> kube::Error {
    kube::Error::Api(serde_json::from_value(json.clone()).unwrap())
}

fn service(error: impl StdError + Send + Sync + 'static) -> kube::Error {
    kube::Error::Service(Box::new(error))
}

fn of(error: &kube::Error) -> Failure {
    Failure::of(Side::Physical, error)
}

#[test]
fn answers_by_their_code() {
    for (code, reason, retry) in [
        (400, Reason::ObjectRejected, Retry::OnChange),
        (401, Reason::ClusterUnauthorized, Retry::Backoff),
        (403, Reason::ClusterForbidden, Retry::Backoff),
        (404, Reason::ApplyFailed, Retry::Backoff),
        (409, Reason::ApplyFailed, Retry::Backoff),
        (410, Reason::ApplyFailed, Retry::Backoff),
        (413, Reason::ObjectRejected, Retry::OnChange),
        (422, Reason::ObjectRejected, Retry::OnChange),
        (429, Reason::ClusterOverloaded, Retry::Backoff),
        (500, Reason::ClusterOverloaded, Retry::Backoff),
        (504, Reason::ClusterOverloaded, Retry::Backoff),
        (302, Reason::ClusterAnswerInvalid, Retry::Backoff),
    ] {
        let failure = of(&api(code, "", "said the server"));
        assert_eq!((failure.reason, failure.retry), (reason, retry), "{code}");
        assert_eq!(failure.code, Some(code).filter(|code| *code >= 400));
    }
    assert!(of(&api(404, "NotFound", "")).is_not_found());
    assert!(of(&api(409, "AlreadyExists", "")).is_conflict());
}

#[test]
fn admission_quota_and_terminating_namespaces() {
    for (code, message) in [
        (403, "admission webhook \"x.example.org\" denied the request: no"),
        (400, "admission webhook \"x.example.org\" denied the request: no"),
        (422, "deployments.apps \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"),
        (403, "pods \"a\" is forbidden: exceeded quota: q, requested: pods=1"),
        (403, "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\": x"),
        (500, "Internal error occurred: failed calling webhook \"x.example.org\": Post ...: read tcp 10.0.0.1:51234"),
    ] {
        let failure = of(&api(code, "", message));
        assert_eq!(failure.reason, Reason::AdmissionDenied, "{message}");
        assert!(!failure.message.contains("51234"), "{}", failure.message);
    }
    let terminating = status(&serde_json::json!({
        "code": 403, "reason": "Forbidden", "message": "x", "details": {"causes": [{"reason": "NamespaceTerminating"}]}
    }));
    assert_eq!(of(&terminating).reason, Reason::NamespaceTerminating);
}

#[test]
fn a_wait_that_the_server_asks_for_is_capped() {
    for (asked, got) in
        [(0, Retry::Backoff), (7, Retry::After(Duration::from_secs(7))), (3600, Retry::After(MAX_RETRY_AFTER))]
    {
        let busy = status(&serde_json::json!({"code": 429, "details": {"retryAfterSeconds": asked}}));
        assert_eq!(of(&busy).retry, got);
    }
    let busy = service(BoundError::Busy { code: 503, retry_after: Duration::from_secs(u64::MAX) });
    assert_eq!(of(&busy).retry, Retry::After(MAX_RETRY_AFTER));
}

#[test]
fn bounds_and_connections_by_their_types() {
    let endpoint = || "a.example.org:6443".to_owned();
    let io = |kind: io::ErrorKind| io::Error::from(kind);
    let tls = |error: rustls::Error| DialError::Tls { endpoint: endpoint(), source: io::Error::other(error) };
    for (error, reason) in [
        (service(BoundError::Timeout { after: Duration::from_secs(10) }), Reason::ClusterTimeout),
        (service(BoundError::Silence { after: Duration::from_secs(90) }), Reason::ClusterTimeout),
        (service(BoundError::Slow { after: Duration::from_secs(30) }), Reason::ClusterTimeout),
        (service(BoundError::TooLarge { limit: 1 }), Reason::ClusterAnswerInvalid),
        (service(BoundError::TooManyObjects { limit: 1 }), Reason::ClusterAnswerInvalid),
        (service(BoundError::TooManyValues { limit: 1 }), Reason::ClusterAnswerInvalid),
        (service(BoundError::Redirect { code: 302 }), Reason::ClusterAnswerInvalid),
        (service(DialError::NoHost), Reason::ClusterUnreachable),
        (service(DialError::NoAddress { endpoint: endpoint() }), Reason::ClusterUnreachable),
        (
            service(DialError::Resolve { endpoint: endpoint(), source: io::Error::other("x") }),
            Reason::ClusterUnreachable,
        ),
        (
            service(DialError::AddressRefused {
                endpoint: endpoint(),
                refusal: crate::access::address::Refusal::LinkLocal,
            }),
            Reason::KubeconfigRefused,
        ),
        (service(DialError::Timeout { endpoint: endpoint(), after: Duration::from_secs(5) }), Reason::ClusterTimeout),
        (
            service(DialError::Connect { endpoint: endpoint(), source: io(io::ErrorKind::ConnectionRefused) }),
            Reason::ClusterUnreachable,
        ),
        (
            service(DialError::Connect { endpoint: endpoint(), source: io(io::ErrorKind::TimedOut) }),
            Reason::ClusterTimeout,
        ),
        (
            service(DialError::Connect { endpoint: endpoint(), source: io(io::ErrorKind::HostUnreachable) }),
            Reason::ClusterUnreachable,
        ),
        (service(tls(CertificateError::UnknownIssuer.into())), Reason::ClusterTlsFailed),
        (
            service(DialError::Tls { endpoint: endpoint(), source: io(io::ErrorKind::UnexpectedEof) }),
            Reason::ClusterUnreachable,
        ),
        (service(io(io::ErrorKind::ConnectionReset)), Reason::ClusterUnreachable),
        // As the watch reader wraps what its body returned.
        (
            kube::Error::ReadEvents(io::Error::other(service(BoundError::Silence { after: Duration::from_secs(90) }))),
            Reason::ClusterTimeout,
        ),
        (kube::Error::SerdeError(serde_json::from_str::<u8>("canary").unwrap_err()), Reason::ClusterAnswerInvalid),
        (kube::Error::LinesCodecMaxLineLengthExceeded, Reason::ClusterUnreachable),
    ] {
        let failure = of(&error);
        assert_eq!(failure.reason, reason, "{error}");
        assert!(failure.message.contains(';') || failure.message.contains("no host"), "{}", failure.message);
        assert!(!failure.message.contains("canary"));
    }
}

#[test]
fn an_expired_certificate_is_told_without_the_time_of_day() {
    let now = rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(1_234_567_890));
    let expired = CertificateError::ExpiredContext { time: now, not_after: now };
    let error = DialError::Tls { endpoint: "a:1".to_owned(), source: io::Error::other(rustls::Error::from(expired)) };
    let failure = of(&service(error));
    assert!(failure.message.contains("expired") && !failure.message.contains("1234567890"), "{}", failure.message);
}

#[test]
fn a_fenced_request_is_known_as_such() {
    let fenced = service(BoundError::Fenced(crate::access::Fenced));
    assert!(is_fenced(&fenced));
    assert!(!is_fenced(&api(403, "", "")));
    assert_eq!(of(&fenced).retry, Retry::Backoff);
}

#[test]
fn the_servers_words_are_bounded_cleaned_and_left_out_for_secrets() {
    let words = format!("no \u{1b}[31mway\u{1b}[0m\r\nx\u{202e}{}", "é".repeat(5_000));
    let failure = of(&api(403, "Forbidden", &words));
    assert!(failure.message.len() <= MAX_MESSAGE);
    assert!(!failure.message.chars().any(|char| char.is_control() || char == '\u{202e}'), "{}", failure.message);
    assert!(failure.message.contains("no [31mway [0m x é"), "{}", failure.message);
    assert!(failure.message.ends_with("grant it the right"), "{}", failure.message);
    let error = api(422, "Invalid", "data: \"canary\"");
    assert!(of(&error).message.contains("canary"));
    assert!(!Failure::of_secret_write(Side::Physical, &error).message.contains("canary"));
    let page = api(403, "Failed to parse error data", "<html>");
    assert!(!of(&page).message.contains("html"));
}

#[test]
fn the_hub_is_called_the_hub() {
    let failure = Failure::of(Side::Hub, &api(401, "", ""));
    assert_eq!(
        failure.message,
        "the hub does not accept the controller's credential (401); put a valid one into its place"
    );
}
