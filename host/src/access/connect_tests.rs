//! Clients against real servers on loopback: some well, some silent, endless, redirecting, or strangers.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::{ListParams, WatchParams};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::*;
use crate::access::failure::{Retry, is_fenced};
use crate::access::observe::RequestRecord;
use crate::access::{AddressPolicy, Failure};

/// What a server does with one connection after it has read a request.
#[derive(Clone, Copy)]
enum Behaviour {
    /// Sends these bytes and closes.
    Answer(&'static str),
    /// Sends these bytes, then the last ones for ever.
    Endless(&'static str, &'static str),
    /// Sends these bytes, then nothing, with the connection open.
    Silent(&'static str),
}

struct Server {
    address: SocketAddr,
    ca: String,
    requests: Arc<AtomicUsize>,
    seen: Arc<Mutex<String>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(behaviour: Behaviour) -> Server {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (requests, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(String::new())));
    let task = tokio::spawn({
        let (requests, seen) = (Arc::clone(&requests), Arc::clone(&seen));
        async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (acceptor, requests, seen) = (acceptor.clone(), Arc::clone(&requests), Arc::clone(&seen));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(tcp).await else { return };
                    let mut request = Vec::new();
                    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                        match stream.read_buf(&mut request).await {
                            Ok(0) | Err(_) => return,
                            Ok(_) => {}
                        }
                    }
                    requests.fetch_add(1, Ordering::SeqCst);
                    *seen.lock().unwrap() = String::from_utf8_lossy(&request).into_owned();
                    behave(behaviour, &mut stream).await;
                });
            }
        }
    });
    Server { address, ca: STANDARD.encode(certificate.pem()), requests, seen, task }
}

