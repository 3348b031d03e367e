//! The hash of a template, which names its ReplicaSet (`ComputeHash` of `pkg/controller/controller_utils.go`).

use serde_json::Value;

/// What a number is written in, so that no word comes of it (`util/rand`).
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Of a template, with the number of times that another one had the same.
pub(super) fn of(template: &Value, collisions: Option<i64>) -> String {
    let mut hash = fnv(0x811c_9dc5, template.to_string().as_bytes());
    if let Some(collisions) = collisions {
        let low = u32::try_from(collisions).unwrap_or_default();
        hash = fnv(hash, &u64::from(low).to_le_bytes());
    }
    let letter = |digit: u8| LETTERS.get(usize::from(digit) % LETTERS.len()).copied().unwrap_or(b'b');
    hash.to_string().bytes().map(|digit| char::from(letter(digit))).collect()
}

/// FNV-1a, of 32 bits.
fn fnv(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_hash_is_of_the_template_and_of_the_collisions() {
        assert_eq!(fnv(0x811c_9dc5, b"foobar"), 0xbf9c_f968);
        let template = json!({"spec": {}});
        assert_eq!(of(&template, None), of(&json!({"spec": {}}), None));
        assert_ne!(of(&template, None), of(&template, Some(1)));
        assert_ne!(of(&template, None), of(&json!({"spec": {"a": 1}}), None));
        assert!(of(&template, None).bytes().all(|letter| LETTERS.contains(&letter)));
    }
}
