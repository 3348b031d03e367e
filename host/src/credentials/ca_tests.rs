//! What is accepted as a CA, and one test for each thing that is wrong with one.

use std::collections::BTreeMap;

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
    for (key, certificate) in [(SEC1_KEY, SEC1_CERTIFICATE), (PKCS1_KEY, PKCS1_CERTIFICATE)] {
        load(certificate, key, now()).unwrap();
    }
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

/// Test data: a CA made by `openssl ecparam -genkey` and `openssl req -x509`; its key guards nothing.
const SEC1_KEY: &str = "\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIAKEHpLqsXGZxx6itMroi/9e2ZAEKQFyCmGpLnBUsxNXoAoGCCqGSM49
AwEHoUQDQgAECaDF93QO8KsOHptcfG4xlJ0wAiRMmIY/OZ1EiOUSC95zKJV8rdO4
DCdpdRdKj2bv+6cktY6nsT8SrF5IIIMDmQ==
-----END EC PRIVATE KEY-----
";
const SEC1_CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUckKlKH9ZotTfb64FavO6uGPl9TIwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMc2VjMS10ZXN0LWNhMCAXDTI2MTEyMzA2MTMwOFoYDzIxMjYx
MDMwMDYxMzA4WjAXMRUwEwYDVQQDDAxzZWMxLXRlc3QtY2EwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAAQJoMX3dA7wqw4em1x8bjGUnTACJEyYhj85nUSI5RIL3nMo
lXyt07gMJ2l1F0qPZu/7pyS1jqexPxKsXkgggwOZo1MwUTAdBgNVHQ4EFgQUX4zi
ellV3ELcNQPmeNWEmZJd3cgwHwYDVR0jBBgwFoAUX4ziellV3ELcNQPmeNWEmZJd
3cgwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAp2X6qjJXEIOA
pcL08LrnvGMTrmk3fooT8uzWoqn0JDkCIGDzppBPyXCt94+lvZLRGNMGxr8nBpbt
JruQcxJQa/ny
-----END CERTIFICATE-----
";
/// Test data: the same with `openssl genrsa -traditional`.
const PKCS1_KEY: &str = "\
-----BEGIN RSA PRIVATE KEY-----
MIIEpQIBAAKCAQEApq8vCwlOdm1QfouwaODbdth2fSyd2xt/fuL3xK0uUIPpIvdg
mVI0Y93G+SUJmBrJIup/aDieG4OQk0OM57bnFp+mYqEj3tHs57P5j+f8DO+khLLy
X6ockBWGvZtc1ohWXkj9wjstqCOxC3PqeHKYIJnw69DZc60jJFb31TuK1g84HA3i
1a+ILvpk6sAarpFEMlgGXJ5aDivihCG5MxHage8WXf//QijHhZjxNdlOC9ebpYDE
9sCgJh9uAooYfCwAkBJ7/G9DHTjBdA5IuTxVJwydxKPZ1ncfFDCZFUKXwKrO0jHC
Yi61HFp3TpHj4xe+n0emrE1MDxDqQMPbD/QMHwIDAQABAoIBAD05S4Y6PN+y90YD
+SAMt4/Hon4HzVOVnhb1Nxy+n6xjR1bYllq6nxOvek45FHUSIZ75kyKs6SYiBRCS
V0clH2xn562CkrJdWS8iJCB/jU0TGNLFB9GroiIqRfuO/WKvYUnwdYTKR9LiiT0z
roPfU5Fl+eAkLjsW9Tl72DwySqSlCmM4KfOYLSOvVT60dPTBJiNpcgJfPzc1ofpd
OjxP3S1OQQXBUH2fhb2FpSMoPDIX+tHOTtRODaf11bWwtsWI2uETD10c3+hYIUbR
5U2K0KbWnNZkM3QPamzYg+65WKUg3v2TQJEYSTgGlUFTCU3PbyUI4u3bBPBnb0E1
GVLwk0ECgYEA2+A/UpCFu+X+UOEh7uDmaI+Ufi1GYuyH4Ibm8wZQZE6m6znuT+YQ
7kf8DUbucXS08eQ8SVs+xmt7LPhQ9uypAwZLddGkOdfBQa0UEPm3xysbQso0XJ+8
r9ru2Js2NQyR6n0J3exR3OLaJYkmmHY3LL3soaxXGObJ38/t7vG3xTUCgYEAwhHA
TO703yGhi5fZr9TrUP681pYaxv5d5AquLRpbRF/pUv/4mwmROCJaE2X4Oc+q/bVC
byiDyVSCwhDgQxmY76ZitlywWncm6bXtlRWzXeW+x6ekunecwiEmAhR+e2RysMq1
vMSNBEqwat7E8GH6uKDdsysIdj9fSqr7lcNv2oMCgYEAj57SveOY9zsr+ziTKa3N
0s62eBSqvUMzHf4ALQ4axOp7LXsRpy7oMDzk7uc+KO3Ko5YpquDnCER8mMs6V5AO
deNOtw7Q7td3bKbZTJ1Q5c/KZr4dpcLRRS0EhogbyFsFlN1H7KXIczfatln30+6j
653DS3d/DMzzYDY5fLJ3D2ECgYEAuYIqZeANZrVJLJzM040eG2BFtoHpusovierD
sA1/rI5aBKL2S40LqbL8k4pniyt9ceOwS31Y7DzCeSuUk8+GJ57OwS88zF0Vb1Ye
cuI5gMo6YbNYfX4U9GSnZlmcxeqwz1oV+wmPGskidiXX70hZV989zSSXhCDzv/ZN
Y01cQG0CgYEAnkSa/Bc8Y3s7CZ4xqYhqL7DpHAEukpYSNuQefowiLT7VNKJqRIJ0
JxvdsEKkLLD++2ujNyC+OHVBFYtlvwo2PXWGAiHJF6zUm5gDzhJdin21ww8271JA
sxmkqI2Pql8cR8D+51EYcfl0lf/1JD56zo8W7e9OqlOdacqBpaAZWFA=
-----END RSA PRIVATE KEY-----
";
const PKCS1_CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIDEzCCAfugAwIBAgIUVVItSgA/hYi/Net/M1FLFNHGWZEwDQYJKoZIhvcNAQEL
BQAwGDEWMBQGA1UEAwwNcGtjczEtdGVzdC1jYTAgFw0yNjExMjMwNjEzMDlaGA8y
MTI2MTAzMDA2MTMwOVowGDEWMBQGA1UEAwwNcGtjczEtdGVzdC1jYTCCASIwDQYJ
KoZIhvcNAQEBBQADggEPADCCAQoCggEBAKavLwsJTnZtUH6LsGjg23bYdn0sndsb
f37i98StLlCD6SL3YJlSNGPdxvklCZgaySLqf2g4nhuDkJNDjOe25xafpmKhI97R
7Oez+Y/n/AzvpISy8l+qHJAVhr2bXNaIVl5I/cI7LagjsQtz6nhymCCZ8OvQ2XOt
IyRW99U7itYPOBwN4tWviC76ZOrAGq6RRDJYBlyeWg4r4oQhuTMR2oHvFl3//0Io
x4WY8TXZTgvXm6WAxPbAoCYfbgKKGHwsAJASe/xvQx04wXQOSLk8VScMncSj2dZ3
HxQwmRVCl8CqztIxwmIutRxad06R4+MXvp9HpqxNTA8Q6kDD2w/0DB8CAwEAAaNT
MFEwHQYDVR0OBBYEFD3vEfU7l8avgIWuQcoedtQ6RY0RMB8GA1UdIwQYMBaAFD3v
EfU7l8avgIWuQcoedtQ6RY0RMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQEL
BQADggEBAG2MxB69y6WhWEIJQMSTLhgcdv+3O0/Q47IdvK2wcTn0sU64xL4jbLFb
lNp1s73ho6OlHt8c7AiNLHuoeluywxNWx+YeAiNVtZAbhDlxLM0NlAZpVEh0UDKa
8LnUQ4K6y8SvMaYqVtba33ZfjKtkfTS4O4+h40NndBd7/bpvjoEsj0BEPNAB51Lm
aU9RDZ47qEg+Ezg3mcmE2x+SyAnfoREXcNHHizYjScqNZNhgq75e9+cam4OUEfDI
wxOzfgFHyHSC1v4Zp0r3A1lXrv3OEePBMkfZKD/STt+nvlnmoZrtNqS8X0tEsxhZ
3TQoGpwle+corLl/aqlO42A+bRVQ5GY=
-----END CERTIFICATE-----
";
