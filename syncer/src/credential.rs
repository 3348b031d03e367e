//! Which credential it is: the serial that the syncer reports, so that the controller knows when the one before may go.
//!
//! It is read from the credential itself, not from what was written beside it: what is reported is what is used. A
//! certificate's serial number is written as lower-case hexadecimal digits of its bytes, without the zero byte that DER puts
//! before a high bit; a ServiceAccount token's is its `jti` claim.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use berthage_core::names::hex;
use serde::Deserialize;
use x509_parser::pem::parse_x509_pem;

use crate::kubeconfig::{Credential, KubeconfigError, Note};

/// The serial of a credential. A token without an id is one that the controller did not ask for: then what was written
/// beside it stands, or nothing.
pub fn serial(credential: &Credential, note: Option<&Note>) -> Result<String, KubeconfigError> {
    match credential {
        Credential::Certificate { chain, .. } => of_certificate(chain),
        Credential::Token(token) => {
            Ok(of_token(token).or_else(|| note.map(|note| note.serial.clone())).unwrap_or_default())
        }
    }
}

fn of_certificate(chain: &[u8]) -> Result<String, KubeconfigError> {
    let broken = || KubeconfigError::Data("client-certificate-data");
    let (_, pem) = parse_x509_pem(chain).map_err(|_| broken())?;
    let certificate = pem.parse_x509().map_err(|_| broken())?;
    let bytes = certificate.raw_serial();
    Ok(hex(bytes.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(bytes)))
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
}

fn of_token(token: &str) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Claims>(&claims).ok().map(|claims| claims.jti)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SerialNumber};
    use zeroize::Zeroizing;

    use super::*;

    fn certificate(serial: &[u8]) -> Credential {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from_slice(serial));
        Credential::Certificate {
            chain: params.self_signed(&key).unwrap().pem().into_bytes(),
            key: Zeroizing::new(key.serialize_pem().into_bytes()),
        }
    }

    fn token(claims: &str) -> Credential {
        Credential::Token(Zeroizing::new(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))))
    }

    #[test]
    fn a_certificates_serial_is_its_bytes_in_hexadecimal_digits() {
        for (bytes, expected) in [
            (&[0x40, 0xab, 0x00][..], "40ab00"),
            // DER writes a zero byte before this one; it is no part of the number.
            (&[0x9f, 0x01][..], "9f01"),
            (&[0x01][..], "01"),
        ] {
            assert_eq!(serial(&certificate(bytes), None).unwrap(), expected);
        }
    }

    #[test]
    fn a_tokens_serial_is_its_id() {
        let note = Note { serial: "beside".to_owned(), target: String::new(), uid: String::new() };
        assert_eq!(serial(&token(r#"{"jti":"1-2-3","sub":"x"}"#), Some(&note)).unwrap(), "1-2-3");
        assert_eq!(serial(&token("{}"), Some(&note)).unwrap(), "beside");
        assert_eq!(serial(&Credential::Token(Zeroizing::new("opaque".to_owned())), None).unwrap(), "");
    }

    #[test]
    fn what_is_no_certificate_is_refused_without_being_quoted() {
        let broken = Credential::Certificate { chain: b"canary".to_vec(), key: Zeroizing::new(Vec::new()) };
        assert_eq!(serial(&broken, None), Err(KubeconfigError::Data("client-certificate-data")));
    }
}
