//! What the files of an installation say of the program is true: flags, variables, paths, ports, users, metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::process::{Desk, Ended, Running, until};
use crate::cached::bed::url;
use crate::redis::RedisServer;

fn repository(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(file)
}

fn read(file: &str) -> String {
    std::fs::read_to_string(repository(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Names of the variables that `cellar serve` reads.
fn variables(desk: &Desk) -> BTreeSet<String> {
    let contract: Value = serde_json::from_str(&desk.ok(&["contract", "--json"])).unwrap();
    let read = |variable: &&Value| {
        let readers = variable["read_by"].as_array().unwrap();
        readers.iter().any(|reader| reader == "cellar serve" || reader == "cellar")
    };
    let found = contract["variables"].as_array().unwrap().iter().filter(read);
    found.map(|variable| variable["name"].as_str().unwrap().to_owned()).collect()
}

/// The instructions of the last stage of the Dockerfile, each in one line.
fn image() -> Vec<(String, String)> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let all: Vec<(String, String)> = lines
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, rest)| (name.to_owned(), rest.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect();
    let last = all.iter().rposition(|(name, _)| name == "FROM").unwrap();
    all[last..].to_vec()
}

fn instruction(image: &[(String, String)], name: &str) -> String {
    let found: Vec<&String> = image.iter().filter(|(found, _)| found == name).map(|(_, rest)| rest).collect();
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0].clone()
}

fn words(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

#[test]
fn the_image_starts_and_is_well() {
    let desk = Desk::new();
    let image = image();
    let entry = words(&instruction(&image, "ENTRYPOINT"));
    let copied = format!("--from=build {0} {0}", entry[0]);
    assert!(image.contains(&("COPY".to_owned(), copied)), "the program is where it is started");
    let environment: BTreeMap<String, String> = instruction(&image, "ENV")
        .split(' ')
        .map(|pair| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
        .collect();
    let known = variables(&desk);
    assert!(environment.keys().all(|name| known.contains(name)), "{environment:?}");
    let data = instruction(&image, "VOLUME");
    assert_eq!(environment["CELLAR_DATA"], data);
    let user = instruction(&image, "USER");
    let owned = format!("--from=build --chown={user} /image{data} {data}");
    assert!(image.contains(&("COPY".to_owned(), owned)), "{image:?}");
    assert!(
        user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)),
        "not root, and known without names: {user}"
    );
    let port = instruction(&image, "EXPOSE");
    assert_eq!(environment["CELLAR_LISTEN"], format!(":{port}"));

    // The command that it starts with, on a free port.
    let mut command = desk.cellar(&[]);
    command.args(words(&instruction(&image, "CMD")));
    let server =
        Running::start(command.envs(&environment).env("CELLAR_LISTEN", ":0").env("CELLAR_DATA", "data"));
    let port_here = server.url.rsplit(':').next().unwrap();
    let health = instruction(&image, "HEALTHCHECK");
    let check = words(health.split_once(" CMD ").unwrap().1);
    assert_eq!(check[0], entry[0]);
    let at = |port: &str| -> Vec<String> {
        let of =
            |word: &String| word.replace(&format!(":{}", instruction(&image, "EXPOSE")), &format!(":{port}"));
        check[1..].iter().map(of).collect()
    };
    assert!(check.iter().any(|word| word.ends_with(&format!(":{port}"))), "{check:?}");
    let well = Ended::of(desk.cellar(&[]).args(at(port_here)));
    assert_eq!((well.code, well.stdout.as_str(), well.stderr.as_str()), (Some(0), "", ""));
    server.stop();
    let ill = Ended::of(desk.cellar(&[]).args(at("1")));
    assert!(ill.code == Some(1) && ill.stderr.contains("does not answer; check --url"), "{ill:?}");
}

#[test]
fn the_image_is_built_of_what_there_is() {
    let dockerfile = read("Dockerfile");
    let toolchain = read("rust-toolchain.toml");
    let channel =
        toolchain.lines().find_map(|line| line.strip_prefix("channel = \"")).unwrap().trim_end_matches('"');
    let minor = channel.rsplit_once('.').unwrap().0;
    assert!(dockerfile.contains(&format!("FROM rust:{minor}-bookworm AS build")), "{channel}");
    assert!(read("Cargo.toml").contains("\n[profile.dist]\n"));
    assert!(dockerfile.contains("--profile dist --locked -p cellar --bin cellar"), "{dockerfile}");
    assert!(dockerfile.contains("cp target/dist/cellar /usr/local/bin/cellar"), "{dockerfile}");
    // The same C library in both.
    assert!(dockerfile.contains("FROM gcr.io/distroless/cc-debian12:"), "bookworm is Debian 12");
    let ignored = read(".dockerignore");
    let ignored: Vec<&str> = ignored.lines().collect();
    for secret in [".git", ".env", "*.pem", "keys.json", "**/target"] {
        assert!(ignored.contains(&secret), "{secret}");
    }
    for needed in ["Cargo.lock", "api", "cache", "geo-index", "infra", "loadtest"] {
        assert!(repository(needed).exists() && !ignored.contains(&needed), "{needed}");
    }
}

#[test]
fn health_tells_what_the_server_answers() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    for probe in ["live", "ready", "health"] {
        let said = desk.ok(&["health", "--url", &server.url, "--probe", probe]);
        assert!(said.starts_with(r#"{"status":"ok""#), "{said}");
    }
    server.stop();
    let failing = desk.serve_with(&[("CELLAR_FORCE_FAIL", "true")]);
    let ill = desk.run(&["health", "--url", &failing.url]);
    assert!(ill.code == Some(1) && ill.stdout.is_empty() && ill.stderr.contains(" answers 503: "), "{ill:?}");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let late = desk.run(&["health", "--url", &address, "--timeout", "10ms"]);
    assert!(late.code == Some(1) && late.stderr.contains("does not answer in time"), "{late:?}");
}

/// Keys of the section `[Service]`, each with its values.
fn service() -> BTreeMap<String, Vec<String>> {
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let text = read("infra/install/cellar.service");
    let section = text.split("[Service]\n").nth(1).unwrap().split("\n[").next().unwrap();
    for line in section.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (key, value) = line.split_once('=').unwrap();
        keys.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    keys
}

#[test]
fn the_unit_starts_what_there_is_and_little_else() {
    let desk = Desk::new();
    let service = service();
    let one = |key: &str| service.get(key).map_or_else(|| panic!("{key}"), |values| values.concat());
    for (key, value) in [
        ("DynamicUser", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("SystemCallFilter", "@system-service"),
        ("MemoryDenyWriteExecute", "yes"),
        ("StateDirectoryMode", "0700"),
    ] {
        assert_eq!(one(key), value, "{key}");
    }
    assert_eq!(one("Environment"), format!("CELLAR_DATA=/var/lib/{}", one("StateDirectory")));
    assert!(one("TimeoutStopSec").parse::<u32>().unwrap() > 10, "requests have 10 s to finish");

    // Its command, with the file that comes along in place of the credential.
    let start = one("ExecStart");
    let credential = start.split_once("${CREDENTIALS_DIRECTORY}/").unwrap().1;
    assert!(one("LoadCredential").starts_with(&format!("{credential}:/etc/cellar/")));
    let settings = repository("infra/install").join(credential);
    let start =
        start.replace(&format!("${{CREDENTIALS_DIRECTORY}}/{credential}"), settings.to_str().unwrap());
    let (program, arguments) = start.split_once(' ').unwrap();
    assert_eq!(program, "/usr/local/bin/cellar");
    let mut command = desk.cellar(&[]);
    command.args(arguments.split(' ')).args(["--listen", "127.0.0.1:0", "--data", "data"]);
    Running::start(&mut command).stop();
}

/// Where systemd is, it knows every key of the unit.
#[cfg(target_os = "linux")]
#[test]
fn systemd_accepts_the_unit() {
    let desk = Desk::new();
    let unit = read("infra/install/cellar.service");
    desk.write("cellar.service", unit.replace("/usr/local/bin/cellar", env!("CARGO_BIN_EXE_cellar")));
    let ended = Ended::of(desk.command("systemd-analyze").args(["verify", "./cellar.service"]));
    assert!(ended.code == Some(0) && !ended.stderr.contains("cellar.service:"), "{ended:?}");
}

/// Every setting in the file that comes along is one, the commented ones included.
#[test]
fn the_settings_that_come_along_are_settings() {
    let desk = Desk::new();
    let text = read("infra/install/cellar.toml");
    let uncommented =
        text.lines().map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line));
    let uncommented =
        uncommented.collect::<Vec<_>>().join("\n").replace("/var/lib/cellar/keys.json", "keys.json");
    desk.write("keys.json", r#"{"keys":[]}"#);
    desk.write("all.toml", uncommented);
    std::fs::set_permissions(desk.path("all.toml"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let printed = desk.ok(&["serve", "--config", "all.toml", "--print-config"]);
    assert!(printed.matches("# all.toml:").count() >= 9, "{printed}");
}

#[test]
fn a_release_holds_what_the_formula_fetches() {
    let (workflow, formula) = (read(".github/workflows/release.yml"), read("infra/install/cellar.rb"));
    for target in [
        "x86_64-unknown-linux-gnu",
        "aarch64-unknown-linux-gnu",
        "x86_64-apple-darwin",
        "aarch64-apple-darwin",
    ] {
        assert!(workflow.contains(&format!("target: {target}")), "{target}");
        assert!(formula.contains(&format!("cellar-@VERSION@-{target}.tar.gz")), "{target}");
        assert!(formula.contains(&format!("@SHA256_{target}@")), "{target}");
    }
    // Packed as the workflow packs, from programs that say their version.
    let desk = Desk::new();
    let target = "x86_64-unknown-linux-gnu";
    let built = desk.path(&format!("target/{target}/dist"));
    std::fs::create_dir_all(&built).unwrap();
    let (version, out) = (env!("CARGO_PKG_VERSION"), desk.path("out"));
    for program in ["cellar", "loadtest"] {
        let script = format!("#!/bin/sh\necho cellar {version}\n");
        std::fs::write(built.join(program), script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(built.join(program), mode).unwrap();
    }
    let pack = |version: &str, target: &str| {
        let mut pack = desk.command(repository("infra/install/pack.sh"));
        Ended::of(pack.args([version, target]).arg(&out).env("CARGO_TARGET_DIR", desk.path("target")))
    };
    assert_eq!(pack("9.9.9", target).code, Some(1), "it is another version");
    assert!(pack(version, "aarch64-apple-darwin").stderr.contains("is missing; build it with"));
    let packed = pack(version, target);
    assert_eq!(packed.code, Some(0), "{packed:?}");
    let name = format!("cellar-{version}-{target}");
    let listed = Ended::of(desk.command("tar").arg("-tzf").arg(out.join(format!("{name}.tar.gz"))));
    for file in
        ["cellar", "loadtest", "LICENSE-MIT", "README.md", "install/cellar.service", "install/cellar.toml"]
    {
        assert!(listed.stdout.contains(&format!("{name}/{file}\n")), "{file}: {listed:?}");
    }
    let sum = format!("{name}.tar.gz.sha256");
    assert_eq!(Ended::of(desk.command("sha256sum").current_dir(&out).args(["--check", &sum])).code, Some(0));

    let fill = || {
        let mut fill = desk.command(repository("infra/install/formula.sh"));
        Ended::of(fill.args([version, "someone/cellar"]).arg(&out))
    };
    let missing = fill();
    assert!(missing.code == Some(1) && missing.stderr.contains("is missing"), "{missing:?}");
    for other in ["aarch64-unknown-linux-gnu", "x86_64-apple-darwin", "aarch64-apple-darwin"] {
        std::fs::copy(out.join(&sum), out.join(format!("cellar-{version}-{other}.tar.gz.sha256"))).unwrap();
    }
    let filled = fill();
    assert_eq!(filled.code, Some(0), "{filled:?}");
    assert!(
        filled.stdout.starts_with("class Cellar < Formula\n") && !filled.stdout.contains('@'),
        "{filled:?}"
    );
}

/// Names of metrics in the expressions of the dashboard.
fn of_dashboard(dashboard: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for target in dashboard["panels"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten()
    {
        let expression = target["expr"].as_str().unwrap();
        let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
        let found: Vec<&str> =
            words.filter(|word| word.starts_with("cellar_") || word.starts_with("process_")).collect();
        assert!(!found.is_empty(), "{expression}");
        names.extend(found.into_iter().map(str::to_owned));
    }
    names
}

#[test]
fn the_dashboard_shows_metrics_that_there_are() {
    let (desk, redis) = (Desk::new(), RedisServer::start(&[]));
    let server = desk.serve(&["--redis", &url(&redis)]);
    for id in ["a", "b"] {
        desk.write("a.csv", format!("id,lat,lon\n{id},1,2\n"));
        desk.ok(&["import", "a.csv", "-c", "places"]);
        server.get("/v1/collections/places/nearby?lat=1&lon=2");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served = |accept: &str| {
        runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let answer =
                client.get(format!("{}/metrics", server.url)).header("accept", accept).send().await.unwrap();
            let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
            (kind, answer.text().await.unwrap())
        })
    };
    let dashboard: Value = serde_json::from_str(&read("infra/install/grafana-dashboard.json")).unwrap();
    let names = of_dashboard(&dashboard);
    assert!(names.len() > 20, "{names:?}");
    // In OpenMetrics a family is declared without the ending of its samples.
    let missing = |text: &str| -> Vec<&String> {
        let declared = |name: &str| text.contains(&format!("\n# TYPE {name} "));
        let base = |name: &str| {
            ["_total", "_bucket", "_info"].iter().find_map(|end| name.strip_suffix(end).map(str::to_owned))
        };
        names
            .iter()
            .filter(|name| !declared(name) && !base(name).is_some_and(|base| declared(&base)))
            .collect()
    };
    let mut left = Vec::new();
    // Of some there is nothing to tell before the feed has caught up.
    let plain = until("metrics of the dashboard", || {
        let (kind, text) = served("*/*");
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
        let now = missing(&text);
        if now != left {
            eprintln!("missing: {now:?}");
            left.clone_from(&now);
        }
        now.is_empty().then_some(text)
    });
    let (kind, open) =
        served("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3");
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(missing(&open), Vec::<&String>::new());
    assert!(open.ends_with("# EOF\n") && !plain.contains("# EOF"));
    // What every process has.
    for name in ["process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"] {
        let value = plain.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        assert!(value.is_some_and(|value| value.parse::<f64>().unwrap() > 0.0), "{name}: {plain}");
    }
    let build = format!("cellar_build_info{{version=\"{}\",commit=\"", env!("CARGO_PKG_VERSION"));
    assert!(plain.contains(&build) && open.contains(&build), "{plain}");
}
