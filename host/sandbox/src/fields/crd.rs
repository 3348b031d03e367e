//! The shape of custom resources, from the `openAPIV3Schema` of their definition.
//!
//! What a real server does in three steps is one here: `apiextensions-apiserver/pkg/controller/openapi/builder` adds
//! apiVersion, kind and metadata, `kube-openapi/pkg/schemaconv` makes types of it.

use std::sync::Arc;

use serde_json::{Map as Fields, Value};

use super::shape::{ATOMIC, Atom, DEDUCED, Field, Go, List, Map, Relation, Scalar, Shape, Strategy, TypeId, Types};
use crate::status::Failure;

impl Shape {
    /// The shape of a custom resource. The schema is structural: whoever admits a definition has made sure of that.
    /// A schema nested deeper than what a request can bring is not read further than the reader of JSON goes (128 levels).
    pub fn of_custom_resource(schema: Option<&Value>) -> Result<Self, Failure> {
        let Some(Value::Object(schema)) = schema else { return Ok(Self::free_form()) };
        let mut build = Build { types: Types::default(), metadata: DEDUCED };
        build.metadata = build.object_meta();
        let root = build.schema(schema, false, true)?;
        Ok(Self::new(Arc::new(build.types), root))
    }

    /// Without a schema: an object of which nothing is declared, not even its metadata.
    fn free_form() -> Self {
        let mut types = Types::default();
        let map = Map::new(Vec::new(), Some(DEDUCED), Relation::Granular, false);
        let root = types.add(Atom { map: Some(map), ..Atom::default() });
        Self::new(Arc::new(types), root)
    }
}

struct Build {
    types: Types,
    /// `ObjectMeta`.
    metadata: TypeId,
}

impl Build {
    /// `inherited`: something above keeps unknown fields. `resource`: it has apiVersion, kind and metadata.
    fn schema(&mut self, schema: &Fields<String, Value>, inherited: bool, resource: bool) -> Result<TypeId, Failure> {
        let is = |name: &str| schema.get(name) == Some(&Value::Bool(true));
        let preserve = inherited || is("x-kubernetes-preserve-unknown-fields");
        let resource = resource || is("x-kubernetes-embedded-resource");
        let atom = match schema.get("type").and_then(Value::as_str) {
            None | Some("") => Atom {
                scalar: Some(Scalar::Untyped),
                list: Some(self.list(schema, preserve)?),
                map: Some(self.map(schema, preserve, resource)?),
                ..Atom::default()
            },
            Some("object") => Atom { map: Some(self.map(schema, preserve, resource)?), ..Atom::default() },
            Some("array") => Atom { list: Some(self.list(schema, preserve)?), ..Atom::default() },
            Some(scalar) => Atom { scalar: Some(self::scalar(scalar, schema)?), ..Atom::default() },
        };
        Ok(self.types.add(atom))
    }

