//! One test for each thing that is refused, and for each form that is accepted.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// A certificate and its key as PEM, made once.
static IDENTITY: LazyLock<(String, String)> = LazyLock::new(|| {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["cluster.example.org".to_owned()]).unwrap();
    (certificate.self_signed(&key).unwrap().pem(), key.serialize_pem())
});

const CANARY: &str = "canary-5f1d2c";

fn certificate() -> String {
    STANDARD.encode(&IDENTITY.0)
}

fn key() -> String {
    STANDARD.encode(&IDENTITY.1)
}

/// A kubeconfig with these lines for cluster and user, as kubectl writes it.
fn kubeconfig(cluster: &str, user: &str) -> String {
    let lines = |text: &str| format!("    {}\n", text.trim_end().replace('\n', "\n    "));
    format!(
        "apiVersion: v1\nkind: Config\npreferences: {{}}\ncurrent-context: it\n\
         contexts:\n- name: it\n  context:\n    cluster: c\n    user: u\n\
         clusters:\n- name: c\n  cluster:\n{}users:\n- name: u\n  user:\n{}",
        lines(cluster),
        lines(user)
    )
}

fn parse(text: &str) -> Result<Access, KubeconfigError> {
    Access::parse(text.as_bytes(), AddressPolicy::default())
}

fn error(text: &str) -> KubeconfigError {
    let error = parse(text).err().expect("must be refused");
    assert!(!error.to_string().contains(CANARY), "{error}");
    error
}

fn with_server(server: &str) -> String {
    kubeconfig(&format!("server: {server:?}"), "token: abc")
}

fn assert_refused(text: &str, path: &str) {
    match error(text) {
        KubeconfigError::Refused { path: found, .. } => assert_eq!(found, path),
        other => panic!("{other}"),
    }
}

fn assert_invalid(text: &str, path: &str) {
    match error(text) {
        KubeconfigError::Invalid { path: found, .. } => assert_eq!(found, path, "{text}"),
        other => panic!("{other}"),
    }
}

#[test]
fn certificates_tokens_and_both_are_accepted() {
    let ca = format!("server: https://cluster.example.org:6443/k8s/c-1\ncertificate-authority-data: {}", certificate());
    let pair = format!("client-certificate-data: {}\nclient-key-data: {}", certificate(), key());
    let access = parse(&kubeconfig(&format!("{ca}\ntls-server-name: other.example.org"), &pair)).unwrap();
    assert_eq!(access.server().to_string(), "https://cluster.example.org:6443/k8s/c-1");
    assert_eq!(access.server_name.to_str(), "other.example.org");
    assert!(access.certificate.is_some() && access.token.is_none() && access.roots.is_some());

    let access = parse(&kubeconfig(&format!("{ca}\ninsecure-skip-tls-verify: false"), "token: abc")).unwrap();
    assert!(access.certificate.is_none());
    assert_eq!(access.token.as_deref().map(String::as_str), Some("abc"));

    let access = parse(&kubeconfig("server: https://[::1]:6443", &format!("{pair}\ntoken: abc"))).unwrap();
    assert!(access.certificate.is_some() && access.token.is_some() && access.roots.is_none());
    assert_eq!(access.server_name.to_str(), "::1");
}

#[test]
fn json_is_accepted_and_says_the_same_as_yaml() {
    let json = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://a.example.org"}}],
        "users": [{"name": "u", "user": {"token": "abc"}}],
    });
    let yaml = parse(&with_server("https://a.example.org")).unwrap();
    assert_eq!(parse(&json.to_string()).unwrap().fingerprint(), yaml.fingerprint());
}

#[test]
fn what_runs_programs_reads_files_or_borrows_rights_is_refused_by_name() {
    let server = "server: https://a.example.org";
    for (field, value) in [
        ("exec", format!("{{command: /bin/sh, args: [{CANARY}]}}")),
        ("auth-provider", format!("{{name: gcp, config: {{cmd-path: {CANARY}}}}}")),
        ("tokenFile", "/var/run/secrets/kubernetes.io/serviceaccount/token".to_owned()),
        ("client-certificate", format!("/etc/{CANARY}")),
        ("client-key", format!("/etc/{CANARY}")),
        ("as", "system:masters".to_owned()),
        ("as-uid", CANARY.to_owned()),
        ("as-groups", "['system:masters']".to_owned()),
        ("as-user-extra", format!("{{a: [{CANARY}]}}")),
        ("username", CANARY.to_owned()),
        ("password", CANARY.to_owned()),
        ("impersonate", CANARY.to_owned()),
    ] {
        assert_refused(
            &kubeconfig(server, &format!("token: abc\n{field}: {value}")),
            &format!("users[0].user.{field}"),
        );
    }
    for (field, value) in [
        ("certificate-authority", "/etc/passwd"),
        ("insecure-skip-tls-verify", "true"),
        ("insecure-skip-tls-verify", "'false'"),
        ("proxy-url", "http://canary-5f1d2c"),
        ("unknown", CANARY),
    ] {
        let text = kubeconfig(&format!("{server}\n{field}: {value}"), "token: abc");
        assert_refused(&text, &format!("clusters[0].cluster.{field}"));
    }
    assert_refused(
        &with_server("https://a.example.org").replace("    user: u", "    user: u\n    proxy: x"),
        "contexts[0].context.proxy",
    );
    assert_refused(&with_server("https://a.example.org").replace("preferences", "other"), "other");
}

