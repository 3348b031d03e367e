//! How the JSON of an object is kept small.
//!
//! Objects are alike, so each is compressed with a typical one as dictionary: what it says in the same words costs next to
//! nothing. What is left are hashes and uids in hexadecimal digits, of which zstd's entropy stage makes half. `cargo xtask bench`
//! shows what a target in the store takes.

use std::cell::RefCell;
use std::io;
use std::sync::LazyLock;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe;

/// A SyncTarget and a ClusterRegistration as they are held when all is well.
const TYPICAL: &[u8] = include_bytes!("typical.json");
/// Beyond it, what an object takes hardly changes, and the time does.
const LEVEL: i32 = 5;

static ENCODER: LazyLock<EncoderDictionary<'static>> = LazyLock::new(|| EncoderDictionary::copy(TYPICAL, LEVEL));
static DECODER: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(TYPICAL));

thread_local! {
    /// Some hundred KiB each: made once for each thread.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Makes it small.
pub(super) fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|held| {
        let compressor = match held {
            Some(compressor) => compressor,
            None => held.insert(Compressor::with_prepared_dictionary(&ENCODER)?),
        };
        compressor.compress(bytes)
    })
}

/// The bytes that [`compress`] was given. Of anything else it makes an error, or not what it was.
pub(super) fn decompress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let size = match zstd_safe::get_frame_content_size(bytes) {
        Ok(Some(size)) => usize::try_from(size).map_err(io::Error::other)?,
        Ok(None) | Err(_) => return Err(io::Error::other("not what was compressed")),
    };
    DECOMPRESSOR.with_borrow_mut(|held| {
        let decompressor = match held {
            Some(decompressor) => decompressor,
            None => held.insert(Decompressor::with_prepared_dictionary(&DECODER)?),
        };
        decompressor.decompress(bytes, size)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typical_takes_next_to_nothing_and_comes_back_as_it_was() {
        let typical = TYPICAL.split(|byte| *byte == b'\n').next_back().unwrap();
        for bytes in [&b""[..], b"{}", typical, &b"x".repeat(1 << 20)] {
            let small = compress(bytes).unwrap();
            assert_eq!(decompress(&small).unwrap(), bytes);
            assert!(small.len() <= 100, "{} of {}", small.len(), bytes.len());
        }
    }

    #[test]
    fn what_was_not_compressed_is_an_error() {
        for bytes in [&b""[..], b"{}", TYPICAL] {
            assert!(decompress(bytes).is_err());
        }
    }
}
