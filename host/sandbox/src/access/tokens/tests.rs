use serde_json::{Value, json};

use super::request::{Place, answer};
use super::*;
use crate::status::Failure;

/// Objects by kind, namespace and name; one logical cluster.
#[derive(Default)]
struct Objects(BTreeMap<(HolderKind, String, String), Holder>);

impl Objects {
    fn put(&mut self, kind: HolderKind, namespace: &str, name: &str, holder: Holder) {
        self.0.insert((kind, namespace.to_owned(), name.to_owned()), holder);
    }
}

impl Holders for Objects {
    fn find(&self, _: &str, kind: HolderKind, namespace: &str, name: &str) -> Option<Holder> {
        self.0.get(&(kind, namespace.to_owned(), name.to_owned())).cloned()
    }
}

const ISSUER: &str = "https://kubernetes.default.svc";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a time")
}

fn holder(uid: &str) -> Holder {
    Holder { uid: uid.to_owned(), ..Holder::default() }
}

fn objects() -> Objects {
    let mut objects = Objects::default();
    objects.put(HolderKind::ServiceAccount, "n", "bot", holder("u1"));
    objects.put(HolderKind::Secret, "n", "s", holder("u2"));
    objects.put(
        HolderKind::Pod,
        "n",
        "p",
        Holder { uid: "u3".into(), service_account: "bot".into(), node: "node".into(), ..Holder::default() },
    );
    objects.put(HolderKind::Node, "", "node", holder("u4"));
    objects
}

fn tokens() -> Tokens {
    Tokens::new(&[7; 32], ISSUER, Vec::new())
}

fn requested(spec: Value) -> Result<Value, Failure> {
    let place = Place { cluster: "c", namespace: "n", name: "bot", now: at(1_000), id: "jti" };
    let request = Value::Object([("spec".to_owned(), spec)].into_iter().collect());
    answer(&tokens(), &place, request, &objects())
}

fn token(spec: Value) -> String {
    requested(spec).expect("a token")["status"]["token"].as_str().expect("a text").to_owned()
}

fn user(token: &str, now: i64, objects: &Objects) -> Result<Option<User>, String> {
    let tokens = tokens();
    let found = tokens.authenticate(token, tokens.audiences(), at(now), objects)?;
    Ok(found.map(|found| found.user))
}

#[test]
fn a_request_is_answered_with_a_token() {
    let mut answered = requested(json!({})).expect("a token");
    let token = answered["status"]["token"].take();
    assert_eq!(
        answered,
        json!({
            "metadata": {"name": "bot", "namespace": "n", "uid": "u1", "creationTimestamp": "1970-01-01T00:16:40Z"},
            "spec": {"audiences": [ISSUER], "expirationSeconds": 3600, "boundObjectRef": null},
            "status": {"token": null, "expirationTimestamp": "1970-01-01T01:16:40Z"},
        })
    );
    let payload = token.as_str().and_then(|token| token.split('.').nth(1)).expect("a payload");
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("json");
    assert_eq!(
        payload,
        json!({
            "aud": [ISSUER], "exp": 4_600, "iat": 1_000, "nbf": 1_000, "iss": ISSUER, "jti": "jti", "sub": "system:serviceaccount:n:bot",
            "kubernetes.io": {"namespace": "n", "serviceaccount": {"name": "bot", "uid": "u1"}},
        })
    );
}

