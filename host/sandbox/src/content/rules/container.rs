//! Containers of pods.
//!
//! Facts: `validateContainers`, `validateInitContainers`, `validateContainerCommon` and `checkHostPortConflicts` of
//! `pkg/apis/core/validation/validation.go`.

use super::{Causes, environment, probe, resources, security, values, volume};
use crate::causes::{duplicate, forbidden, required};
use crate::content::place::Place;

/// `containers`, of which there has to be one, and `initContainers`.
pub(super) fn containers(spec: &Place<'_>, volumes: &[&str], causes: &mut Causes) {
    let [list, early] = ["containers", "initContainers"].map(|name| spec.child(name));
    let grace = spec.child("terminationGracePeriodSeconds");
    let mut names = Vec::new();
    if values::said(&list, causes) {
        for container in list.items() {
            common(&container, volumes, causes);
            once(&container, &mut names, causes);
            probe::lifecycle(&container, &grace, causes);
            probe::probes(&container, &grace, causes);
            restart_policy(&container, causes);
        }
        host_ports(list.items(), &list, causes);
    }
    for container in early.items() {
        common(&container, volumes, causes);
        restart_policy(&container, causes);
        once(&container, &mut names, causes);
        // Of two without a name each is told of already.
        names.retain(|name| !name.is_empty());
        // They run one after the other, and the server tells of each as if it were the first.
        host_ports(std::iter::once(container.clone()), &early, causes);
        if container.child("restartPolicy").text() == "Always" {
            probe::lifecycle(&container, &grace, causes);
            probe::probes(&container, &grace, causes);
        } else {
            for name in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
                let why = "may not be set for init containers without restartPolicy=Always";
                values::refused(&container.child(name), why, causes);
            }
        }
    }
}

fn common(container: &Place<'_>, volumes: &[&str], causes: &mut Causes) {
    let name = container.child("name");
    if values::said(&name, causes) {
        values::label(&name, causes);
    }
    values::said(&container.child("image"), causes);
    let policies = ["File", "FallbackToLogsOnError"];
    values::said_one_of(&container.child("terminationMessagePolicy"), &policies, causes);
    ports(container, causes);
    environment::variables(container, causes);
    environment::sources(container, causes);
    volume::mounts(container, volumes, causes);
    values::said_one_of(&container.child("imagePullPolicy"), &["Always", "IfNotPresent", "Never"], causes);
    resources::requirements(&container.child("resources"), causes);
    security::of_container(&container.child("securityContext"), causes);
}

fn once<'v>(container: &Place<'v>, names: &mut Vec<&'v str>, causes: &mut Causes) {
    let name = container.child("name");
    if names.contains(&name.text()) {
        causes.push(duplicate(name.path(), name.text()));
    } else {
        names.push(name.text());
    }
}

fn restart_policy(container: &Place<'_>, causes: &mut Causes) {
    let policy = container.child("restartPolicy");
    if policy.is_said() {
        values::one_of(&policy, &["Always", "Never", "OnFailure"], causes);
    }
}

fn ports(container: &Place<'_>, causes: &mut Causes) {
    let mut names = Vec::new();
    for port in container.child("ports").items() {
        let name = port.child("name");
        if !name.text().is_empty() {
            let wrong = values::port_name(name.text());
            values::each(&name, &wrong, causes);
            if wrong.is_empty() && names.contains(&name.text()) {
                causes.push(duplicate(name.path(), name.text()));
            } else if wrong.is_empty() {
                names.push(name.text());
            }
        }
        let number = port.child("containerPort");
        if number.number() == 0 {
            causes.push(required(number.path(), ""));
        } else {
            values::port_number(&number, causes);
        }
        let of_host = port.child("hostPort");
        if of_host.number() != 0 {
            values::port_number(&of_host, causes);
        }
        values::said_one_of(&port.child("protocol"), values::PROTOCOLS, causes);
    }
}

/// Two containers cannot have the same port of a node.
fn host_ports<'v>(containers: impl Iterator<Item = Place<'v>>, list: &Place<'_>, causes: &mut Causes) {
    let mut taken = Vec::new();
    for (place, container) in containers.enumerate() {
        let path = format!("{}[{place}].ports", list.path());
        for port in container.child("ports").told(path).items() {
            let number = port.child("hostPort");
            if number.number() == 0 {
                continue;
            }
            let [protocol, address] = ["protocol", "hostIP"].map(|name| port.child(name).text());
            let name = format!("{protocol}/{address}/{}", number.number());
            if taken.contains(&name) {
                causes.push(duplicate(number.path(), &name));
            } else {
                taken.push(name);
            }
        }
    }
}

/// What is forbidden in a template.
pub(super) fn no_ephemeral(spec: &Place<'_>, why: &str, causes: &mut Causes) {
    let containers = spec.child("ephemeralContainers");
    if !containers.is_empty() {
        causes.push(forbidden(containers.path(), why));
    }
}
