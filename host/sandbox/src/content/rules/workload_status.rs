//! The status of what makes pods: counts that fit together.
//!
//! Facts: `Validate*Status` of `pkg/apis/apps/validation/validation.go`, `ValidatePodDisruptionBudgetStatusUpdate` of
//! `pkg/apis/policy/validation/validation.go`. Conditions of a budget are not looked at.

use super::{Causes, values};
use crate::causes::invalid_value;
use crate::content::Object;
use crate::content::place::Place;

/// The counts of a kind: those that are not negative, those that are not more than another one.
struct Counts {
    counted: &'static [&'static str],
    at_most: &'static [(&'static str, &'static str, &'static str)],
}

const OF_ALL: &str = "cannot be greater than status.replicas";

const DEPLOYMENT: Counts = Counts {
    counted: &[
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    ],
    at_most: &[
        ("updatedReplicas", "replicas", OF_ALL),
        ("readyReplicas", "replicas", OF_ALL),
        ("availableReplicas", "replicas", OF_ALL),
        ("availableReplicas", "readyReplicas", "cannot be greater than readyReplicas"),
    ],
};

const REPLICA_SET: Counts = Counts {
    counted: &[
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
        "terminatingReplicas",
    ],
    at_most: &[
        ("fullyLabeledReplicas", "replicas", OF_ALL),
        ("readyReplicas", "replicas", OF_ALL),
        ("availableReplicas", "replicas", OF_ALL),
        ("availableReplicas", "readyReplicas", "cannot be greater than readyReplicas"),
    ],
};

const STATEFUL_SET: Counts = Counts {
    counted: &[
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
        "observedGeneration",
        "collisionCount",
    ],
    at_most: &[
        ("readyReplicas", "replicas", OF_ALL),
        ("currentReplicas", "replicas", OF_ALL),
        ("updatedReplicas", "replicas", OF_ALL),
        ("availableReplicas", "replicas", OF_ALL),
        ("availableReplicas", "readyReplicas", "cannot be greater than status.readyReplicas"),
    ],
};

const DAEMON_SET: Counts = Counts {
    counted: &[
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    ],
    at_most: &[],
};

const BUDGET: Counts =
    Counts { counted: &["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"], at_most: &[] };

/// The status of a kind of `apps`.
pub(super) fn status(plural: &str, object: &Object, old: Option<&Object>, causes: &mut Causes) {
    let counts = match plural {
        "deployments" => DEPLOYMENT,
        "replicasets" => REPLICA_SET,
        "statefulsets" => STATEFUL_SET,
        "daemonsets" => DAEMON_SET,
        _ => return,
    };
    check(&counts, object, causes);
    let Some(old) = old.filter(|_| counts.counted.contains(&"collisionCount")) else { return };
    let [new, old] = [object, old].map(|object| Place::of(object, "status").child("collisionCount"));
    if old.number() > new.number() || old.is_said() && !new.is_said() {
        causes.push(invalid_value(new.path(), &new.number().into(), "cannot be decremented"));
    }
}

/// The status of a `PodDisruptionBudget`.
pub(super) fn budget(budget: &Object, causes: &mut Causes) {
    check(&BUDGET, budget, causes);
}

fn check(counts: &Counts, object: &Object, causes: &mut Causes) {
    let status = Place::of(object, "status");
    for name in counts.counted {
        values::not_negative(&status.child(name), causes);
    }
    for (name, of, why) in counts.at_most {
        let count = status.child(name);
        if count.number() > status.child(of).number() {
            causes.push(invalid_value(count.path(), &count.number().into(), why));
        }
    }
}
