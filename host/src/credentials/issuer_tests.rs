//! Which kind of credential is made, what changes its profile, and the kubeconfig that comes out.

use serde_json::Value;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::*;
use crate::access::{Access, AddressPolicy, Failure, Side};

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn authority() -> Authority {
    let made = Authority::make("test", 30, now()).unwrap();
    Authority::from_pem(made.certificate.as_bytes(), made.key.as_bytes(), now()).unwrap()
}

fn hub() -> HubAddress {
    let ca = Authority::make("hub", 30, now()).unwrap().certificate.into_bytes();
    HubAddress { server: "https://hub.example.org:6443".to_owned(), ca: Some(ca), tls_server_name: None }
}

fn issuer(authority: Option<Authority>, trust: Trust) -> Issuer {
    Issuer { trust: RwLock::new(trust), ..Issuer::new(authority, hub()) }
}

fn unknown() -> Trust {
    Trust::Unknown(Failure::of(Side::Hub, &kube::Error::TlsRequired))
}

use CredentialType::{Auto, ClientCertificate, ServiceAccountToken};

#[test]
fn the_kind_follows_the_wish_the_ca_and_the_trust() {
    let with_ca = |trust| issuer(Some(authority()), trust);
    let resolve = |issuer: Issuer, wanted, current| issuer.resolve(wanted, current).map_err(|error| error.to_string());
    assert_eq!(resolve(issuer(None, Trust::NotProbed), Auto, None), Ok(ServiceAccountToken));
    assert_eq!(resolve(with_ca(Trust::Trusted), Auto, None), Ok(ClientCertificate));
    assert_eq!(resolve(with_ca(Trust::NotTrusted), Auto, Some(ClientCertificate)), Ok(ServiceAccountToken));
    assert_eq!(resolve(with_ca(unknown()), Auto, Some(ServiceAccountToken)), Ok(ServiceAccountToken));
    assert_eq!(resolve(with_ca(unknown()), Auto, Some(ClientCertificate)), Ok(ClientCertificate));
    assert_eq!(resolve(with_ca(unknown()), Auto, None), Err(IssueError::TrustUnknown.to_string()));
    assert_eq!(resolve(with_ca(Trust::NotProbed), ClientCertificate, None), Err(IssueError::TrustUnknown.to_string()));
    assert_eq!(resolve(with_ca(unknown()), ClientCertificate, Some(ClientCertificate)), Ok(ClientCertificate));
    assert_eq!(resolve(with_ca(Trust::NotTrusted), ClientCertificate, None), Err(IssueError::NotTrusted.to_string()));
    assert_eq!(
        resolve(issuer(None, Trust::NotProbed), ClientCertificate, None),
        Err(IssueError::NoAuthority.to_string())
    );
    assert_eq!(resolve(with_ca(Trust::NotTrusted), ServiceAccountToken, None), Ok(ServiceAccountToken));
}

#[test]
fn the_profile_follows_all_that_a_credential_rests_on() {
    let hour = Duration::from_hours(1);
    let local = Workspace::local();
    let base = issuer(Some(authority()), Trust::Trusted);
    let profile = base.profile(&local, ClientCertificate, hour);
    assert_eq!(profile, base.profile(&local, ClientCertificate, hour));
    assert_ne!(profile, base.profile(&local, ServiceAccountToken, hour));
    assert_ne!(profile, base.profile(&local, ClientCertificate, 2 * hour));
    assert_ne!(profile, base.profile(&Workspace::new("other"), ClientCertificate, hour));
    assert_ne!(
        profile,
        issuer(Some(authority()), Trust::Trusted).profile(&local, ClientCertificate, hour),
        "another CA"
    );
    let token = base.profile(&local, ServiceAccountToken, hour);
    let mut moved = issuer(None, Trust::NotProbed);
    moved.hub = HubAddress { server: "https://other".to_owned(), ..base.hub.clone() };
    assert_ne!(token, moved.profile(&local, ServiceAccountToken, hour));
    moved.hub = base.hub.clone();
    assert_eq!(token, moved.profile(&local, ServiceAccountToken, hour), "a token does not rest on our CA");
    moved.hub.ca = None;
    assert_ne!(token, moved.profile(&local, ServiceAccountToken, hour));
}

