//! What is kept, for how long, and what goes first.

use crate::access::AddressPolicy;

use super::*;

fn access(token: &str) -> Access {
    let text = format!(
        "{{current-context: a, contexts: [{{name: a, context: {{cluster: a, user: a}}}}],\
         clusters: [{{name: a, cluster: {{server: 'https://a.example.org', certificate-authority-data: '{}'}}}}],\
         users: [{{name: a, user: {{token: '{token}'}}}}]}}",
        CA.as_str()
    );
    Access::parse(text.as_bytes(), AddressPolicy::default()).unwrap()
}

static CA: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    use base64::Engine as _;
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["a".to_owned()]).unwrap().self_signed(&key).unwrap();
    base64::engine::general_purpose::STANDARD.encode(certificate.pem())
});

fn key(workspace: &str, registration: &str) -> ConnectionKey {
    ConnectionKey { workspace: Workspace::new(workspace), registration: Arc::from(registration) }
}

#[tokio::test]
async fn a_client_is_kept_while_the_kubeconfig_says_the_same() {
    let pool = Connections::new(Options::default(), 10);
    let key = key("a", "c");
    assert!(pool.get(&key, "1").is_none());
    let first = pool.get_or_connect(&key, "1", &access("x")).unwrap();
    assert_eq!(pool.get(&key, "1").unwrap().fingerprint, first.fingerprint);
    assert!(pool.get(&key, "2").is_none(), "another version of the Secret must be read");
    let same = pool.get_or_connect(&key, "2", &access("x")).unwrap();
    assert!(Arc::ptr_eq(&first.fingerprint, &same.fingerprint), "the same client serves on");
    assert!(pool.get(&key, "1").is_none() && pool.get(&key, "2").is_some());
    let other = pool.get_or_connect(&key, "3", &access("y")).unwrap();
    assert_ne!(first.fingerprint, other.fingerprint);
    pool.forget(&key);
    assert!(pool.is_empty());
}

#[tokio::test]
async fn workspaces_do_not_share_and_the_least_recently_used_goes_first() {
    let pool = Connections::new(Options::default(), 2);
    let (a, b, c) = (key("a", "x"), key("b", "x"), key("c", "x"));
    pool.get_or_connect(&a, "1", &access("a")).unwrap();
    pool.get_or_connect(&b, "1", &access("b")).unwrap();
    assert_ne!(pool.get(&a, "1").unwrap().fingerprint, pool.get(&b, "1").unwrap().fingerprint);
    pool.get(&a, "1").unwrap();
    pool.get_or_connect(&c, "1", &access("c")).unwrap();
    assert_eq!(pool.len(), 2);
    assert!(pool.get(&b, "1").is_none() && pool.get(&a, "1").is_some() && pool.get(&c, "1").is_some());
}

#[tokio::test]
async fn one_workspace_with_many_clusters_takes_no_client_from_another() {
    let pool = Connections::new(Options::default(), 4);
    let only = key("b", "only");
    pool.get_or_connect(&only, "1", &access("b")).unwrap();
    for at in 0..10 {
        pool.get_or_connect(&key("a", &at.to_string()), "1", &access("a")).unwrap();
    }
    assert_eq!(pool.len(), 4);
    assert!(pool.get(&only, "1").is_some() && pool.get(&key("a", "9"), "1").is_some());
}

#[tokio::test]
async fn who_works_with_a_client_keeps_it_while_others_come_and_go() {
    let pool = Connections::new(Options::default(), 2);
    let held = pool.get_or_connect(&key("a", "x"), "1", &access("a")).unwrap();
    for at in 0..10 {
        pool.get_or_connect(&key(&at.to_string(), "x"), "1", &access("b")).unwrap();
    }
    let again = pool.get(&key("a", "x"), "1").unwrap();
    assert!(Arc::ptr_eq(&again.fingerprint, &held.fingerprint));
    // But not beyond the bound.
    let other = pool.get_or_connect(&key("b", "x"), "1", &access("b")).unwrap();
    let third = pool.get_or_connect(&key("c", "x"), "1", &access("c")).unwrap();
    assert_eq!(pool.len(), 2);
    drop((again, held, other, third));
}
