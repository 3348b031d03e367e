//! A look at a component's file before anything of it is compiled.

use wasmparser::{Encoding, Parser, Payload};

use super::contract::{exported, versions};
use super::error::Failure;

/// What a plugin may import: `log`, and the types that the exported interfaces use.
const ALLOWED: [&str; 2] = ["log", "types"];

/// Whether the file is a whole component that imports nothing but what it may.
pub(super) fn inspect(bytes: &[u8]) -> Result<(), Failure> {
    let no_component = |why: String| Failure::NotAComponent { why };
    if bytes.is_empty() {
        return Err(no_component("the file is empty".to_owned()));
    }
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| no_component(format!("the file is damaged or cut off: {}", error.message())))? {
            Payload::Version { encoding, .. } => {
                if depth == 0 && encoding != Encoding::Component {
                    return Err(no_component("it is a core module".to_owned()));
                }
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 1 => {
                for import in imports {
                    let name = import.map_err(|error| no_component(error.message().to_owned()))?.name.name;
                    if !is_allowed(name) {
                        return Err(Failure::ForbiddenImport { import: super::text::clean(name, 128) });
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Of a version that is served, whatever its patch number is.
fn is_allowed(import: &str) -> bool {
    let is_patch = |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit());
    versions().any(|version| {
        ALLOWED.iter().any(|interface| {
            let name = exported(interface, version);
            let track = name.trim_end_matches(|c: char| c.is_ascii_digit());
            import.strip_prefix(track).is_some_and(is_patch)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component with one import of an empty instance, by hand: header, a type section, an import section.
    fn component(import: &str) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.extend(*b"\x07\x03\x01\x42\x00");
        let length = u8::try_from(import.len()).unwrap();
        bytes.extend([10, length + 5, 1, 0, length]);
        bytes.extend(import.as_bytes());
        bytes.extend([5, 0]);
        bytes
    }

    #[test]
    fn log_and_types_of_any_patch_version_may_be_imported() {
        assert_eq!(inspect(&component("berthage:plugin/log@0.1.0")), Ok(()));
        assert_eq!(inspect(&component("berthage:plugin/types@0.1.12")), Ok(()));
        assert_eq!(inspect(&component("berthage:plugin/log@0.2.1")), Ok(()));
    }

    #[test]
    fn nothing_else_may_be_imported() {
        for import in [
            "wasi:cli/environment@0.2.0",
            "berthage:plugin/log@0.3.0",
            "berthage:plugin/log@0.20.0",
            "berthage:plugin/log@0.1.",
            "berthage:plugin/log",
            "berthage:plugin/about@0.1.0",
            "berthage:plugin/logs@0.1.0",
            "berthage:plugin/log@0.1.0-evil",
            "log",
        ] {
            let refused = inspect(&component(import)).unwrap_err();
            assert_eq!(refused, Failure::ForbiddenImport { import: import.to_owned() });
        }
    }

    #[test]
    fn what_is_no_component_is_named() {
        let why = |bytes: &[u8]| match inspect(bytes) {
            Err(Failure::NotAComponent { why }) => why,
            other => panic!("{other:?}"),
        };
        assert!(why(b"").contains("empty"));
        assert!(why(b"\0asm\x01\0\0\0").contains("core module"));
        assert!(why(b"#!/bin/sh\n").contains("damaged"));
        let whole = component("berthage:plugin/log@0.1.0");
        for cut in 1..whole.len() {
            // Cut between two sections it is a smaller component; that it does not export a world is found later.
            if inspect(&whole[..cut]).is_ok() {
                assert!(cut == 8 || cut == 13, "{cut}");
            }
        }
    }
}
