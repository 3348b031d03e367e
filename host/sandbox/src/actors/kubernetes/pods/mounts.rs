//! The Secrets and ConfigMaps that a pod needs: its volumes before anything starts (`pkg/volume/{secret,configmap,projected}`), the
//! environment of a container before that starts (`makeEnvironmentVariables` of `kubelet_pods.go`).

use serde_json::Value;

use crate::actors::reading::{Object, list, word};
use crate::world::{Named, World};

/// Whether volumes cannot be mounted.
pub(super) fn lacks_volumes(world: &World, pod: &Named<'_>, object: &Object) -> bool {
    let lacks = |kind: &str, source: Option<&Value>| {
        let Some(source) = source.filter(|source| !source.is_null()) else { return false };
        // A Secret is named otherwise in a volume of its own.
        let name = match word(source, "secretName") {
            "" => word(source, "name"),
            name => name,
        };
        let items = source.get("items").and_then(Value::as_array).into_iter().flatten();
        let keys: Vec<&str> = items.map(|item| word(item, "key")).collect();
        missing(world, pod, kind, name, &keys).is_some() && source.get("optional") != Some(&Value::Bool(true))
    };
    list(object, &["spec", "volumes"]).any(|volume| {
        let projected = volume.get("projected").and_then(|projected| projected.get("sources")?.as_array());
        let any = |source: &Value| lacks("secret", source.get("secret")) || lacks("configmap", source.get("configMap"));
        any(volume) || projected.into_iter().flatten().any(any)
    })
}

/// What the environment of a container lacks, as a kubelet says it.
pub(super) fn lacks_environment(world: &World, pod: &Named<'_>, container: &Value) -> Option<String> {
    let all = |field: &str| container.get(field).and_then(Value::as_array).into_iter().flatten();
    let lacks = |kind: &str, source: Option<&Value>| {
        let source = source.filter(|source| source.get("optional") != Some(&Value::Bool(true)))?;
        let keys: Vec<&str> = Some(word(source, "key")).filter(|key| !key.is_empty()).into_iter().collect();
        missing(world, pod, kind, word(source, "name"), &keys)
    };
    let from = all("envFrom").find_map(|from| {
        lacks("configmap", from.get("configMapRef")).or_else(|| lacks("secret", from.get("secretRef")))
    });
    from.or_else(|| {
        all("env").filter_map(|variable| variable.get("valueFrom")).find_map(|from| {
            lacks("configmap", from.get("configMapKeyRef")).or_else(|| lacks("secret", from.get("secretKeyRef")))
        })
    })
}

/// Why a Secret or a ConfigMap cannot be used: it is not there, or one of these keys is not.
fn missing(world: &World, pod: &Named<'_>, kind: &str, name: &str, keys: &[&str]) -> Option<String> {
    let (plural, shown) = if kind == "secret" { ("secrets", "Secret") } else { ("configmaps", "ConfigMap") };
    let named = Named { plural, name, ..*pod };
    if keys.is_empty() {
        return world.kept(&named).is_none().then(|| format!("{kind} \"{name}\" not found"));
    }
    let Some(object) = world.get(&named) else { return Some(format!("{kind} \"{name}\" not found")) };
    let has = |key: &str| {
        ["data", "binaryData"].iter().any(|data| object.get(*data).is_some_and(|data| data.get(key).is_some()))
    };
    let key = keys.iter().find(|key| !has(key))?;
    Some(format!("couldn't find key {key} in {shown} {}/{name}", pod.namespace))
}