#[test]
fn a_bad_request_says_why() {
    let message = |spec| requested(spec).expect_err("bad").message.clone();
    assert_eq!(
        message(json!({"expirationSeconds": 599})),
        r#"TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes"#
    );
    let bound = |api_version: &str, kind: &str, name: &str, uid: &str| json!({"boundObjectRef": {"apiVersion": api_version, "kind": kind, "name": name, "uid": uid}});
    assert_eq!(message(bound("v1", "Secret", "x", "")), r#"secrets "x" not found"#);
    assert_eq!(
        message(bound("apps/v1", "Deployment", "x", "")),
        "cannot bind token to object of type apps/v1, Kind=Deployment"
    );
    assert_eq!(
        message(bound("v1", "Secret", "s", "other")),
        r#"Operation cannot be fulfilled on Secret "s": the UID in the bound object reference (other) does not match the UID in record. The object might have been deleted and then recreated"#
    );
    let place = Place { cluster: "c", namespace: "n", name: "nobody", now: at(0), id: "" };
    assert_eq!(
        answer(&tokens(), &place, json!({}), &objects()).expect_err("nobody").message,
        r#"serviceaccounts "nobody" not found"#
    );
    let named = json!({"metadata": {"name": "x"}});
    let place = Place { name: "bot", ..place };
    assert_eq!(
        answer(&tokens(), &place, named, &objects()).expect_err("another").message,
        r#"TokenRequest.authentication.k8s.io "bot" is invalid: metadata.name: Invalid value: "x": must match the service account name if specified"#
    );
}

/// From `TestValidatePrivateClaims` and `TestTokenGenerateAndValidate` in pkg/serviceaccount.
#[test]
fn a_token_ends_with_its_time_and_its_objects() {
    let plain = token(json!({}));
    let bot = user(&plain, 1_000, &objects()).expect("good").expect("somebody");
    assert_eq!((bot.name.as_str(), bot.uid.as_str()), ("system:serviceaccount:n:bot", "u1"));
    assert_eq!(bot.extra["authentication.kubernetes.io/credential-id"], ["JTI=jti"]);
    assert!(user(&plain, 4_660, &objects()).is_ok());
    assert_eq!(user(&plain, 4_661, &objects()), Err("service account token has expired".into()));
    assert_eq!(user(&plain, 939, &objects()), Err("service account token is not valid yet".into()));
    let mut later = objects();
    later.put(HolderKind::ServiceAccount, "n", "bot", holder("u9"));
    assert_eq!(user(&plain, 1_000, &later), Err("service account UID (u9) does not match claim (u1)".into()));
    assert_eq!(user(&plain, 1_000, &Objects::default()), Err(r#"serviceaccounts "bot" not found"#.into()));

    let bound = token(json!({"boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": "s"}}));
    assert!(user(&bound, 1_000, &objects()).is_ok());
    let mut later = objects();
    later.put(HolderKind::Secret, "n", "s", Holder { deleted: Some(at(1_000)), ..holder("u2") });
    assert!(user(&bound, 1_060, &later).is_ok());
    assert_eq!(user(&bound, 1_061, &later), Err("service account token has been invalidated".into()));
    later.put(HolderKind::Secret, "n", "s", holder("u8"));
    assert_eq!(
        user(&bound, 1_000, &later),
        Err("secret UID (u8) does not match service account secret ref claim (u2)".into())
    );
}

#[test]
fn a_pod_s_token_says_where_the_pod_is_and_lasts_longer() {
    let bound =
        token(json!({"expirationSeconds": 3607, "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "p"}}));
    let bot = user(&bound, 1_000 + 24 * 3_600, &objects()).expect("good").expect("somebody");
    for (key, value) in [("pod-name", "p"), ("pod-uid", "u3"), ("node-name", "node"), ("node-uid", "u4")] {
        assert_eq!(bot.extra[&format!("authentication.kubernetes.io/{key}")], [value]);
    }
}

#[test]
fn a_token_is_for_its_audiences() {
    let vault = token(json!({"audiences": ["vault", "other"]}));
    assert_eq!(
        user(&vault, 1_000, &objects()),
        Err(r#"token audiences ["vault" "other"] is invalid for the target audiences ["https://kubernetes.default.svc"]"#.into())
    );
    let found =
        tokens().authenticate(&vault, &["vault".into()], at(1_000), &objects()).expect("good").expect("somebody");
    assert_eq!(found.audiences, ["vault"]);
}

#[test]
fn a_forged_token_is_none() {
    let good = token(json!({}));
    let other = Tokens::new(&[8; 32], ISSUER, Vec::new());
    assert_eq!(
        other.authenticate(&good, other.audiences(), at(1_000), &objects()),
        Err("invalid signature, no keys found".into())
    );
    let (signed, _) = good.rsplit_once('.').expect("a signature");
    assert_eq!(
        user(&format!("{signed}.AAAA"), 1_000, &objects()),
        Err("go-jose/go-jose: error in cryptographic primitive".into())
    );
    for nobody in ["", "opaque", "a.b", "a.b.c"] {
        assert_eq!(user(nobody, 1_000, &objects()), Ok(None));
    }
}

#[test]
fn fixed_tokens_and_workspaces() {
    let mut tokens = tokens().with_workspaces();
    tokens.add("secret", User::new("jane", ["dev"]));
    let jane =
        tokens.authenticate("secret", tokens.audiences(), at(0), &Objects::default()).expect("good").expect("somebody");
    assert_eq!(jane.user, User::new("jane", ["dev"]));
    assert_eq!(tokens.authenticate("secret", &["vault".into()], at(0), &Objects::default()), Ok(None));
    let place = Place { cluster: "2x7k", namespace: "n", name: "bot", now: at(1_000), id: "jti" };
    let answered = answer(&tokens, &place, json!({}), &objects()).expect("a token");
    let token = answered["status"]["token"].as_str().expect("a text");
    let bot =
        tokens.authenticate(token, tokens.audiences(), at(1_000), &objects()).expect("good").expect("somebody").user;
    assert_eq!(bot.extra["authentication.kcp.io/cluster-name"], ["2x7k"]);
    assert_eq!(bot.extra["authentication.kcp.io/scopes"], ["cluster:2x7k"]);
}
