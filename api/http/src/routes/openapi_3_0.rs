//! OpenAPI 3.0 (<https://spec.openapis.org/oas/v3.0.3>) out of OpenAPI 3.1: what the older version cannot say is said less
//! exactly.

use serde_json::{Map, Value, json};

/// Its media type, in JSON.
pub(super) const MEDIA_TYPE: &str = "application/vnd.oai.openapi+json;version=3.0";

/// A document of version 3.1 in version 3.0.
pub(super) fn downgraded(mut document: Value) -> Value {
    document["openapi"] = json!("3.0.3");
    if let Some(info) = document.get_mut("info").and_then(Value::as_object_mut)
        && let Some(license) = info.get_mut("license").and_then(Value::as_object_mut)
    {
        license.remove("identifier");
    }
    walk(&mut document);
    document
}

/// Rewrites every schema. They are known by their keys, which nothing else in a document has with values of these kinds.
fn walk(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(walk),
        Value::Object(members) => {
            rewrite(members);
            // An example is data, not a schema.
            members
                .iter_mut()
                .filter(|(name, _)| !matches!(name.as_str(), "example" | "examples"))
                .for_each(|(_, member)| walk(member));
        }
        _ => {}
    }
}

fn rewrite(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get("type") {
        let (null, others): (Vec<_>, Vec<_>) = types.iter().cloned().partition(|kind| kind == "null");
        match &others[..] {
            [one] => schema.insert("type".into(), one.clone()),
            _ => schema.remove("type"),
        };
        if !null.is_empty() {
            schema.insert("nullable".into(), true.into());
        }
    }
    // What stands beside a reference counts for nothing there.
    if schema.len() > 1
        && let Some(reference @ Value::String(_)) = schema.get("$ref").cloned()
    {
        schema.remove("$ref");
        schema.insert("allOf".into(), json!([{ "$ref": reference }]));
    }
    nullable_choice(schema, "oneOf");
    nullable_choice(schema, "anyOf");
    if let Some(Value::Array(prefix)) = schema.remove("prefixItems") {
        let kind = prefix.first().and_then(|item| item.get("type")).cloned();
        schema.insert("maxItems".into(), prefix.len().into());
        schema.insert("items".into(), kind.map_or_else(|| json!({}), |kind| json!({ "type": kind })));
    }
    if let Some(Value::Array(examples)) = schema.get_mut("examples") {
        let first = (!examples.is_empty()).then(|| examples.swap_remove(0));
        schema.remove("examples");
        schema.extend(first.map(|example| ("example".to_owned(), example)));
    }
    if let Some(only) = schema.remove("const") {
        schema.insert("enum".into(), json!([only]));
    }
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if let Some(number @ Value::Number(_)) = schema.get(exclusive).cloned() {
            schema.insert(bound.into(), number);
            schema.insert(exclusive.into(), true.into());
        }
    }
    for unknown in ["propertyNames", "contentEncoding", "contentMediaType", "$schema", "if", "then", "else"] {
        if schema.contains_key("type") || schema.contains_key("$ref") {
            schema.remove(unknown);
        }
    }
}

/// A choice of which one is nothing at all.
fn nullable_choice(schema: &mut Map<String, Value>, key: &str) {
    let Some(Value::Array(choices)) = schema.get_mut(key) else { return };
    let before = choices.len();
    choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
    if choices.len() < before {
        schema.insert("nullable".into(), true.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_at_all_becomes_nullable() {
        let schema = json!({ "schema": { "type": ["string", "null"] }, "oneOf": [{ "type": "null" }, { "$ref": "#/a" }] });
        let expected = json!({ "openapi": "3.0.3", "schema": { "type": "string", "nullable": true },
            "oneOf": [{ "$ref": "#/a" }], "nullable": true });
        assert_eq!(downgraded(schema), expected);
    }

    #[test]
    fn a_reference_stands_alone() {
        let schema = json!({ "one": { "$ref": "#/a" }, "other": { "$ref": "#/a", "description": "A" } });
        let expected = json!({ "openapi": "3.0.3", "one": { "$ref": "#/a" },
            "other": { "allOf": [{ "$ref": "#/a" }], "description": "A" } });
        assert_eq!(downgraded(schema), expected);
    }
}