#[test]
fn a_misplaced_value_is_not_shown_as_a_field_name() {
    let text = kubeconfig("server: https://a.example.org", &format!("token: abc\n{CANARY}.0123456789: x"));
    assert_refused(&text, "users[0].user.<a field of another name>");
}

#[test]
fn servers_that_are_not_plain_https_urls() {
    for server in
        ["http://a.example.org", "HTTP://a.example.org", "file:///etc/passwd", "https://u:canary-5f1d2c@a.example.org"]
    {
        assert_refused(&with_server(server), "clusters[0].cluster.server");
    }
    for server in ["https://a.example.org?x", "https://a.example.org/#x", "https://a.example.org/../x", "https://a\\b"]
    {
        assert_refused(&with_server(server), "clusters[0].cluster.server");
    }
    for server in [
        "",
        "a.example.org",
        "https://",
        "https:///x",
        "https://a.example.org:0",
        "https://a.example.org:99999",
        "https://a:b",
        "https://2852039166",
        "https://0xa9fea9fe",
        "https://127.1",
        "https://a.example.org/\u{e9}",
        "https://a b",
    ] {
        assert_invalid(&with_server(server), "clusters[0].cluster.server");
    }
}

#[test]
fn servers_at_addresses_that_are_not_allowed() {
    for server in [
        "https://169.254.169.254",
        "https://[fe80::1]",
        "https://[::ffff:169.254.169.254]:80/latest",
        "https://0.0.0.0:6443",
        "https://224.0.0.1",
        "https://[fd00:ec2::254]",
    ] {
        assert_refused(&with_server(server), "clusters[0].cluster.server");
    }
    let strict = AddressPolicy { deny_private: true };
    for server in ["https://127.0.0.1:6443", "https://[::1]", "https://10.1.2.3", "https://[::ffff:192.168.0.1]"] {
        assert!(parse(&with_server(server)).is_ok(), "{server}");
        let error = Access::parse(with_server(server).as_bytes(), strict).err().unwrap();
        assert_eq!(error.reason(), Reason::KubeconfigRefused, "{server}");
    }
}

#[test]
fn more_than_one_of_anything_is_refused() {
    let base = with_server("https://a.example.org");
    for (list, entry) in [
        ("contexts", "- {name: x, context: {cluster: c, user: u}}"),
        ("clusters", "- {name: x, cluster: {server: 'https://b'}}"),
        ("users", "- {name: x, user: {token: abc}}"),
    ] {
        assert_refused(&base.replace(&format!("{list}:\n"), &format!("{list}:\n{entry}\n")), list);
    }
}

#[test]
fn what_must_be_there_and_fit_together() {
    let base = with_server("https://a.example.org");
    assert_invalid(&base.replace("current-context: it\n", ""), "current-context");
    assert_invalid(&base.replace("current-context: it", "current-context: other"), "current-context");
    assert_invalid(&base.replace("cluster: c", "cluster: other"), "contexts[0].context.cluster");
    assert_invalid(&base.replace("user: u", "user: other"), "contexts[0].context.user");
    assert_invalid(&base.replace("user: u", "user: u\n    namespace: Not_one"), "contexts[0].context.namespace");
    assert_invalid(&base.replace("apiVersion: v1", "apiVersion: v2"), "apiVersion");
    assert_invalid(&base.replace("kind: Config", "kind: Secret"), "kind");
    assert_invalid(&base.replace("token: abc", "token: 12345"), "users[0].user.token");
    assert_invalid(&base.replace("token: abc", "token: 'a b'"), "users[0].user.token");
    assert_invalid(&base.replace("token: abc", "token: ''"), "users[0].user");
    assert_invalid(
        &kubeconfig("server: https://a\ntls-server-name: 'a b'", "token: abc"),
        "clusters[0].cluster.tls-server-name",
    );
    assert_invalid("[]", "the document");
    assert_invalid("just words", "the document");
    assert_invalid("{}", "current-context");
    assert_invalid("{current-context: a, contexts: []}", "contexts");
    assert_invalid("{current-context: a, contexts: {}}", "contexts");
    assert_invalid("{current-context: a, contexts: [1], clusters: [1], users: [1]}", "contexts[0]");
}

