//! A type, read from either of its two shapes.

use std::fmt;

use serde_json::Value;

use super::CompatError;
use crate::kcp::APIS_GROUP;

/// The strategy of a conversion that is none.
pub(super) const UNCONVERTED: &str = "None";

/// A type of an API.
#[derive(Debug)]
pub(super) struct Definition<'a> {
    group: &'a str,
    plural: &'a str,
    /// Scope and names, each with its place. They must not change.
    pub(super) identity: [(&'static str, String); 4],
    /// Every version.
    pub(super) versions: Vec<Version<'a>>,
    /// How objects are converted between versions. `None`: only their `apiVersion` is.
    pub(super) conversion: &'a str,
    /// Which names objects may have; only kcp lets a type choose.
    pub(super) name_validation: &'a str,
    /// Nothing is pruned, whatever the schemas say: a definition that is older than v1 may still do that.
    pub(super) preserves: bool,
}

/// A version of a type.
#[derive(Debug)]
pub(super) struct Version<'a> {
    /// Such as `v1alpha1`.
    pub(super) name: &'a str,
    /// Clients may use it.
    pub(super) served: bool,
    /// Objects are stored in it.
    pub(super) storage: bool,
    /// The structural schema.
    pub(super) schema: &'a Value,
    /// `subresources`, or null.
    pub(super) subresources: &'a Value,
    /// The paths that a field selector may name.
    pub(super) selectable: Vec<&'a str>,
}

impl<'a> Definition<'a> {
    /// The type that an object is; none if it is an object of another kind.
    pub(super) fn read(object: &'a Value) -> Result<Option<Self>, CompatError> {
        let api_version = text(&object["apiVersion"]).unwrap_or_default();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let name = text(&object["metadata"]["name"]).unwrap_or_default();
        let incomplete = |field| CompatError::Incomplete { object: name.to_owned(), field };
        let (schema, supported): (&'static str, _) = match (group, text(&object["kind"])) {
            (_, Some("CustomResourceDefinition" | "APIResourceSchema")) if api_version.is_empty() => {
                return Err(incomplete("apiVersion"));
            }
            ("apiextensions.k8s.io", Some("CustomResourceDefinition")) => ("/schema/openAPIV3Schema", "v1"),
            (APIS_GROUP, Some("APIResourceSchema")) => ("/schema", "v1alpha1"),
            _ => return Ok(None),
        };
        if version != supported {
            let kind = text(&object["kind"]).unwrap_or_default().to_owned();
            return Err(CompatError::Unsupported {
                object: name.to_owned(),
                kind,
                api_version: api_version.to_owned(),
            });
        }
        let (spec, names) = (&object["spec"], &object["spec"]["names"]);
        let group = text(&spec["group"]).ok_or_else(|| incomplete("spec.group"))?;
        let plural = text(&names["plural"]).ok_or_else(|| incomplete("spec.names.plural"))?;
        let kind = text(&names["kind"]).ok_or_else(|| incomplete("spec.names.kind"))?;
        let scope = text(&spec["scope"]).ok_or_else(|| incomplete("spec.scope"))?;
        let identity = [
            ("spec.scope", scope.to_owned()),
            ("spec.names.kind", kind.to_owned()),
            // The server fills these two in.
            ("spec.names.singular", text(&names["singular"]).map_or_else(|| kind.to_lowercase(), str::to_owned)),
            ("spec.names.listKind", text(&names["listKind"]).map_or_else(|| format!("{kind}List"), str::to_owned)),
        ];
        let versions = spec["versions"]
            .as_array()
            .filter(|versions| !versions.is_empty())
            .ok_or_else(|| incomplete("spec.versions"))?;
        let versions = versions
            .iter()
            .map(|version| {
                Ok(Version {
                    name: text(&version["name"]).ok_or_else(|| incomplete("spec.versions.name"))?,
                    served: version["served"].as_bool().ok_or_else(|| incomplete("spec.versions.served"))?,
                    storage: version["storage"].as_bool().ok_or_else(|| incomplete("spec.versions.storage"))?,
                    schema: version
                        .pointer(schema)
                        .filter(|schema| schema.is_object())
                        .ok_or_else(|| incomplete("spec.versions.schema"))?,
                    subresources: &version["subresources"],
                    selectable: version["selectableFields"]
                        .as_array()
                        .map(|fields| fields.iter().filter_map(|field| text(&field["jsonPath"])).collect())
                        .unwrap_or_default(),
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Some(Self {
            group,
            plural,
            identity,
            versions,
            conversion: text(&spec["conversion"]["strategy"]).unwrap_or(UNCONVERTED),
            name_validation: text(&spec["nameValidation"]).unwrap_or("DNS1123Subdomain"),
            preserves: spec["preserveUnknownFields"] == true,
        }))
    }

    /// Whether they are the same type, maybe in two shapes.
    pub(super) fn same_type(&self, other: &Self) -> bool {
        (self.group, self.plural) == (other.group, other.plural)
    }
}

impl fmt::Display for Definition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group {
            "" => f.write_str(self.plural),
            group => write!(f, "{}.{group}", self.plural),
        }
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}