    fn map(&mut self, schema: &Fields<String, Value>, preserve: bool, resource: bool) -> Result<Map, Failure> {
        let mut fields = Vec::new();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if resource && ["apiVersion", "kind", "metadata"].contains(&name.as_str()) {
                continue;
            }
            let property = object(property)?;
            let ty = self.schema(property, preserve, false)?;
            let default = property.get("default").filter(|default| !default.is_object() && !default.is_array());
            fields.push(field(name, ty, default.cloned()));
        }
        if resource {
            let text = self.types.add(Atom { scalar: Some(Scalar::Text), ..Atom::default() });
            fields.extend([field("apiVersion", text, None), field("kind", text, None)]);
            fields.push(field("metadata", self.metadata, None));
        }
        // Whether a map takes what it does not declare is asked after its own fields were added.
        let mut untyped = false;
        let element = match schema.get("additionalProperties") {
            None if preserve || fields.is_empty() => {
                untyped = true;
                Some(DEDUCED)
            }
            Some(Value::Bool(true)) => {
                untyped = true;
                Some(DEDUCED)
            }
            None | Some(Value::Bool(false)) => None,
            Some(element) => {
                let id = self.schema(object(element)?, preserve, false)?;
                untyped = self.types.atom(id).scalar == Some(Scalar::Untyped);
                Some(id)
            }
        };
        let relation = match schema.get("x-kubernetes-map-type").and_then(Value::as_str) {
            Some("atomic") => Relation::Atomic,
            None | Some("granular") => Relation::Granular,
            Some(_) => return Err(unknown("x-kubernetes-map-type")),
        };
        let reconciled = !untyped || !fields.is_empty();
        Ok(Map::new(fields, element, relation, reconciled))
    }

    fn list(&mut self, schema: &Fields<String, Value>, preserve: bool) -> Result<List, Failure> {
        let texts = |name: &str| -> Vec<String> {
            let items = schema.get(name).and_then(Value::as_array).into_iter().flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let (relation, keys) = match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
            None | Some("atomic") => (Relation::Atomic, Vec::new()),
            Some("set") => (Relation::Granular, Vec::new()),
            Some("map") => (Relation::Granular, texts("x-kubernetes-list-map-keys")),
            Some(_) => return Err(unknown("x-kubernetes-list-type")),
        };
        let element = match schema.get("items") {
            Some(items) => self.schema(object(items)?, preserve, false)?,
            None => ATOMIC,
        };
        Ok(List { element, relation, keys })
    }

    /// `io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta`, with what it refers to.
    fn object_meta(&mut self) -> TypeId {
        let types = &mut self.types;
        let scalar = |types: &mut Types, scalar| types.add(Atom { scalar: Some(scalar), ..Atom::default() });
        let (text, number) = (scalar(types, Scalar::Text), scalar(types, Scalar::Numeric));
        let (boolean, time) = (scalar(types, Scalar::Boolean), scalar(types, Scalar::Untyped));
        let map = |types: &mut Types, map| types.add(Atom { map: Some(map), ..Atom::default() });
        let list = |types: &mut Types, element, relation, keys: &[&str]| {
            let keys = keys.iter().map(|&key| key.to_owned()).collect();
            types.add(Atom { list: Some(List { element, relation, keys }), ..Atom::default() })
        };
        let declared = |fields: &[(&str, TypeId)]| -> Vec<Field> {
            fields.iter().map(|&(name, ty)| field(name, ty, None)).collect()
        };

        let texts = map(types, Map::new(Vec::new(), Some(text), Relation::Granular, true));
        let fields_v1 = map(types, Map::new(Vec::new(), Some(DEDUCED), Relation::Granular, false));
        let entry = declared(&[
            ("apiVersion", text),
            ("fieldsType", text),
            ("fieldsV1", fields_v1),
            ("manager", text),
            ("operation", text),
            ("subresource", text),
            ("time", time),
        ]);
        let entry = map(types, Map::new(entry, None, Relation::Granular, true));
        let mut owner = declared(&[
            ("apiVersion", text),
            ("blockOwnerDeletion", boolean),
            ("controller", boolean),
            ("kind", text),
            ("name", text),
        ]);
        owner.push(field("uid", text, Some(Value::String(String::new()))));
        let owner = map(types, Map::new(owner, None, Relation::Atomic, true));
        let finalizers = list(types, text, Relation::Granular, &[]);
        let entries = list(types, entry, Relation::Atomic, &[]);
        let owners = list(types, owner, Relation::Granular, &["uid"]);
        let meta = declared(&[
            ("annotations", texts),
            ("creationTimestamp", time),
            ("deletionGracePeriodSeconds", number),
            ("deletionTimestamp", time),
            ("finalizers", finalizers),
            ("generateName", text),
            ("generation", number),
            ("labels", texts),
            ("managedFields", entries),
            ("name", text),
            ("namespace", text),
            ("ownerReferences", owners),
            ("resourceVersion", text),
            ("selfLink", text),
            ("uid", text),
        ]);
        map(types, Map::new(meta, None, Relation::Granular, true))
    }
}

fn scalar(name: &str, schema: &Fields<String, Value>) -> Result<Scalar, Failure> {
    match name {
        "integer" | "number" => Ok(Scalar::Numeric),
        "boolean" => Ok(Scalar::Boolean),
        "string" => match schema.get("format").and_then(Value::as_str) {
            None | Some("" | "byte") => Ok(Scalar::Text),
            Some(_) => Ok(Scalar::Untyped),
        },
        _ => Err(unknown("type")),
    }
}

fn field(name: &str, ty: TypeId, default: Option<Value>) -> Field {
    Field { name: name.to_owned(), ty, default, strategy: Strategy::default(), go: Go::default() }
}

fn object(schema: &Value) -> Result<&Fields<String, Value>, Failure> {
    schema.as_object().ok_or_else(|| unknown("schema"))
}

