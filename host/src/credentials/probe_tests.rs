//! How the hub's answer is read.

use super::*;
use k8s_openapi::api::authentication::v1::{SelfSubjectReviewStatus, UserInfo};

const USER: &str = "berthage:syncer:probe:0011";

fn review(name: Option<&str>) -> SelfSubjectReview {
    let user_info = Some(UserInfo { username: name.map(ToOwned::to_owned), ..UserInfo::default() });
    SelfSubjectReview { status: Some(SelfSubjectReviewStatus { user_info }), ..SelfSubjectReview::default() }
}

fn refusal(code: u16, message: &str) -> kube::Error {
    kube::Error::Api(kube::core::Status::failure(message, "").with_code(code).boxed())
}

#[test]
fn the_hub_trusts_the_ca_if_it_knows_the_probe_by_its_name() {
    assert_eq!(judge(Ok(review(Some(USER))), USER), Trust::Trusted);
    assert_eq!(judge(Ok(review(Some("system:anonymous"))), USER), Trust::NotTrusted);
    assert_eq!(judge(Ok(review(None)), USER), Trust::NotTrusted);
    assert_eq!(judge(Err(refusal(401, "Unauthorized")), USER), Trust::NotTrusted);
    let named = |name: &str| format!("selfsubjectreviews is forbidden: User \"{name}\" cannot create resource");
    assert_eq!(judge(Err(refusal(403, &named(USER))), USER), Trust::Trusted);
    assert_eq!(judge(Err(refusal(403, &named("system:anonymous"))), USER), Trust::NotTrusted);
    assert!(matches!(judge(Err(refusal(503, "")), USER), Trust::Unknown(_)));
}

#[tokio::test]
async fn a_hub_that_does_not_answer_is_unknown_under_both_addresses() {
    let now = Timestamp::now();
    let made = Authority::make("test", 1, now).unwrap();
    let authority = Authority::from_pem(made.certificate.as_bytes(), made.key.as_bytes(), now).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = kube::Config::new(format!("http://{free}").parse().unwrap());
    let hub = HubAddress {
        server: "https://nowhere.invalid".to_owned(),
        ca: Some(made.certificate.into_bytes()),
        tls_server_name: None,
    };
    let options = Options::default();
    let question = Question { authority: &authority, config: &config, options: &options, now };
    let Trust::Unknown(failure) = probe(&question, &hub).await else { panic!("must be unknown") };
    assert!(
        failure.message.contains(&free.to_string()),
        "the controller's own address comes second: {}",
        failure.message
    );
    let broken = HubAddress { ca: Some(b"-----BEGIN CERTIFICATE-----\n!".to_vec()), ..hub };
    assert!(matches!(probe(&question, &broken).await, Trust::Unknown(_)));
}
