//! What is accepted as a CA, and one test for each thing that is wrong with one.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;

use super::*;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn made() -> NewAuthority {
    Authority::make("test", 30, now()).unwrap()
}

fn load(certificate: &str, key: &str, now: Timestamp) -> Result<Authority, AuthorityError> {
    Authority::from_pem(certificate.as_bytes(), key.as_bytes(), now)
}

#[test]
fn what_init_makes_is_a_ca() {
    let made = made();
    let authority = load(&made.certificate, &made.key, now()).unwrap();
    assert_eq!(authority.not_after(), made.not_after);
    assert_eq!(authority.not_after().as_second() - now().as_second(), 30 * 86_400);
    assert_eq!(authority.fingerprint().len(), 16);
    let (_, parsed) = X509Certificate::from_der(&authority.certificate).unwrap();
    let constraints = parsed.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.path_len_constraint == Some(0));
    parsed.verify_signature(None).unwrap();
    assert!(Authority::make("test", 0, now()).is_err_and(|error| error == AuthorityError::Days));
    assert!(Authority::make("test", MAX_DAYS + 1, now()).is_err());
}

#[test]
fn keys_of_every_usual_form_are_read() {
    let algorithms =
        [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519, &rcgen::PKCS_RSA_SHA256];
    for algorithm in algorithms {
        let key = KeyPair::generate_for(algorithm).unwrap();
        assert!(load(&ca_of(&key, |_| {}), &key.serialize_pem(), now()).is_ok());
    }
    // kcp and openssl write these two.
    for (algorithm, label) in
        [(&rcgen::PKCS_ECDSA_P256_SHA256, "EC PRIVATE KEY"), (&rcgen::PKCS_RSA_SHA256, "RSA PRIVATE KEY")]
    {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let text = STANDARD.encode(inner_key(key.serialized_der()));
        let pem = format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n");
        assert!(load(&ca_of(&key, |_| {}), &pem, now()).is_ok(), "{label}");
    }
}

/// PKCS#8 is an envelope: the last field of its sequence holds the key in the older form, SEC1 or PKCS#1.
fn inner_key(pkcs8: &[u8]) -> Vec<u8> {
    let (_, envelope) = x509_parser::der_parser::parse_der(pkcs8).unwrap();
    envelope.as_sequence().unwrap()[2].as_slice().unwrap().to_vec()
}

fn ca_of(key: &KeyPair, change: impl Fn(&mut CertificateParams)) -> String {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    params.self_signed(key).unwrap().pem()
}

fn refused(certificate: &str, key: &str, now: Timestamp) -> AuthorityError {
    load(certificate, key, now).err().expect("must be refused")
}

#[test]
fn each_thing_that_is_wrong_has_its_own_error() {
    let (good, other) = (made(), made());
    assert_eq!(refused("", &good.key, now()), AuthorityError::Certificate(0));
    assert_eq!(refused(&good.certificate.repeat(2), &good.key, now()), AuthorityError::Certificate(2));
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(refused(garbage, &good.key, now()), AuthorityError::Unreadable);
    assert_eq!(refused(&good.certificate, &other.key, now()), AuthorityError::Mismatch);
    assert_eq!(refused(&good.certificate, "no key", now()), AuthorityError::Key);
    assert!(
        Authority::from_pem(good.certificate.as_bytes(), &[0xff], now())
            .is_err_and(|error| error == AuthorityError::Key)
    );
    let end = good.not_after;
    assert_eq!(refused(&good.certificate, &good.key, end), AuthorityError::Expired(end));
    let begin = now().checked_sub(CLOCK_SKEW).unwrap();
    let before = begin.checked_sub(CLOCK_SKEW).unwrap();
    assert_eq!(refused(&good.certificate, &good.key, before), AuthorityError::NotYetValid(begin));
    let key = KeyPair::generate().unwrap();
    let leaf = ca_of(&key, |params| params.is_ca = IsCa::NoCa);
    assert_eq!(refused(&leaf, &key.serialize_pem(), now()), AuthorityError::NotACa);
    let no_signer = ca_of(&key, |params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    assert_eq!(refused(&no_signer, &key.serialize_pem(), now()), AuthorityError::NotACa);
}

#[test]
fn a_secret_must_hold_both_halves() {
    let made = made();
    let mut secret = Secret::default();
    let refused = |secret: &Secret| Authority::from_secret(secret, now()).err();
    assert_eq!(refused(&secret), Some(AuthorityError::SecretKeyMissing("tls.crt")));
    let certificate = ("tls.crt".to_owned(), ByteString(made.certificate.clone().into_bytes()));
    secret.data = Some(BTreeMap::from([certificate.clone()]));
    assert_eq!(refused(&secret), Some(AuthorityError::SecretKeyMissing("tls.key")));
    let key = ("tls.key".to_owned(), ByteString(made.key.as_bytes().to_vec()));
    secret.data = Some(BTreeMap::from([certificate, key]));
    assert_eq!(refused(&secret), None);
}

#[test]
fn serials_are_positive_of_one_length_and_different() {
    let serials: std::collections::BTreeSet<_> = (0..64).map(|_| serial().unwrap()).collect();
    assert_eq!(serials.len(), 64);
    assert!(serials.iter().all(|serial| serial[0] & 0x80 == 0 && serial[0] & 0x40 != 0));
}
