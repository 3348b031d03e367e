use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use super::*;

/// A certificate and its key, in PEM.
pub(crate) fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["hub.example.org".to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// A kubeconfig as the controller writes it, with these fields of the user.
pub(crate) fn document(user: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "hub",
        "clusters": [{ "name": "hub", "cluster": {
            "server": "https://hub.example.org/clusters/abc",
            "certificate-authority-data": STANDARD.encode(pair().0),
        } }],
        "users": [{ "name": "syncer", "user": user }],
        "contexts": [{ "name": "hub", "context": {
            "cluster": "hub", "user": "syncer", "namespace": "default",
            "extensions": [{ "name": CREDENTIAL_EXTENSION, "extension": { "serial": "0a", "target": "east", "uid": "u-1" } }],
        } }],
    })
}

/// The fields of a user with a client certificate.
pub(crate) fn with_certificate() -> Value {
    let (certificate, key) = pair();
    json!({ "client-certificate-data": STANDARD.encode(certificate), "client-key-data": STANDARD.encode(key) })
}

fn parse(document: &Value) -> Result<Hub, KubeconfigError> {
    Hub::parse(document.to_string().as_bytes())
}

fn error(document: &Value) -> KubeconfigError {
    match parse(document) {
        Ok(_) => panic!("accepted"),
        Err(error) => {
            assert!(!error.to_string().contains("canary"), "{error}");
            error
        }
    }
}

#[test]
fn reads_what_the_controller_writes_with_a_certificate_or_a_token() {
    let hub = parse(&document(&with_certificate())).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(hub.server, "https://hub.example.org/clusters/abc");
    assert_eq!(hub.roots.map(|roots| roots.len()), Some(1));
    assert_eq!(hub.note.map(|note| note.uid).as_deref(), Some("u-1"));
    assert!(matches!(hub.credential, Credential::Certificate { .. }));

    let yaml = "apiVersion: v1\nkind: Config\ncurrent-context: c\npreferences: {}\n\
                clusters: [{name: a, cluster: {server: 'https://h:6443'}}]\n\
                users: [{name: b, user: {token: t0ken}}]\n\
                contexts:\n- name: c\n  context: {cluster: a, user: b}\n";
    let hub = Hub::parse(yaml.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    assert!(matches!(hub.credential, Credential::Token(token) if *token == "t0ken"));
    assert_eq!((hub.roots, hub.note), (None, None));
}

#[test]
fn every_other_field_is_refused() {
    for (place, field) in [
        ("/users/0/user", "exec"),
        ("/users/0/user", "auth-provider"),
        ("/users/0/user", "tokenFile"),
        ("/users/0/user", "client-key"),
        ("/users/0/user", "as"),
        ("/clusters/0/cluster", "insecure-skip-tls-verify"),
        ("/clusters/0/cluster", "certificate-authority"),
        ("/clusters/0/cluster", "proxy-url"),
        ("", "more"),
    ] {
        let mut document = document(&json!({ "token": "canary" }));
        document.pointer_mut(place).unwrap()[field] = json!("canary");
        assert!(matches!(error(&document), KubeconfigError::Unreadable(Some(_))), "{place}/{field}");
    }
}

#[test]
fn what_cannot_be_read_is_not_quoted() {
    for text in ["", "canary", "{\"kind\": \"canary\"", "kind: [canary", "kind: canary\n", "\u{0}canary"] {
        let error = Hub::parse(text.as_bytes()).err().unwrap();
        assert!(matches!(error, KubeconfigError::Unreadable(_)), "{text}: {error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    assert_eq!(Hub::parse(b"\xff").err(), Some(KubeconfigError::Unreadable(None)));
}

#[test]
fn its_parts_must_name_each_other() {
    for (place, value) in [
        ("/current-context", "canary"),
        ("/contexts/0/context/cluster", "canary"),
        ("/contexts/0/context/user", "canary"),
        ("/kind", "canary"),
        ("/apiVersion", "v2"),
    ] {
        let mut document = document(&json!({ "token": "t" }));
        *document.pointer_mut(place).unwrap() = json!(value);
        assert_eq!(error(&document), KubeconfigError::Names, "{place}");
    }
    let mut two = document(&json!({ "token": "t" }));
    let user = two["users"][0].clone();
    two["users"].as_array_mut().unwrap().push(user);
    assert!(matches!(error(&two), KubeconfigError::Unreadable(_)));
}

#[test]
fn the_server_must_be_https() {
    for server in ["http://canary", "canary", "https://", "file:///canary", ""] {
        let mut document = document(&json!({ "token": "t" }));
        document["clusters"][0]["cluster"]["server"] = json!(server);
        assert_eq!(error(&document), KubeconfigError::Server, "{server}");
    }
}

#[test]
fn data_must_be_pem_in_base64() {
    let (_, key) = pair();
    for data in ["canary", "Y2FuYXJ5", "", &STANDARD.encode(key)] {
        let mut document = document(&json!({ "token": "t" }));
        document["clusters"][0]["cluster"]["certificate-authority-data"] = json!(data);
        assert_eq!(error(&document), KubeconfigError::Data("certificate-authority-data"), "{data}");
    }
    let user = json!({ "client-certificate-data": "canary!", "client-key-data": "" });
    assert_eq!(error(&document(&user)), KubeconfigError::Data("client-certificate-data"));
    let user = json!({ "client-certificate-data": "", "client-key-data": "canary!" });
    assert_eq!(error(&document(&user)), KubeconfigError::Data("client-key-data"));
}

#[test]
fn there_must_be_exactly_one_credential() {
    for user in [
        json!({}),
        json!({ "token": "" }),
        json!({ "token": "canary with spaces" }),
        json!({ "client-certificate-data": "" }),
        json!({ "client-key-data": "" }),
        json!({ "client-certificate-data": "", "client-key-data": "", "token": "canary" }),
    ] {
        assert_eq!(error(&document(&user)), KubeconfigError::Credential, "{user}");
    }
}
