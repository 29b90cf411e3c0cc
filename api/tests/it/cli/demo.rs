//! What the demo promises is what its commands do.

use serde_json::Value;

use super::process::{Desk, Ended, Running};

/// The commands in what the demo prints: lines that begin with `curl`, together with those they go on in.
fn commands(lines: &[String]) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in lines {
        if goes_on {
            let command = commands.last_mut().unwrap();
            command.push('\n');
            command.push_str(line);
        } else if line.starts_with("  curl") {
            commands.push(line.clone());
        } else {
            continue;
        }
        goes_on = line.ends_with('\\');
    }
    commands
}

/// What a command prints, and the HTTP status after it.
fn shell(desk: &Desk, command: &str) -> (Value, u16) {
    // `curl` reads this before its arguments, which stay as they are printed.
    desk.write(".curlrc", "silent\nshow-error\nfail\nmax-time = 60\nwrite-out = \"\\n%{http_code}\"\n");
    let ended = Ended::of(desk.command("sh").args(["-c", command]));
    assert_eq!(ended.code, Some(0), "{command}\n{ended:?}\n(this test needs `curl`)");
    let (body, status) = ended.stdout.rsplit_once('\n').unwrap();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() };
    (body, status.parse().unwrap())
}

fn features(answer: &Value) -> &[Value] {
    assert_eq!(answer["type"], "FeatureCollection");
    answer["features"].as_array().unwrap()
}

#[test]
fn every_printed_command_does_what_is_said() {
    let desk = Desk::new();
    let demo = Running::start(&mut desk.cellar(&["demo", "--listen", "127.0.0.1:0", "--places", "2000"]));
    let lines = demo.lines_until("Ctrl-C");
    let commands = commands(&lines);
    let [nearest, cafes, in_box, put, find, delete, document] = &commands[..] else { panic!("{lines:#?}") };
    assert!(commands.iter().all(|command| command.contains(&demo.url)));
    let ok = |command: &str| {
        let (body, status) = shell(&desk, command);
        assert_eq!(status, 200, "{command}");
        body
    };

    assert_eq!(features(&ok(nearest)).len(), 5);
    let cafes = ok(cafes);
    assert!(!features(&cafes).is_empty(), "cafés are promised");
    for cafe in features(&cafes) {
        assert_eq!(cafe["properties"]["category"], "cafe");
        assert!(cafe["distance_m"].as_f64().unwrap() <= 20_000.0, "{cafe}");
    }
    assert!(!features(&ok(in_box)).is_empty(), "places are promised");

    assert_eq!(shell(&desk, put).1, 201);
    let found = ok(find);
    assert_eq!(features(&found)[0]["id"], "mine");
    assert_eq!(features(&found)[0]["distance_m"], 0.0);
    assert_eq!(shell(&desk, delete), (Value::Null, 204));
    assert_ne!(features(&ok(find))[0]["id"], "mine");
    assert!(ok(document)["openapi"].as_str().unwrap().starts_with("3.1"));
    demo.stop();
}
