//! Random numbers from a seed, so that a run can be replayed exactly.
//!
//! SplitMix64 (Steele, Lea and Flood, 2014): what is drawn names things and spreads things, and keeps no secret.

/// The letters of generated names (`k8s.io/apimachinery/pkg/util/rand`).
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A sequence that its seed decides.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0; a bound of 0 gives 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number().checked_rem(bound).unwrap_or(0)
    }

    /// A version 4 UUID.
    pub fn uuid(&mut self) -> String {
        let (high, low) = (self.number(), self.number());
        let version = (high & 0xffff_ffff_ffff_0fff) | 0x4000;
        let variant = (low & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            version >> 32,
            (version >> 16) & 0xffff,
            version & 0xffff,
            variant >> 48,
            variant & 0xffff_ffff_ffff
        )
    }

    /// So many letters of a generated name.
    pub fn letters(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| {
                let at = usize::try_from(self.below(LETTERS.len() as u64)).unwrap_or_default();
                char::from(LETTERS.get(at).copied().unwrap_or(b'b'))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_everything_that_follows() {
        let draw = |seed| {
            let mut random = Random::seeded(seed);
            (random.uuid(), random.letters(5), random.below(10))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    /// The first numbers of seed 1234567, as published with the algorithm.
    #[test]
    fn the_sequence_is_splitmix64() {
        let mut random = Random::seeded(1_234_567);
        let numbers: Vec<u64> = (0..3).map(|_| random.number()).collect();
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn uuids_say_that_they_are_random() {
        let mut random = Random::seeded(1);
        for _ in 0..100 {
            let uuid = random.uuid();
            assert_eq!(uuid.len(), 36, "{uuid}");
            assert_eq!(uuid.as_bytes().get(14), Some(&b'4'), "{uuid}");
            assert!(matches!(uuid.as_bytes().get(19), Some(b'8' | b'9' | b'a' | b'b')), "{uuid}");
        }
        assert_eq!(random.below(0), 0);
        assert!(random.letters(64).bytes().all(|letter| LETTERS.contains(&letter)));
    }
}
