//! Names that kcp makes by hashing: of logical clusters, of default bindings, of labels.
//!
//! Facts: `pkg/util/crypto` of `github.com/kcp-dev/apimachinery` (numbers in base 36 and 62 of SHA-224), `ToLabelKeyAndValue` and
//! its neighbours in `sdk/apis/apis/v1alpha2/permissionclaims`, `generateAPIBindingName` and `randomClusterName` in
//! `pkg/reconciler/tenancy`, `InitializerToLabel` in `sdk/apis/tenancy/initialization`.

use aws_lc_rs::digest::{SHA224, SHA256, digest};

/// What the labels of claimed objects begin with.
pub const CLAIMED: &str = "claimed.internal.apis.kcp.io/";
/// The label by which the bindings of an APIExport are found.
pub const EXPORT_LABEL: &str = "internal.apis.kcp.io/export";

const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The value that an APIExport has in labels: `<cluster>:<name>`, hashed.
pub fn export_hash(cluster: &str, name: &str) -> String {
    number(&sha224(&format!("{cluster}:{name}")), 62)
}

/// The key of the label that objects have which an APIExport has claimed.
pub fn claim_key(cluster: &str, name: &str) -> String {
    format!("{CLAIMED}{}", export_hash(cluster, name))
}

/// The value of that label: which claim it is. Verbs and selectors are no part of it.
pub fn claim_value(group: &str, resource: &str, identity: &str) -> String {
    // As Go writes the claim as JSON, without verbs; names have nothing to escape.
    let group = if group.is_empty() { String::new() } else { format!(r#""group":"{group}","#) };
    let identity = if identity.is_empty() { String::new() } else { format!(r#","identityHash":"{identity}""#) };
    number(&sha224(&format!(r#"{{{group}"resource":"{resource}","verbs":null{identity}}}"#)), 62)
}

/// The value of that label on an APIBinding of the APIExport itself, whatever it accepts.
pub fn reflexive_value() -> String {
    let bytes: Vec<u8> = (0..28).map(|index| index % 10).collect();
    number(&bytes, 62)
}

/// The name of a logical cluster, from 32 random bytes.
pub fn cluster_name(random: &[u8]) -> String {
    padded(digest(&SHA224, random).as_ref()).chars().take(16).collect()
}

/// Whether it could be the name of a logical cluster that was made for a workspace.
pub fn is_cluster_name(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// What an old annotation calls a shard.
pub fn shard_hash(shard: &str) -> String {
    padded(&sha224(shard)).chars().take(8).collect()
}

/// The name of a binding that a workspace has because of its type.
pub fn binding_name(cluster: &str, path: &str, export: &str) -> String {
    const MOST: usize = 253 - 1 - 5;
    let hash = number(&sha224(&format!("{cluster}|{path}|{export}")), 62);
    let hash: String = hash.chars().take(5).collect();
    let prefix: String = export.chars().take(MOST).collect();
    format!("{prefix}-{}", hash.to_lowercase())
}

/// The label of a LogicalCluster that has an initializer.
pub fn initializer_label(initializer: &str) -> (String, String) {
    const PREFIX: &str = "initializer.internal.kcp.io/";
    let hash = hex(&sha224(initializer));
    let start: String = hash.chars().take(63 - PREFIX.len()).collect();
    (format!("{PREFIX}{start}"), hash)
}

/// The identity of an APIExport: the hash of its secret key.
pub fn identity_hash(key: &[u8]) -> String {
    hex(digest(&SHA256, key).as_ref())
}

fn sha224(text: &str) -> Vec<u8> {
    digest(&SHA224, text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// In base 36, with a zero for each leading byte that is zero.
fn padded(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let rest = if zeros == bytes.len() { String::new() } else { number(bytes, 36) };
    format!("{}{rest}", "0".repeat(zeros))
}

/// Bytes as a number, the first one the most significant, in a base of at most 62.
fn number(bytes: &[u8], base: u32) -> String {
    let mut rest = bytes.to_vec();
    let mut digits = Vec::new();
    while rest.iter().any(|byte| *byte != 0) {
        let mut remainder = 0;
        for byte in &mut rest {
            let value = remainder * 256 + u32::from(*byte);
            // A quotient by the base of what is less than 256 times the base.
            *byte = u8::try_from(value / base).unwrap_or_default();
            remainder = value % base;
        }
        digits.push(DIGITS.get(remainder as usize).copied().unwrap_or(b'0'));
    }
    if digits.is_empty() {
        digits.push(b'0');
    }
    digits.iter().rev().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `encoder_test.go`.
    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (bytes, base, text) in [
            (&[][..], 36, "0"),
            (&[0], 62, "0"),
            (&[1], 36, "1"),
            (&[0xff], 36, "73"),
            (&[1, 0], 36, "74"),
            (&[0xff], 62, "47"),
        ] {
            assert_eq!(number(bytes, base), text, "{bytes:?}");
        }
        assert_eq!(padded(&[0, 0xc6, 0x50, 0xb1, 0xad, 0x5a, 0x99, 0xc3]), "0f9mt7goyif7");
        assert_eq!((padded(&[0, 0]), padded(&[])), ("00".to_owned(), String::new()));
    }

    /// From `labels_test.go`.
    #[test]
    fn labels_are_those_of_kcp() {
        assert_eq!(claim_key("root", "tenancy.kcp.io"), format!("{CLAIMED}bmCdly9xXiUpEHe3ypvDwvXMTfoVZUE92mqAQf"));
        assert_eq!(claim_value("", "configmaps", ""), "3QVjs6pfBjMpLEVYYhysJnroYGsQGlWm05E4qe");
        assert_eq!(claim_key("abcd1234", "my-export"), format!("{CLAIMED}phGj1BkmdNY3LKTrtFc1KGLYTBs8Nt50p8PIU"));
        assert_eq!(claim_value("apps", "deployments", "deadbeef"), "4CpOMiJ5JL9ZC4cG8ne7nGNQbSOEUiwZ89KHal");
        assert_eq!(reflexive_value(), "LstvmbbzVDDOn90ZbhzSQO5U3DMCf88h1pZ");
        assert_eq!(shard_hash("root"), "1pfxsevk");
        assert_eq!(cluster_name(&[7; 32]).len(), 16);
        assert_eq!(binding_name("c", "root", &"a".repeat(300)).len(), 253);
    }

    /// From `identity_test.go`, and `TestReconcileMetadata` of the LogicalCluster.
    #[test]
    fn hashes_are_those_of_kcp() {
        assert_eq!(identity_hash(b"xxx"), "cd2eb0837c9b4c962c22d2ff8b5441b7b45805887f051d39bf133b583baf6860");
        let (key, value) = initializer_label("pluto");
        assert_eq!(key, "initializer.internal.kcp.io/2eadcbf778956517ec99fd1c1c32a9b13cb");
        assert_eq!(value, "2eadcbf778956517ec99fd1c1c32a9b13cbae759770fc37c341c7fe8");
    }
}