#[tokio::test]
async fn the_kubeconfig_passes_our_own_reader_and_tells_its_serial() {
    let (client, asked) = scripted::server(|_| (500, Value::Null));
    let workspace = Workspace::new("2x7k");
    let names = TargetNames::new(&workspace, "uid-1");
    let recipient = Recipient { workspace: &workspace, names: &names, target: "edge", uid: "uid-1" };
    let issuer = issuer(Some(authority()), Trust::Trusted);
    let duration = Duration::from_hours(24);
    let issued = issuer.issue(&client, recipient, ClientCertificate, duration, now()).await.unwrap();
    assert!(asked.lock().unwrap().is_empty(), "a certificate costs no request");
    assert_eq!(issued.kubeconfig.capacity(), issued.kubeconfig.len(), "the buffer never grew");
    let access = Access::parse(&issued.kubeconfig, AddressPolicy::default()).unwrap();
    assert_eq!(access.server().to_string(), "https://hub.example.org:6443/clusters/2x7k");
    crate::access::connect::physical(&access, &crate::access::Options::default()).unwrap();
    let document: Value = serde_json::from_slice(&issued.kubeconfig).unwrap();
    let extension = &document["contexts"][0]["context"]["extensions"][0];
    assert_eq!(extension["extension"]["serial"], issued.status.serial.as_str());
    assert_eq!(extension["extension"]["uid"], "uid-1");
    // kube's own reader is what the syncer uses.
    let text = std::str::from_utf8(&issued.kubeconfig).unwrap();
    let config = kube::config::Kubeconfig::from_yaml(text).unwrap();
    assert_eq!(config.current_context.as_deref(), Some("hub"));
    let status = &issued.status;
    assert_eq!((status.issued_at, status.expires_at), (now(), now().checked_add(duration).unwrap()));
    assert_eq!(status.profile, issuer.profile(&workspace, ClientCertificate, duration));
    let told = serde_json::to_string(status).unwrap();
    let key = document["users"][0]["user"]["client-key-data"].as_str().unwrap();
    assert!(!told.contains(key));
}

#[tokio::test]
async fn a_token_comes_with_the_hubs_own_end() {
    let jwt = "e30.eyJqdGkiOiJ0b2tlbi1pZCJ9.x";
    let (client, _) = scripted::server(move |asked| {
        if asked.line.contains("/token") {
            let answer = serde_json::json!({ "token": jwt, "expirationTimestamp": "2027-01-15T09:00:00Z" });
            return (201, serde_json::json!({ "status": answer }));
        }
        (201, asked.body.clone())
    });
    let workspace = Workspace::local();
    let names = TargetNames::new(&workspace, "uid-1");
    let recipient = Recipient { workspace: &workspace, names: &names, target: "edge", uid: "uid-1" };
    let issuer = issuer(None, Trust::NotProbed);
    let issued = issuer.issue(&client, recipient, ServiceAccountToken, Duration::from_hours(24), now()).await.unwrap();
    assert_eq!(issued.status.serial, "token-id");
    assert_eq!(issued.status.expires_at.to_string(), "2027-01-15T09:00:00Z");
    let document: Value = serde_json::from_slice(&issued.kubeconfig).unwrap();
    assert_eq!(document["users"][0]["user"], serde_json::json!({ "token": jwt }));
    let refused = issuer.issue(&client, recipient, ClientCertificate, Duration::from_mins(10), now()).await;
    assert!(matches!(refused, Err(IssueError::NoAuthority)));
}

#[test]
fn the_hubs_address_is_the_controllers_own_by_default() {
    let mut config = kube::Config::new("https://hub.example.org:6443/".parse().unwrap());
    config.root_cert = Some(vec![vec![7; 100]]);
    let address = HubAddress::of_config(&config);
    assert_eq!(address.url(&Workspace::local()), "https://hub.example.org:6443");
    assert_eq!(address.url(&Workspace::new("2x7k")), "https://hub.example.org:6443/clusters/2x7k");
    assert_eq!(CertificateDer::from_pem_slice(&address.ca.unwrap()).unwrap().as_ref(), [7; 100]);
}

#[test]
fn where_there_are_no_tokens_only_a_certificate_will_do() {
    let kcp = |authority: Option<Authority>, trust| issuer(authority, trust).certificates_only(hub());
    for wanted in [Auto, ClientCertificate] {
        let trusted = kcp(Some(authority()), Trust::Trusted).resolve(wanted, None);
        assert_eq!(trusted.unwrap(), ClientCertificate);
        let refusing =
            [(kcp(Some(authority()), Trust::NotTrusted), "not trust"), (kcp(None, Trust::NotProbed), "no CA")];
        for (issuer, says) in refusing {
            let error = issuer.resolve(wanted, None).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("--client-ca-file"), "{error}");
        }
    }
    assert!(kcp(Some(authority()), Trust::Trusted).resolve(ServiceAccountToken, None).is_err());
}
