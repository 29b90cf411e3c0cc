//! The OpenAPI document and the router say the same, and the document's examples work.

use std::collections::BTreeSet;

use axum::http::Method;
use cellar_http::config::{ApiConfig, WriteConfig, WriteToken};
use cellar_http::router::routes;
use serde_json::{Map, Value, json};

use cellar_test_kit::server::{Server, request};

async fn document(server: &Server) -> Value {
    let answer = server.get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    answer.json()
}

fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .iter()
                .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
        .collect()
}

#[tokio::test]
async fn the_router_and_the_document_have_the_same_operations() {
    let server = Server::new();
    let document = document(&server).await;
    assert_eq!(document["openapi"], "3.1.0");
    let documented: BTreeSet<(String, String)> = operations(&document)
        .into_iter()
        .map(|(path, method, _)| (path.to_owned(), method.to_uppercase()))
        .collect();
    let mut routed = BTreeSet::new();
    // One path is there for clients that add a slash to another; linters and generators stumble over it.
    for route in routes().into_iter().filter(|route| route.path != "/v1/") {
        let path = route.path;
        let answer = server.send(request(Method::TRACE, &path.replace(['{', '}'], ""), "")).await;
        let allow = answer.header("allow").to_owned();
        let allowed: BTreeSet<&str> = allow.split(',').filter(|method| *method != "HEAD").collect();
        assert_eq!(route.methods.iter().map(Method::as_str).collect::<BTreeSet<_>>(), allowed, "{path}");
        routed.extend(allowed.into_iter().map(|method| (path.to_owned(), method.to_owned())));
    }
    assert_eq!(documented, routed);
}

#[tokio::test]
async fn every_operation_documents_its_problems_and_parameters() {
    let server = Server::new();
    let document = document(&server).await;
    for (path, method, operation) in operations(&document) {
        assert!(operation["summary"].is_string(), "{method} {path}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{method} {path} {parameter}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            if status.starts_with(['4', '5']) {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
            }
        }
    }
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is not defined");
    }
}

/// The URI of an operation, from the examples of its parameters.
fn example_uri(path: &str, operation: &Value) -> String {
    let mut uri = path.to_owned();
    let mut query = form_urlencoded::Serializer::new(String::new());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let text = match &parameter["example"] {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().map(Value::to_string).collect::<Vec<_>>().join(","),
            other => other.to_string(),
        };
        match parameter["in"].as_str().unwrap() {
            "path" => uri = uri.replace(&format!("{{{name}}}"), &text),
            _ => drop(query.append_pair(name, &text)),
        }
    }
    let query = query.finish();
    if query.is_empty() { uri } else { format!("{uri}?{query}") }
}

fn example_body(document: &Value, operation: &Value) -> String {
    let Some(content) = operation["requestBody"]["content"].as_object() else { return String::new() };
    let mut schema = &content.values().next().unwrap()["schema"];
    if let Some(reference) = schema["$ref"].as_str() {
        schema = document.pointer(reference.trim_start_matches('#')).unwrap();
    }
    let nested = schema["oneOf"].as_array().and_then(|options| options.first());
    nested.unwrap_or(schema)["examples"][0].to_string()
}

#[tokio::test]
async fn the_examples_work() {
    let server = Server::new();
    let document = document(&server).await;
    let mut operations = operations(&document);
    let order = |path: &str, method: &str| match (path, method) {
        ("/v1/collections/{collection}", "put") => 0,
        (_, "put") => 1,
        (_, "post") => 2,
        (_, "get") => 3,
        ("/v1/collections/{collection}", "delete") => 5,
        _ => 4,
    };
    operations.sort_by_key(|(path, method, _)| order(path, method));
    let mut documented = 0;
    for (path, method, operation) in operations {
        let uri = example_uri(path, operation);
        let body = example_body(&document, operation);
        let verb: Method = method.to_uppercase().parse().unwrap();
        let answer = server.send(request(verb, &uri, body.clone())).await;
        if operation["tags"][0] == "changes" {
            // This server follows no stream; `changes` has tests of one that does.
            answer.problem(501, "changes-unavailable");
            continue;
        }
        let is_right = answer.status.is_success() || answer.status.is_redirection();
        assert!(is_right, "{method} {uri} {body}: {}", answer.text);
        let responses: &Map<String, Value> = operation["responses"].as_object().unwrap();
        let response = &responses[answer.status.as_str()];
        if let Some(content) = response["content"].as_object() {
            let media_type = answer.header("content-type").split(';').next().unwrap_or_default();
            assert!(content.keys().any(|key| key == media_type), "{method} {uri}: {media_type}");
        }
        let example = response["content"].as_object().and_then(|content| content.values().next());
        if let Some(Value::Object(example)) = example.map(|content| &content["example"]) {
            let members = |answer: &Map<String, Value>| answer.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(members(answer.json().as_object().unwrap()), members(example), "{method} {uri}");
            documented += 1;
        }
        if uri.contains("nearby") || uri.contains("search") {
            let document = answer.json();
            let found = document.pointer("/results/0/answer").unwrap_or(&document);
            assert_eq!(found["features"][0]["id"], json!("w-1"), "{method} {uri}");
        }
    }
    assert_eq!(documented, 20, "answers with examples");
}

/// What generators make types of: a list of numbers, and objects that are open.
#[tokio::test]
async fn clients_get_types_that_can_be_used() {
    let mut ids = BTreeSet::new();
    let document = document(&Server::new()).await;
    let schemas = &document["components"]["schemas"];
    let position = &schemas["Point"]["properties"]["coordinates"];
    assert_eq!(
        (&position["type"], &position["items"]),
        (&json!("array"), &json!({ "type": "number", "format": "double" }))
    );
    assert_eq!((&position["minItems"], &position["maxItems"]), (&json!(2), &json!(3)));
    for schema in ["Feature", "FeatureInput", "NearbyFeature"] {
        let properties = &schemas[schema]["properties"]["properties"];
        assert_eq!(properties["additionalProperties"], true, "{schema}");
    }
    for (path, method, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no id"));
        assert!(ids.insert(id.to_owned()), "{method} {path}: there is another {id}");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{method} {path}");
    }
}

#[tokio::test]
async fn the_document_says_where_the_server_is_and_what_takes_a_key() {
    let open = document(&Server::new()).await;
    assert_eq!(open["servers"][0]["url"], "/");
    let token = WriteToken::new("0123456789abcdef").unwrap();
    let config = ApiConfig { public_url: Some("https://geo.example.com".into()), ..ApiConfig::default() };
    let guarded = document(&Server::with(config, WriteConfig { token: Some(token), open: false })).await;
    assert_eq!(guarded["servers"][0]["url"], "https://geo.example.com");
    let security = |document: &Value, method: &str| {
        document
            .pointer(&format!("/paths/~1v1~1collections~1{{collection}}/{method}/security"))
            .unwrap()
            .clone()
    };
    assert_eq!(security(&open, "put"), json!([{}, { "api_key": [] }]));
    assert_eq!(security(&guarded, "put"), json!([{ "api_key": [] }]));
    for document in [&open, &guarded] {
        assert_eq!(security(document, "get"), json!([{}, { "api_key": [] }]), "anybody may read");
    }
}

#[tokio::test]
async fn every_problem_type_leads_to_its_description() {
    let server = Server::new();
    let kinds = server.get("/problems").await.json();
    for kind in kinds.as_array().unwrap() {
        let answer = server.get(kind["type"].as_str().unwrap()).await;
        assert_eq!(answer.json(), *kind);
    }
    server.get("/problems/nope").await.problem(404, "route-unknown");
}