/// Errors are the client's going away, which ends the connection.
async fn behave(behaviour: Behaviour, stream: &mut (impl tokio::io::AsyncWrite + tokio::io::AsyncRead + Unpin)) {
    match behaviour {
        Behaviour::Answer(bytes) => {
            let _ = stream.write_all(bytes.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Behaviour::Endless(head, more) => {
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(more.as_bytes()).await.is_ok() {}
        }
        Behaviour::Silent(bytes) => {
            let _ = stream.write_all(bytes.as_bytes()).await;
            let _ = stream.flush().await;
            let mut rest = [0; 64];
            while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
        }
    }
}

impl Server {
    fn access(&self) -> Access {
        access(&format!("https://{}", self.address), &self.ca)
    }

    fn client(&self, limits: Limits) -> Client {
        physical(&self.access(), &Options { limits, ..Options::default() }).unwrap()
    }
}

fn access(server: &str, ca: &str) -> Access {
    let text = format!(
        "current-context: a\ncontexts: [{{name: a, context: {{cluster: a, user: a, namespace: ns}}}}]\n\
         clusters: [{{name: a, cluster: {{server: '{server}', certificate-authority-data: '{ca}'}}}}]\n\
         users: [{{name: a, user: {{token: canary-token}}}}]\n"
    );
    Access::parse(text.as_bytes(), AddressPolicy::default()).unwrap()
}

/// Short enough for a test, long enough for a busy machine to do a handshake.
fn short() -> Limits {
    Limits { total: Duration::from_millis(700), silence: Duration::from_millis(300), ..Limits::default() }
}

fn failure(error: &kube::Error) -> Failure {
    assert!(!format!("{error} {error:?}").contains("canary-token"));
    Failure::of(Side::Physical, error)
}

async fn get(client: &Client) -> Result<ConfigMap, kube::Error> {
    Api::namespaced(client.clone(), "ns").get("a").await
}

const OBJECT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 79\r\n\r\n\
    {\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\"}}";

#[tokio::test]
async fn a_request_reaches_the_server_with_the_token_and_is_recorded() {
    let server = serve(Behaviour::Answer(OBJECT)).await;
    let records = Arc::new(Mutex::new(Vec::new()));
    let observer: RequestObserver = {
        let records = Arc::clone(&records);
        Arc::new(move |record: &RequestRecord<'_>| {
            records.lock().unwrap().push((record.side, record.method.to_string(), record.path.to_owned(), record.code));
        })
    };
    let options = Options { observer: Some(observer), ..Options::default() };
    let client = physical(&server.access(), &options).unwrap();
    assert_eq!(client.default_namespace(), "ns");
    assert_eq!(get(&client).await.unwrap().metadata.name.as_deref(), Some("a"));
    let seen = server.seen.lock().unwrap().to_lowercase();
    assert!(seen.contains("authorization: bearer canary-token") && seen.contains("user-agent: berthage/"), "{seen}");
    assert!(!seen.contains("accept-encoding"), "a compressed answer could be larger than it seems");
    let path = "/api/v1/namespaces/ns/configmaps/a".to_owned();
    assert_eq!(*records.lock().unwrap(), [(Side::Physical, "GET".to_owned(), path, Some(200))]);
}

#[tokio::test]
async fn a_server_with_another_ca_is_not_talked_to() {
    let server = serve(Behaviour::Answer(OBJECT)).await;
    let other = serve(Behaviour::Answer(OBJECT)).await;
    let access = access(&format!("https://{}", server.address), &other.ca);
    let client = physical(&access, &Options::default()).unwrap();
    let failure = failure(&get(&client).await.unwrap_err());
    assert_eq!(failure.reason, Reason::ClusterTlsFailed);
    assert!(failure.message.contains("correct certificate-authority-data"), "{}", failure.message);
    assert_eq!(server.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_accepted() {
    let server = serve(Behaviour::Answer(OBJECT)).await;
    let access = access(&format!("https://localhost:{}", server.address.port()), &server.ca);
    let failure = failure(&get(&physical(&access, &Options::default()).unwrap()).await.unwrap_err());
    assert!(failure.message.contains("for another name"), "{}", failure.message);
}

#[tokio::test]
async fn nobody_listens_or_the_name_is_unknown() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let ca = serve(Behaviour::Answer(OBJECT)).await.ca.clone();
    let refused = physical(&access(&format!("https://{free}"), &ca), &Options::default()).unwrap();
    let failure_of_refused = failure(&get(&refused).await.unwrap_err());
    assert_eq!(failure_of_refused.reason, Reason::ClusterUnreachable);
    assert!(
        failure_of_refused.message.starts_with(&format!("{free} refuses the connection")),
        "{}",
        failure_of_refused.message
    );
    let unknown = physical(&access("https://nowhere.invalid:6443", &ca), &Options::default()).unwrap();
    let failure_of_unknown = failure(&get(&unknown).await.unwrap_err());
    assert_eq!(failure_of_unknown.reason, Reason::ClusterUnreachable);
    assert!(failure_of_unknown.message.contains("cannot be resolved"), "{}", failure_of_unknown.message);
}

#[tokio::test]
async fn an_address_that_only_a_name_leads_to_is_checked_too() {
    let server = serve(Behaviour::Answer(OBJECT)).await;
    let mut access = access(&format!("https://localhost:{}", server.address.port()), &server.ca);
    access.policy = AddressPolicy { deny_private: true };
    let failure = failure(&get(&physical(&access, &Options::default()).unwrap()).await.unwrap_err());
    assert_eq!(failure.reason, Reason::KubeconfigRefused);
    assert!(failure.message.contains("loopback"), "{}", failure.message);
    assert_eq!(server.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_port_without_tls_and_one_that_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let plain = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let ca = serve(Behaviour::Answer(OBJECT)).await.ca.clone();
    let client = physical(&access(&format!("https://{address}"), &ca), &Options::default()).unwrap();
    assert_eq!(failure(&get(&client).await.unwrap_err()).reason, Reason::ClusterTlsFailed);
    plain.await.unwrap();

    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let access = access(&format!("https://{}", mute.local_addr().unwrap()), &ca);
    let limits = Limits { connect: Duration::from_millis(200), ..Limits::default() };
    let client = physical(&access, &Options { limits, ..Options::default() }).unwrap();
    let failure = failure(&get(&client).await.unwrap_err());
    assert_eq!(failure.reason, Reason::ClusterTimeout);
    assert!(failure.message.contains("within 200 ms"), "{}", failure.message);
}

#[tokio::test]
async fn silence_before_and_within_an_answer_ends() {
    for bytes in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 79\r\n\r\n{\"a\""] {
        let server = serve(Behaviour::Silent(bytes)).await;
        let failure = failure(&get(&server.client(short())).await.unwrap_err());
        assert_eq!(failure.reason, Reason::ClusterTimeout, "{bytes}");
        assert_eq!(server.requests.load(Ordering::SeqCst), 1, "nothing is tried again");
    }
}

#[tokio::test]
async fn an_answer_may_not_be_too_large_nor_go_on_for_ever() {
    let limits = Limits { object_bytes: 100_000, page_bytes: 200_000, ..Limits::default() };
    for behaviour in [
        Behaviour::Endless("HTTP/1.1 200 OK\r\n\r\n", "                                                   "),
        Behaviour::Endless("HTTP/1.1 500 No\r\n\r\n", "                                                   "),
        Behaviour::Answer("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n"),
    ] {
        let server = serve(behaviour).await;
        let client = server.client(limits);
        assert_eq!(failure(&get(&client).await.unwrap_err()).reason, Reason::ClusterAnswerInvalid);
        let list = Api::<Secret>::all(client).list(&ListParams::default()).await.unwrap_err();
        let limit = if failure(&list).message.contains("200000") { 200_000 } else { 100_000 };
        assert_eq!(limit == 100_000, matches!(behaviour, Behaviour::Endless(head, _) if head.contains("500")));
    }
}

#[tokio::test]
async fn a_slow_endless_answer_ends_at_the_deadline() {
    let server = serve(Behaviour::Endless("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\n \r\n")).await;
    let limits = Limits { total: Duration::from_millis(700), object_bytes: usize::MAX, ..Limits::default() };
    assert_eq!(failure(&get(&server.client(limits)).await.unwrap_err()).reason, Reason::ClusterTimeout);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = serve(Behaviour::Answer(OBJECT)).await;
    let answer = format!("HTTP/1.1 307 Away\r\nlocation: https://{}/\r\ncontent-length: 0\r\n\r\n", target.address);
    let server = serve(Behaviour::Answer(answer.leak())).await;
    let failure = failure(&get(&server.client(Limits::default())).await.unwrap_err());
    assert_eq!(failure.reason, Reason::ClusterAnswerInvalid);
    assert!(failure.message.contains("redirect (307)"), "{}", failure.message);
    assert_eq!(target.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn nonsense_depth_and_compression_are_invalid_answers() {
    let deep = format!("HTTP/1.1 200 OK\r\n\r\n{{\"metadata\":{{\"annotations\":{}", "[".repeat(100_000));
    for bytes in [
        "HTTP/1.1 200 OK\r\n\r\n<html>",
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\u{1f}\u{8b}",
        deep.leak(),
    ] {
        let server = serve(Behaviour::Answer(bytes)).await;
        let failure = failure(&get(&server.client(Limits::default())).await.unwrap_err());
        assert_eq!(failure.reason, Reason::ClusterAnswerInvalid, "{}", &bytes[..20]);
    }
}

#[tokio::test]
async fn a_busy_server_says_when_and_a_broken_one_nothing() {
    let busy = serve(Behaviour::Answer("HTTP/1.1 429 Busy\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n")).await;
    let answer = failure(&get(&busy.client(Limits::default())).await.unwrap_err());
    assert_eq!((answer.reason, answer.retry), (Reason::ClusterOverloaded, Retry::After(Duration::from_secs(7))));
    assert_eq!(busy.requests.load(Ordering::SeqCst), 1, "nothing is tried again");
    let broken = serve(Behaviour::Answer("HTTP/1.1 200 OK\r\ncontent-length: 79\r\n\r\n{")).await;
    assert_eq!(failure(&get(&broken.client(Limits::default())).await.unwrap_err()).reason, Reason::ClusterUnreachable);
}

const WATCH: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

async fn watch(client: Client) -> Result<(), kube::Error> {
    let api: Api<ConfigMap> = Api::namespaced(client, "ns");
    api.watch(&WatchParams::default(), "0").await?.try_for_each(|_| std::future::ready(Ok(()))).await
}

#[tokio::test]
async fn a_watch_may_last_but_not_fall_silent_nor_send_an_endless_event() {
    let silent = serve(Behaviour::Silent(WATCH)).await;
    assert_eq!(failure(&watch(silent.client(short())).await.unwrap_err()).reason, Reason::ClusterTimeout);
    let mute = serve(Behaviour::Silent("")).await;
    assert_eq!(failure(&watch(mute.client(short())).await.unwrap_err()).reason, Reason::ClusterTimeout);
    let endless = serve(Behaviour::Endless(WATCH, "5\r\n     \r\n")).await;
    let limits = Limits { object_bytes: 50_000, ..Limits::default() };
    assert_eq!(failure(&watch(endless.client(limits)).await.unwrap_err()).reason, Reason::ClusterAnswerInvalid);
}

#[tokio::test]
async fn a_fence_stops_requests_before_they_are_sent_and_cuts_their_time() {
    let server = serve(Behaviour::Silent("")).await;
    let fence = Fence::closed();
    let options = Options { fence: Some(fence.clone()), ..Options::default() };
    let client = physical(&server.access(), &options).unwrap();
    assert!(is_fenced(&get(&client).await.unwrap_err()));
    assert_eq!(server.requests.load(Ordering::SeqCst), 0);
    fence.until(tokio::time::Instant::now() + Duration::from_millis(400));
    assert!(
        is_fenced(&get(&client).await.unwrap_err()),
        "given up when leadership ends, long before its own time is over"
    );
}

#[tokio::test]
async fn a_key_that_belongs_to_another_certificate_is_found_before_anything_is_sent() {
    let pem = |key: &rcgen::KeyPair| {
        let params = rcgen::CertificateParams::new(vec!["a".to_owned()]).unwrap();
        (STANDARD.encode(params.self_signed(key).unwrap().pem()), STANDARD.encode(key.serialize_pem()))
    };
    let (first, second) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
    for (key, fits) in [(&first, true), (&second, false)] {
        let (certificate, key) = (pem(&first).0, pem(key).1);
        let text = format!(
            "{{current-context: a, contexts: [{{name: a, context: {{cluster: a, user: a}}}}],\
             clusters: [{{name: a, cluster: {{server: 'https://a'}}}}],\
             users: [{{name: a, user: {{client-certificate-data: '{certificate}', client-key-data: '{key}'}}}}]}}"
        );
        let access = Access::parse(text.as_bytes(), AddressPolicy::default()).unwrap();
        let error = physical(&access, &Options::default()).err();
        assert_eq!(error.is_none(), fits);
        assert!(error.is_none_or(|error| error.reason() == Reason::KubeconfigInvalid));
    }
}

#[tokio::test]
async fn the_hub_is_reached_as_its_operator_says() {
    let mut config = kube::Config::new("https://hub.example.org".parse().unwrap());
    config.proxy_url = Some("http://proxy".parse().unwrap());
    assert!(matches!(hub(&config, &Options::default()), Err(ConnectError::HubProxy)));
    config.proxy_url = None;
    config.tls_server_name = Some("a b".to_owned());
    assert!(matches!(hub(&config, &Options::default()), Err(ConnectError::HubServerName)));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        stream.write_all(OBJECT.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    let config = kube::Config::new(format!("http://{address}/clusters/root").parse().unwrap());
    get(&hub(&config, &Options::default()).unwrap()).await.unwrap();
    assert!(server.await.unwrap().starts_with("GET /clusters/root/api/v1/namespaces/ns/configmaps/a HTTP/1.1"));
}