#[test]
fn certificates_and_keys_must_be_whole() {
    let server = "server: https://a.example.org";
    let (certificate, key) = (certificate(), key());
    let user = |chain: &str, key: &str| {
        kubeconfig(server, &format!("client-certificate-data: {chain}\nclient-key-data: {key}"))
    };
    let nothing = STANDARD.encode("nothing");
    let encrypted =
        STANDARD.encode("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    assert!(parse(&user(&certificate, &key)).is_ok());
    for chain in ["canary-5f1d2c!", &nothing, &key] {
        assert_invalid(&user(chain, &key), "users[0].user.client-certificate-data");
    }
    for key in ["canary-5f1d2c!", &nothing, &certificate, &encrypted] {
        assert_invalid(&user(&certificate, key), "users[0].user.client-key-data");
    }
    assert_invalid(&kubeconfig(server, &format!("client-key-data: {key}")), "users[0].user.client-certificate-data");
    assert_invalid(
        &kubeconfig(server, &format!("client-certificate-data: {certificate}")),
        "users[0].user.client-key-data",
    );
    let many = STANDARD.encode(IDENTITY.0.repeat(MAX_CERTIFICATES + 1));
    let text = kubeconfig(&format!("{server}\ncertificate-authority-data: {many}"), "token: abc");
    assert_invalid(&text, "clusters[0].cluster.certificate-authority-data");
}

#[test]
fn empty_large_unreadable_and_missing() {
    assert_eq!(error(""), KubeconfigError::Empty);
    assert_eq!(error(" \n\t"), KubeconfigError::Empty);
    assert_eq!(error(&"a".repeat(MAX_BYTES + 1)), KubeconfigError::TooLarge { bytes: MAX_BYTES + 1 });
    assert!(matches!(error("a: [canary-5f1d2c"), KubeconfigError::Unreadable { place: Some(_) }));
    let error = Access::parse(&[0xff, 0xfe], AddressPolicy::default()).err().unwrap();
    assert_eq!(error.reason(), Reason::KubeconfigInvalid);
    let data = BTreeMap::from([("config".to_owned(), ByteString(b"x".to_vec()))]);
    let error = Access::from_secret(Some(&data), "kubeconfig", AddressPolicy::default()).err().unwrap();
    assert_eq!(error.reason(), Reason::SecretKeyMissing);
    assert!(error.to_string().contains("its keys are: config"), "{error}");
    assert!(Access::from_secret(None, "kubeconfig", AddressPolicy::default()).is_err());
    let data = BTreeMap::from([("kubeconfig".to_owned(), ByteString(with_server("https://a").into_bytes()))]);
    assert!(Access::from_secret(Some(&data), "kubeconfig", AddressPolicy::default()).is_ok());
}

#[test]
fn the_fingerprint_follows_every_part() {
    let of = |text: &str| parse(text).unwrap().fingerprint();
    let ca = format!("server: https://a.example.org\ncertificate-authority-data: {}", certificate());
    let base = kubeconfig(&ca, "token: abc");
    assert_eq!(of(&base), of(&base.replace("name: it", "name: \"it\"")));
    assert_eq!(of(&base).len(), 16);
    for other in [
        base.replace("token: abc", "token: abd"),
        base.replace("a.example.org", "b.example.org"),
        base.replace("server:", "tls-server-name: x\n    server:"),
        base.replace("user: u", "user: u\n    namespace: x"),
        with_server("https://a.example.org"),
        kubeconfig(&ca, &format!("client-certificate-data: {}\nclient-key-data: {}", certificate(), key())),
    ] {
        assert_ne!(of(&base), of(&other), "{other}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        let _ = Access::parse(&bytes, AddressPolicy::default());
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "[-a-z:{}\\[\\]\"'#&*!|>%@\n\t ,?0-9]{0,400}") {
        let _ = Access::parse(text.as_bytes(), AddressPolicy::default());
    }

    #[test]
    fn any_server_is_read_without_a_panic_and_only_https_passes(server in "(https?://)?[-a-z0-9.:@/\\[\\]%?#]{0,60}") {
        if let Ok(access) = parse(&with_server(&server)) {
            prop_assert_eq!(access.server().scheme_str(), Some("https"));
            prop_assert!(access.server().host().is_some_and(|host| !host.is_empty()));
            prop_assert!(access.server().query().is_none());
        }
    }

    #[test]
    fn a_damaged_kubeconfig_never_shows_its_token(at in 0_usize..400, with in any::<char>()) {
        let mut text: Vec<char> = kubeconfig("server: https://a.example.org", "token: Canary7Canary7").chars().collect();
        let at = at % text.len();
        text[at] = with;
        if let Err(error) = parse(&text.into_iter().collect::<String>()) {
            prop_assert!(!error.to_string().contains("Canary7Canary7"));
        }
    }
}
