//! Imports through the API of the real server, which dies in the middle of them.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::process::{Desk, PATIENCE, Running, until};

/// As many as take a while.
const ROWS: usize = 25_000;

/// What a server answers: status, `Location`, body.
fn send(server: &Running, method: &str, path: &str, body: String) -> (u16, String, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let request = client.request(method.parse().unwrap(), format!("{}{path}", server.url)).body(body);
        let answer = request.send().await.unwrap();
        let location = answer.headers().get("location").map(|text| text.to_str().unwrap().to_owned());
        (answer.status().as_u16(), location.unwrap_or_default(), answer.text().await.unwrap())
    })
}

/// Sends a file; where its job is.
fn import(server: &Running, body: String) -> String {
    let (status, location, text) = send(server, "POST", "/v1/collections/places/imports", body);
    assert_eq!(status, 202, "{text}");
    location
}

fn done(server: &Running, location: &str) -> Value {
    let job = until("the end of the import", || {
        let job = server.get(location);
        (job["state"] != "queued" && job["state"] != "running").then_some(job)
    });
    assert_eq!(job["state"], "done", "{job}");
    job
}

/// So many places, 1 km apart.
fn csv(rows: usize) -> String {
    let mut csv = String::from("id,lat,lon\n");
    for row in 0..rows {
        writeln!(csv, "p-{row},{},{}", (row / 300) as f64 * 0.01, (row % 300) as f64 * 0.01).unwrap();
    }
    csv
}

#[test]
fn a_file_is_imported_by_the_server_and_found() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    assert_eq!(send(&server, "PUT", "/v1/collections/places", String::new()).0, 201);
    // A search before, so that the pages there are in memory.
    let nearby = "/v1/collections/places/nearby?lat=48.85&lon=2.35&radius=1000";
    assert_eq!(server.get(nearby)["features"], json!([]));
    let location = import(&server, "id,lat,lon,name\na,48.85,2.35,A\nb,x,2,B\n".into());
    let job = done(&server, &location);
    assert_eq!((&job["stored"], &job["rejected"], &job["read"]), (&json!(1), &json!(1), &json!(2)));
    assert_eq!(server.get(nearby)["features"][0]["id"], "a", "what is done is seen at once");
    let (status, _, rejects) = send(&server, "GET", &format!("{location}/rejects"), String::new());
    let reject: Value = serde_json::from_str(&rejects).unwrap();
    assert_eq!((status, &reject["line"], &reject["id"]), (200, &json!(3), &json!("b")));
    server.stop();
}

#[test]
fn an_import_goes_on_after_its_server_was_killed() {
    let desk = Desk::new();
    let mut server = desk.serve(&[]);
    send(&server, "PUT", "/v1/collections/places", String::new());
    let rows = ROWS;
    let location = import(&server, csv(rows));
    until("the first records", || (server.get(&location)["read"] != 0).then_some(()));
    let before = server.get(&location);
    assert_eq!(before["state"], "running", "{before}");
    server.process.signal("KILL");
    server.process.wait();
    let server = desk.serve(&[]);
    let job = done(&server, &location);
    assert_eq!((&job["read"], &job["stored"], &job["resumed"]), (&json!(rows), &json!(rows), &json!(1)));
    server.stop();
    desk.ok(&["export", "places.ndjson", "-c", "places"]);
    assert_eq!(desk.read("places.ndjson").lines().count(), rows);
}

#[test]
fn an_import_ends_with_its_collection() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    send(&server, "PUT", "/v1/collections/places", String::new());
    let location = import(&server, csv(ROWS));
    until("the first records", || (server.get(&location)["read"] != 0).then_some(()));
    assert_eq!(send(&server, "DELETE", "/v1/collections/places", String::new()).0, 202);
    let job = server.get(&location);
    assert_eq!(job["state"], "cancelled", "{job}");
    assert_ne!(job["read"], ROWS);
    let (status, _, text) = send(&server, "POST", "/v1/collections/places/imports", csv(1));
    assert_eq!(status, 409, "{text}");
    server.stop();
}

#[test]
fn two_servers_of_one_directory_do_not_share_imports() {
    let desk = Desk::new();
    let (first, second) = (desk.serve(&[]), desk.serve(&[]));
    send(&first, "PUT", "/v1/collections/places", String::new());
    let (status, _, text) = send(&second, "POST", "/v1/collections/places/imports", csv(1));
    assert_eq!(status, 403, "{text}");
    done(&first, &import(&first, csv(1)));
    second.stop();
    first.stop();
}

#[test]
fn a_server_takes_over_the_imports_of_one_that_died() {
    let desk = Desk::new();
    let (mut first, second) = (desk.serve(&[]), desk.serve(&[]));
    send(&first, "PUT", "/v1/collections/places", String::new());
    let rows = ROWS;
    let location = import(&first, csv(rows));
    until("the first records", || (first.get(&location)["read"] != 0).then_some(()));
    first.process.signal("KILL");
    first.process.wait();
    until("the other server", || (send(&second, "GET", &location, String::new()).0 == 200).then_some(()));
    let job = done(&second, &location);
    assert_eq!((&job["read"], &job["stored"], &job["resumed"]), (&json!(rows), &json!(rows), &json!(1)));
    done(&second, &import(&second, csv(1)));
    second.stop();
}
