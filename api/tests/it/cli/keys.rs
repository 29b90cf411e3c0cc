//! `cellar key`, and a server that reads its file.

use reqwest::Method;
use serde_json::Value;

use super::process::{Desk, Running, until};

fn status(server: &Running, method: Method, path: &str, key: &str) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.request(method, format!("{}{path}", server.url)).bearer_auth(key);
        request.send().await.unwrap().status().as_u16()
    })
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_key_works_from_its_making_to_its_revocation() {
    let desk = Desk::new();
    let create = ["key", "create", "--file", "keys.json", "--scope"];
    let first = json(&desk.ok(&[&create[..], &["write:places", "--name", "importer", "--json"]].concat()));
    let key = first["key"].as_str().unwrap();
    let id = first["id"].as_str().unwrap();
    let secret = key.strip_prefix(&format!("cellar_{id}_")).unwrap();
    assert!(!desk.read("keys.json").contains(secret), "only its hash is kept");

    let server = desk.serve_with(&[("CELLAR_API_KEYS_FILE", "keys.json"), ("CELLAR_READS", "keyed")]);
    assert_eq!(status(&server, Method::PUT, "/v1/collections/places", key), 201);
    assert_eq!(status(&server, Method::GET, "/v1/collections/places", key), 200);
    assert_eq!(status(&server, Method::DELETE, "/v1/collections/places", key), 403);
    assert_eq!(status(&server, Method::GET, "/v1/collections/places", "none"), 401);

    // Another one beside it, which the server finds by itself; then the first goes.
    let second = desk.ok(&[&create[..], &["write:places", "--scope", "read:*", "--expires", "90d"]].concat());
    let second = second.trim_end();
    until("the new key to be known", || {
        (status(&server, Method::GET, "/v1/collections", second) == 200).then_some(())
    });
    assert_eq!(status(&server, Method::GET, "/v1/collections/places", key), 200, "both are valid");
    let listed = desk.ok(&["key", "list", "--file", "keys.json"]);
    assert!(listed.contains("importer") && listed.contains("write:places read:*"), "{listed}");
    assert!(!listed.contains(secret));
    desk.ok(&["key", "revoke", id, "--file", "keys.json"]);
    until("the old key to be refused", || {
        (status(&server, Method::GET, "/v1/collections/places", key) == 401).then_some(())
    });
    assert_eq!(status(&server, Method::GET, "/v1/collections/places", second), 200);
    let left = json(&desk.ok(&["key", "list", "--file", "keys.json", "--json"]));
    assert_eq!((left.as_array().unwrap().len(), &left[0]["valid"]), (1, &Value::Bool(true)));
    server.stop();
}

#[test]
fn what_makes_no_sense_is_named() {
    let desk = Desk::new();
    desk.write("notes", "mine");
    for (arguments, code, part) in [
        (&["key", "create", "--scope", "places", "--file", "k"][..], 2, "is no scope"),
        (&["key", "create", "--file", "k"], 2, "--scope"),
        (&["key", "create", "--scope", "read:*"], 2, "--file"),
        (&["key", "create", "--scope", "read:*", "--expires", "soon", "--file", "k"], 2, "--expires"),
        (&["key", "create", "--scope", "read:*", "--expires", "99999y", "--file", "k"], 2, "9999"),
        (&["key", "create", "--scope", "read:*", "--file", "notes"], 1, "is no list of keys"),
        (&["key", "list", "--file", "k"], 1, "there is no file k"),
        (&["key", "revoke", "abc", "--file", "k"], 1, "there is no key abc"),
    ] {
        let ended = desk.run(arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(part), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stderr.trim_end().lines().count(), 1, "{arguments:?}: {ended:?}");
    }
    assert_eq!(desk.read("notes"), "mine");
    assert!(!desk.path("k").exists());
    desk.write("keys.json", "{\"keys\":[{\"id\":1}]}");
    let mut command = desk.cellar(&["serve", "--listen", "127.0.0.1:0"]);
    let ended = super::process::Ended::of(command.env("CELLAR_API_KEYS_FILE", "keys.json"));
    assert!(
        ended.code != Some(0) && ended.stderr.contains("CELLAR_API_KEYS_FILE is no list of keys"),
        "{ended:?}"
    );
}
