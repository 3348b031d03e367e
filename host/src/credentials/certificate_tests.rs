//! What is signed, read with another library; and what the self-check would throw away.

use rcgen::{BasicConstraints, PublicKeyData as _};

use super::*;

const USER: &str = "berthage:syncer:local:0b0e";

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn authority(days: u16) -> Authority {
    let made = Authority::make("test", days, now()).unwrap();
    Authority::from_pem(made.certificate.as_bytes(), made.key.as_bytes(), now()).unwrap()
}

const WEEK: Duration = Duration::from_hours(168);

#[test]
fn a_certificate_says_who_and_nothing_more() {
    let authority = authority(30);
    let issued = issue(&authority, USER, WEEK, now()).unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(issued.certificate.as_bytes()).unwrap();
    let leaf = pem.parse_x509().unwrap();
    assert_eq!(leaf.subject().to_string(), format!("CN={USER}"));
    assert_eq!(leaf.issuer().to_string(), "CN=test");
    assert_eq!(leaf.validity().not_before.timestamp(), now().as_second() - 300);
    assert_eq!(leaf.validity().not_after.timestamp(), now().as_second() + 7 * 86_400);
    assert_eq!(issued.not_after.as_second(), now().as_second() + 7 * 86_400);
    assert_eq!(issued.serial.len(), 32);
    assert_eq!(hex(leaf.raw_serial()), issued.serial);
    assert!(leaf.serial > x509_parser::num_bigint::BigUint::from(0_u8));
    assert!(!leaf.is_ca());
    assert!(leaf.subject_alternative_name().unwrap().is_none());
    let key = leaf.public_key().parsed().unwrap();
    assert_eq!(key.key_size(), 256);
    let pair = KeyPair::from_pem(&issued.key).unwrap();
    assert_eq!(pair.der_bytes(), leaf.public_key().subject_public_key.data.as_ref());
    let authority_key = leaf.iter_extensions().any(|extension| {
        matches!(extension.parsed_extension(), x509_parser::extensions::ParsedExtension::AuthorityKeyIdentifier(_))
    });
    assert!(authority_key);
    let other = issue(&authority, USER, WEEK, now()).unwrap();
    assert_ne!((other.serial, &*other.key), (issued.serial, &*issued.key));
}

#[test]
fn it_never_outlives_the_ca() {
    let authority = authority(3);
    let issued = issue(&authority, USER, WEEK, now()).unwrap();
    assert_eq!(issued.not_after, authority.not_after());
    let over = issue(&authority, USER, WEEK, authority.not_after()).err().unwrap();
    assert!(matches!(over, IssueError::Authority(AuthorityError::Expired(_))));
    let forever = issue(&authority, USER, Duration::MAX, now()).unwrap();
    assert_eq!(forever.not_after, authority.not_after());
}

#[test]
fn names_of_any_form_stay_one_name() {
    let authority = authority(30);
    for user in ["a", "a,O=system:masters", "a/O=system:masters", "a+O=b", &"x".repeat(500), "\u{e9}\u{202e}"] {
        issue(&authority, user, WEEK, now()).unwrap();
    }
}

/// What is wrong with a certificate that was changed in one way.
fn wrong(change: impl Fn(&mut CertificateParams)) -> Result<(), &'static str> {
    let authority = authority(30);
    let key = KeyPair::generate().unwrap();
    let serial = ca::serial().unwrap();
    let end = now().checked_add(WEEK).unwrap();
    let mut params = CertificateParams::default();
    params.not_before = ca::date(now()).unwrap().to_datetime();
    params.not_after = ca::date(end).unwrap().to_datetime();
    params.serial_number = Some(serial.to_vec().into());
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, USER);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut params);
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    check(certificate.der(), &authority, USER, &serial, (now(), end))
}

#[test]
fn the_self_check_finds_every_deviation() {
    assert_eq!(wrong(|_| {}), Ok(()));
    assert_eq!(
        wrong(|params| params.distinguished_name.push(DnType::OrganizationName, "system:masters")),
        Err("its subject")
    );
    assert_eq!(wrong(|params| params.distinguished_name.push(DnType::CommonName, "other")), Err("its subject"));
    assert_eq!(wrong(|params| params.distinguished_name = DistinguishedName::new()), Err("its subject"));
    assert_eq!(wrong(|params| params.serial_number = Some(1_u64.into())), Err("its serial number"));
    assert_eq!(wrong(|params| params.not_before = params.not_after), Err("the beginning of its validity"));
    assert_eq!(wrong(|params| params.not_after = params.not_before), Err("the end of its validity"));
    assert_eq!(wrong(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)), Err("its basic constraints"));
    assert_eq!(wrong(|params| params.key_usages.clear()), Err("its key usage"));
    assert_eq!(wrong(|params| params.key_usages.push(KeyUsagePurpose::KeyCertSign)), Err("its key usage"));
    assert_eq!(wrong(|params| params.extended_key_usages.clear()), Err("its extended key usage"));
    assert_eq!(
        wrong(|params| params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth)),
        Err("its extended key usage")
    );
    assert_eq!(
        wrong(|params| params.extended_key_usages.push(ExtendedKeyUsagePurpose::Any)),
        Err("its extended key usage")
    );
}

#[test]
fn the_self_check_finds_another_signer() {
    let (authority, other) = (authority(30), authority(30));
    let issued = issue(&other, USER, WEEK, now()).unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(issued.certificate.as_bytes()).unwrap();
    let serial = pem.parse_x509().unwrap().raw_serial().to_vec();
    let validity = (now().checked_sub(CLOCK_SKEW).unwrap(), issued.not_after);
    assert_eq!(check(&pem.contents, &authority, USER, &serial, validity), Err("its signature"));
    assert_eq!(check(&pem.contents[..40], &authority, USER, &serial, validity), Err("its encoding"));
}