fn unknown(what: &str) -> Failure {
    Failure::not_in_sandbox(&format!("a {what} of a custom resource that a definition may not have"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::builtin::BuiltIn;
    use super::super::validate::{Duplicates, validate};
    use super::*;

    /// Whether both say the same of merging.
    fn assert_same(left: (&Types, TypeId), right: (&Types, TypeId), at: &str) {
        let (one, other) = (left.0.atom(left.1), right.0.atom(right.1));
        assert_eq!(one.scalar, other.scalar, "{at}");
        match (&one.list, &other.list) {
            (Some(one), Some(other)) => {
                assert_eq!((one.relation, &one.keys), (other.relation, &other.keys), "{at}");
                assert_same((left.0, one.element), (right.0, other.element), &format!("{at}[]"));
            }
            (one, other) => assert!(one.is_none() && other.is_none(), "{at}"),
        }
        let (Some(one), Some(other)) = (&one.map, &other.map) else {
            return assert!(one.map.is_none() && other.map.is_none(), "{at}");
        };
        assert_eq!((one.relation, one.reconciled), (other.relation, other.reconciled), "{at}");
        match (one.element, other.element) {
            (Some(DEDUCED), other) => assert_eq!(other, Some(DEDUCED), "{at}"),
            (Some(one), Some(other)) => assert_same((left.0, one), (right.0, other), &format!("{at}.*")),
            (one, other) => assert_eq!((one, other), (None, None), "{at}"),
        }
        assert_eq!(one.fields().len(), other.fields().len(), "{at}");
        for (one, other) in one.fields().iter().zip(other.fields()) {
            assert_eq!((&one.name, &one.default), (&other.name, &other.default), "{at}");
            assert_same((left.0, one.ty), (right.0, other.ty), &format!("{at}.{}", one.name));
        }
    }

    #[test]
    fn metadata_is_that_of_the_built_in_kinds() {
        let of = |shape: &Shape| shape.types().atom(shape.root()).map.as_ref().unwrap().field("metadata").unwrap().ty;
        let custom = Shape::of_custom_resource(Some(&json!({"type": "object"}))).unwrap();
        let built_in = BuiltIn::new().unwrap().shape("v1", "ConfigMap").unwrap();
        assert_same((custom.types(), of(&custom)), (built_in.types(), of(&built_in)), "metadata");
    }

    fn wrong(schema: &Value, object: &Value) -> Option<String> {
        let shape = Shape::of_custom_resource(Some(schema)).unwrap();
        validate(&shape, object, Duplicates::Refused).err().map(|wrong| wrong.to_string())
    }

    #[test]
    fn fields_that_are_not_declared_are_kept_where_the_schema_says_so() {
        let with = |more: Value| {
            let mut spec = json!({"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}}}});
            spec.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
            json!({"type": "object", "properties": {"spec": spec}})
        };
        let object = json!({"spec": {"a": {"c": 1}}});
        assert_eq!(wrong(&with(json!({})), &object).unwrap(), ".spec.a.c: field not declared in schema");
        // What is kept above is kept below.
        assert_eq!(wrong(&with(json!({"x-kubernetes-preserve-unknown-fields": true})), &object), None);
        // A map without properties is free.
        assert_eq!(wrong(&json!({"type": "object", "properties": {"spec": {"type": "object"}}}), &object), None);
        assert_eq!(wrong(&json!({"type": "object"}), &object).unwrap(), ".spec: field not declared in schema");
    }

    #[test]
    fn an_embedded_resource_has_metadata() {
        let schema = json!({"type": "object", "properties": {"of": {
            "type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "string"}},
        }}});
        assert_eq!(wrong(&schema, &json!({"of": {"kind": "K", "apiVersion": "v1", "metadata": {"name": "n"}}})), None);
        assert_eq!(
            wrong(&schema, &json!({"of": {"metadata": {"name": 1}}})).unwrap(),
            ".of.metadata.name: expected string, got &value.valueUnstructured{Value:1}"
        );
    }

    #[test]
    fn without_a_schema_anything_goes() {
        let shape = Shape::of_custom_resource(None).unwrap();
        let object = json!({"metadata": {"labels": 1}, "a": [{"b": null}]});
        assert_eq!(validate(&shape, &object, Duplicates::Refused), Ok(()));
    }

    #[test]
    fn what_a_definition_cannot_have_is_refused() {
        for schema in [
            json!({"type": "text"}),
            json!({"type": "object", "x-kubernetes-map-type": "what"}),
            json!({"type": "array", "x-kubernetes-list-type": "what"}),
            json!({"type": "object", "properties": {"a": 1}}),
        ] {
            assert_eq!(Shape::of_custom_resource(Some(&schema)).unwrap_err().code, 501, "{schema}");
        }
    }
}
