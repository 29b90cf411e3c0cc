//! What `serve` is set to: flags over variables over a file over defaults, and what it says of that.

use std::fs::{Permissions, set_permissions};
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::Value;

use super::process::{Desk, Ended, Running, until};

const TOKEN: &str = "hunter2-hunter2-hunter2";

fn print_config(desk: &Desk, args: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut command = desk.cellar(&[&["serve", "--print-config"], args].concat());
    Ended::of(command.envs(variables.iter().copied()))
}

/// The line of a setting, without the spaces between.
fn setting(printed: &str, key: &str) -> String {
    let of = |line: &&str| line.trim_start_matches("# ").split(' ').next() == Some(key);
    let line = printed.lines().find(of).unwrap_or_else(|| panic!("{key} is not in\n{printed}"));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_flag_counts_more_than_a_variable_and_that_more_than_the_file() {
    let desk = Desk::new();
    desk.write(
        "c.toml",
        "listen = '127.0.0.1:1'\ndata = 'of-file'\n\nmax_radius_m = 1000\nmax_in_flight = 7\n",
    );
    let ended = print_config(
        &desk,
        &["--config", "c.toml", "--listen", "localhost:0"],
        &[("CELLAR_LISTEN", "127.0.0.1:2"), ("CELLAR_MAX_IN_FLIGHT", "8"), ("CELLAR_HORIZON_M", "")],
    );
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let of = |key| setting(&ended.stdout, key);
    assert_eq!(of("listen"), r#"listen = "localhost:0" # --listen"#);
    assert_eq!(of("data"), r#"data = "of-file" # c.toml:2"#);
    assert_eq!(of("max_radius_m"), "max_radius_m = 1000 # c.toml:4");
    assert_eq!(of("max_in_flight"), "max_in_flight = 8 # CELLAR_MAX_IN_FLIGHT");
    assert_eq!(of("horizon_m"), "# horizon_m = 200000 # default");
    assert_eq!(of("table"), "# table = # not set");
    assert_eq!(of("settle_ms"), "# settle_ms = 0 # default", "of the embedded engine");
    assert_eq!(of("edge_purge_window_ms"), "# edge_purge_window_ms = 10000 # default");
    assert!(!ended.stdout.contains("aws_region") && !ended.stdout.contains("unattended_s"), "{ended:?}");
    assert!(!desk.path("of-file").exists(), "nothing is served");

    // What is printed is a file that says the same.
    desk.write("again.toml", &ended.stdout);
    let again = print_config(&desk, &["--config", "again.toml"], &[]);
    let values = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split("  #").next().unwrap().trim().to_owned()).collect()
    };
    assert_eq!(values(&again.stdout), values(&ended.stdout), "{again:?}");
}

#[test]
fn a_file_is_served_with() {
    let desk = Desk::new();
    desk.write("c.toml", "listen = '127.0.0.1:0'\ndata = 'of-file'\nmax_radius_m = 1000\n");
    let mut command = desk.cellar(&["serve"]);
    let server = Running::start(command.env("CELLAR_CONFIG", "c.toml"));
    assert!(desk.path("of-file/cellar.db").exists());
    let document = server.get("/openapi.json").to_string();
    assert!(document.contains("1000"), "{document}");
    server.stop();
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_line() {
    let desk = Desk::new();
    for (text, expected) in [
        ("\nmax_radius = 3\n", "c.toml:2: there is no setting `max_radius`; the closest is `max_radius_m`"),
        ("max_radius_m = 0\n", "c.toml:1: max_radius_m is 0; allowed: 1 to 20015115"),
        ("writes_open = 'yes'\n", "c.toml:1: writes_open is a text; allowed: true or false, without quotes"),
        ("\n\nlisten = '8080'\n", "c.toml:3: listen: invalid value '8080' for '--listen <ADDRESS>': "),
        ("endpoint_url = 'http://localhost:8000'\n", "--table <NAME>"),
        ("redis_url = 'http://host'\n", "c.toml:1: redis_url: --redis: "),
        (
            "cors_origins = 'example.com'\n",
            "c.toml:1: cors_origins has \"example.com\", which is no origin; ",
        ),
        ("listen = \n", "c.toml:1: "),
    ] {
        desk.write("c.toml", text);
        let ended = desk.run(&["serve", "--config", "c.toml"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{text}: {ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{text}: {ended:?}");
        assert!(ended.stderr.starts_with("cellar: ") && ended.stderr.contains(expected), "{text}: {ended:?}");
    }
    let missing = desk.run(&["serve", "--config", "none.toml"]);
    assert!(missing.code == Some(1) && missing.stderr.contains("cannot read none.toml: "), "{missing:?}");
    // A flag takes the place of what is wrong.
    desk.write("c.toml", "listen = '8080'\n");
    let mended = print_config(&desk, &["--config", "c.toml", "--listen", "127.0.0.1:0"], &[]);
    assert_eq!(mended.code, Some(0), "{mended:?}");
}

#[test]
fn secrets_stay_secret() {
    let desk = Desk::new();
    desk.write("c.toml", format!("write_token = '{TOKEN}'\nredis_url = 'redis://:{TOKEN}@127.0.0.1:1'\n"));
    let mode = |mode| set_permissions(desk.path("c.toml"), Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    let open = desk.run(&["serve", "--config", "c.toml"]);
    assert!(open.code == Some(2) && open.stderr.contains("chmod 640 c.toml"), "{open:?}");
    mode(0o640);
    let printed = print_config(&desk, &["--config", "c.toml"], &[("CELLAR_HEALTH_SECRET", TOKEN)]);
    assert_eq!(printed.code, Some(0), "{printed:?}");
    assert_eq!(setting(&printed.stdout, "write_token"), r#"# write_token = "***" # c.toml:1"#);
    assert_eq!(
        setting(&printed.stdout, "health_secret"),
        r#"# health_secret = "***" # CELLAR_HEALTH_SECRET"#
    );
    assert!(setting(&printed.stdout, "redis_url").contains("redis://***@127.0.0.1:1"));
    for ended in [&open, &printed] {
        assert!(!ended.stdout.contains("hunter2") && !ended.stderr.contains("hunter2"), "{ended:?}");
    }
}

/// Starts a server, waits until it listens, and stops it: what it said to standard error.
fn said_at_the_start(desk: &Desk, args: &[&str], variables: &[(&str, &str)], until_said: &str) -> String {
    let mut command = desk.cellar(&[&["serve", "--listen", "127.0.0.1:0"], args].concat());
    let mut server = Running::start(command.envs(variables.iter().copied()).stderr(Stdio::piped()));
    let mut stderr = server.process.0.stderr.take().unwrap();
    let mut said = String::new();
    until("what it says", || {
        let mut part = [0; 4_096];
        let read = stderr.read(&mut part).unwrap();
        said.push_str(std::str::from_utf8(&part[..read]).unwrap());
        (said.contains(until_said) || read == 0).then_some(())
    });
    let said = said.replace(&server.url, "<url>");
    server.stop();
    said
}

#[test]
fn a_server_says_where_its_data_is_and_who_may_write() {
    let desk = Desk::new();
    let data = desk.path("data").canonicalize().unwrap_or_else(|_| desk.path("data"));
    let said = said_at_the_start(&desk, &["--data", "data"], &[], "  edge");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "  open    <url>/");
    assert!(
        lines[1].starts_with("  data    /") && lines[1].ends_with("/data (embedded engine)"),
        "{said} {data:?}"
    );
    assert_eq!(lines[2], "  reads   open");
    assert_eq!(lines[3], "  writes  open, since only this machine can reach it");
    assert!(lines[4].starts_with("  L1      ") && lines[4].contains(" MB of pages"), "{said}");
    assert_eq!(lines[5], "  L2      off (--redis)");
    assert!(lines[6].starts_with("  edge    off"), "{said}");

    let said = said_at_the_start(
        &desk,
        &["--redis", &format!("redis://:{TOKEN}@127.0.0.1:1"), "--edge-purge", "http://127.0.0.1:1"],
        &[("CELLAR_WRITE_TOKEN", TOKEN)],
        "  edge",
    );
    assert!(said.contains("  writes  with the token\n"), "{said}");
    assert!(
        said.contains("127.0.0.1:1\n") && said.contains("told of changes at http://127.0.0.1:1"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn where_the_log_is_json_the_start_is_a_line_of_it() {
    let desk = Desk::new();
    let said = said_at_the_start(&desk, &[], &[("CELLAR_LOG_FORMAT", "json")], "\"listening\"");
    let line = said.lines().find(|line| line.contains("\"listening\"")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["target"], &line["level"]), (&"cellar::start".into(), &"INFO".into()), "{line}");
    assert_eq!(line["open"], "<url>/");
    assert_eq!(line["writes"], "open, since only this machine can reach it");
    assert!(line["data"].as_str().unwrap().ends_with("/cellar-data (embedded engine)"), "{line}");
}

#[test]
fn quiet_servers_say_only_where_they_listen() {
    let desk = Desk::new();
    let mut command = desk.cellar(&["serve", "--listen", "localhost:0", "--quiet"]);
    let mut server = Running::start(command.stderr(Stdio::piped()));
    let mut stderr = server.process.0.stderr.take().unwrap();
    assert!(server.get("/live").is_object(), "the name that it listens on is answered to");
    server.stop();
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

#[test]
fn an_address_that_cannot_be_had_is_explained() {
    let desk = Desk::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for subcommand in ["serve", "demo", "edge"] {
        for (listen, expected) in [
            (taken.as_str(), "another program listens there; name another address with --listen; port 0"),
            ("cellar.invalid:8080", "no address of cellar.invalid is known; name another address"),
            ("192.0.2.1:0", "this machine has no such address; name another address"),
        ] {
            let ended = desk.run(&[subcommand, "--listen", listen]);
            let start = format!("cellar: cannot listen on {listen}: ");
            assert_eq!(
                (ended.code, ended.stdout.as_str()),
                (Some(1), ""),
                "{subcommand} {listen}: {ended:?}"
            );
            assert!(ended.stderr.starts_with(&start) && ended.stderr.contains(expected), "{ended:?}");
        }
    }
}
