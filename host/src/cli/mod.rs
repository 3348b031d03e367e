//! The commands that run to an end: they print, write a file, or apply something once.

pub mod ca;
pub mod crds;
pub mod objects;
pub mod plugin;
pub mod register;
pub mod render;
#[cfg(feature = "sandbox")]
pub mod sandbox;

use std::io::Write as _;

/// Prints to standard output; a reader that went away (`| head`) is no error.
pub fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Objects as one YAML text, a document each.
pub fn documents<T: serde::Serialize>(objects: &[T]) -> Result<String, serde_saphyr::ser::Error> {
    let mut text = String::new();
    for object in objects {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(object)?);
    }
    Ok(text)
}
