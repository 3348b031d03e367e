//! Images that do not exist (`pkg/kubelet/images/image_manager.go`, with the words of containerd).

use jiff::Timestamp;

use crate::actors::reading::later;

/// Seconds until a kubelet would try again, and says that it waits.
const BACK_OFF: i64 = 10;

/// Reason and message of a container that waits for an image which does not exist, and when it says something else.
pub(super) fn waits(
    image: &str,
    since: Timestamp,
    now: Timestamp,
) -> Option<(&'static str, String, Option<Timestamp>)> {
    if !image.contains("does-not-exist") {
        return None;
    }
    let full = full(image);
    let error = format!(
        "rpc error: code = NotFound desc = failed to pull and unpack image \"{full}\": failed to resolve reference \"{full}\": \
         {full}: not found"
    );
    let end = later(since, BACK_OFF);
    if now < end {
        return Some(("ErrImagePull", error, Some(end)));
    }
    Some(("ImagePullBackOff", format!("Back-off pulling image \"{image}\": ErrImagePull: {error}"), None))
}

/// The name with the registry and the tag that it leaves out.
pub(super) fn full(image: &str) -> String {
    let (first, rest) = image.split_once('/').unwrap_or(("", image));
    let is_host = first.contains(['.', ':']) || first == "localhost";
    let name = match (is_host, first) {
        (true, _) => image.to_owned(),
        (false, "") => format!("docker.io/library/{image}"),
        (false, _) => format!("docker.io/{image}"),
    };
    let last = rest.rsplit('/').next().unwrap_or(rest);
    if last.contains([':', '@']) { name } else { format!("{name}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed() {
        for (image, expected) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1", "docker.io/library/nginx:1"),
            ("a/b", "docker.io/a/b:latest"),
            ("ghcr.io/a/b@sha256:c", "ghcr.io/a/b@sha256:c"),
            ("localhost:5000/b:c", "localhost:5000/b:c"),
        ] {
            assert_eq!(full(image), expected);
        }
    }
}
