//! The servers of the end-to-end suite: tools of a Go module of ours, which pins their versions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::child;
use crate::failure::{Failure, Result};
use crate::progress::Progress;
use crate::repository::Repository;

/// Each server's program and package, the quick ones first, with a remark for who waits.
const SERVERS: [(&str, &str, &str); 5] = [
    ("etcd", "go.etcd.io/etcd/server/v3", ""),
    ("kwok", "sigs.k8s.io/kwok/cmd/kwok", ""),
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", " (minutes, the first time)"),
    ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", ""),
    ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", ""),
];

/// Builds what is not up to date.
pub(crate) fn build(repository: &Repository, progress: &Progress) -> Result<()> {
    let module = repository.root().join("tests/servers");
    let folder = repository.output("servers/bin");
    let stamp = repository.output("servers/stamp");
    let wanted = stamp_of(&module)?;
    let complete = SERVERS.iter().all(|(program, ..)| folder.join(program).is_file());
    if complete && fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    let go = go(&module)?;
    fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
    progress.say(&format!("servers for the tests, built with {go}; this is done once"));
    let version = kubernetes_version(&wanted)?;
    for (program, package, remark) in SERVERS {
        progress.step(&format!("build {program}{remark}"), |log| {
            child::run(compile(&module, &folder.join(program), package, &version), log)
        })?;
    }
    fs::write(&stamp, wanted).map_err(Failure::file(&stamp))
}

fn compile(module: &Path, program: &Path, package: &str, kubernetes: &str) -> Command {
    // Without these the servers call themselves v0.0.0, which clients take at its word.
    let set = |name: &str, value: &str| format!("-X k8s.io/component-base/version.{name}={value}");
    let mut numbers = kubernetes.trim_start_matches('v').split('.');
    let flags = [
        "-s -w".to_owned(),
        set("gitVersion", kubernetes),
        set("gitMajor", numbers.next().unwrap_or_default()),
        set("gitMinor", numbers.next().unwrap_or_default()),
    ];
    let mut command = Command::new("go");
    command.current_dir(module).args(["build", "-trimpath", "-ldflags"]).arg(flags.join(" "));
    command.arg("-o").arg(program).arg(package);
    command
}

/// What the servers are made of: they are built again when it changes.
fn stamp_of(module: &Path) -> Result<String> {
    let read = |name: &str| -> Result<String> {
        let path: PathBuf = module.join(name);
        fs::read_to_string(&path).map_err(Failure::file(&path))
    };
    Ok(format!("{}{}", read("go.mod")?, read("go.sum")?))
}

/// The version of Go that will build, or what to do about its absence.
pub(crate) fn go(module: &Path) -> Result<String> {
    let wanted = fs::read_to_string(module.join("go.mod")).unwrap_or_default();
    let wanted = wanted.lines().find_map(|line| line.strip_prefix("go ")).unwrap_or_default().to_owned();
    let advice = format!(
        "install Go {wanted} or later (https://go.dev/dl, or a package of your system) so that `go` is found in PATH, \
         and start again"
    );
    if Command::new("go").arg("version").output().is_err() {
        return Err(Failure(format!("the servers for the tests are built with Go, which is not here: {advice}")));
    }
    // An older Go downloads the one that go.mod wants, unless it is told not to: asking in the module shows which.
    let mut command = Command::new("go");
    command.args(["env", "GOVERSION"]).current_dir(module);
    child::output(command).map_err(|failure| Failure(format!("{}\n{advice}", failure.0)))
}

/// The version of Kubernetes in a go.mod, such as `v1.36.3`.
fn kubernetes_version(module: &str) -> Result<String> {
    let mut versions = module.lines().filter_map(|line| line.trim().strip_prefix("k8s.io/kubernetes "));
    let version = versions.next().and_then(|rest| rest.split(' ').next());
    version.map(str::to_owned).ok_or_else(|| Failure::new("tests/servers/go.mod does not require k8s.io/kubernetes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_kubernetes_is_read_from_the_module() {
        let module = "require (\n\tk8s.io/kubelet v0.36.3 // indirect\n\tk8s.io/kubernetes v1.36.3 // indirect\n)";
        assert_eq!(kubernetes_version(module).unwrap(), "v1.36.3");
        assert!(kubernetes_version("module empty").is_err());
    }
}
