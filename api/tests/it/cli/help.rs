//! What `--help` says, that the variables it names work, and that there are no others.

use super::process::{Desk, Ended};

const SUBCOMMANDS: [&[&str]; 28] = [
    &["demo"],
    &["serve"],
    &["edge"],
    &["table"],
    &["table", "create"],
    &["table", "roots"],
    &["import"],
    &["export"],
    &["collections"],
    &["delete"],
    &["get"],
    &["nearby"],
    &["search"],
    &["categories"],
    &["reindex"],
    &["verify"],
    &["warm"],
    &["edge-map"],
    &["edge-plan"],
    &["key"],
    &["key", "create"],
    &["key", "list"],
    &["key", "revoke"],
    &["contract"],
    &["stats"],
    &["health"],
    &["completions"],
    &["man"],
];

/// Where the store and the caches are, and what the servers `serve`, `demo` and `edge` are set to. Only these flags have
/// variables: what one call asks for is said in the call.
const SETTINGS: [&str; 16] = [
    "CELLAR_DATA",
    "CELLAR_TABLE",
    "CELLAR_ENDPOINT_URL",
    "CELLAR_REDIS_URL",
    "CELLAR_REDIS_CA",
    "CELLAR_LISTEN",
    "CELLAR_CONFIG",
    "CELLAR_EDGE_PURGE_URL",
    "CELLAR_CLOUDFRONT_DISTRIBUTION",
    "CELLAR_EDGE_ORIGIN",
    "CELLAR_EDGE_LISTEN",
    "CELLAR_EDGE_MAP",
    "CELLAR_EDGE_MAP_OF",
    "CELLAR_EDGE_CACHE",
    "CELLAR_MAX_RADIUS_M",
    "CELLAR_API_KEYS_FILE",
];

/// The flags of a help text, each with what is said of it.
fn flags(help: &str) -> Vec<String> {
    let mut flags: Vec<String> = Vec::new();
    for line in help.lines() {
        let indent = line.len() - line.trim_start().len();
        if indent <= 6 && line.trim_start().starts_with('-') {
            flags.push(line.trim().to_owned());
        } else if line.starts_with("   ") && !flags.is_empty() {
            let flag = flags.last_mut().unwrap();
            flag.push(' ');
            flag.push_str(line.trim());
        }
    }
    flags
}

#[test]
fn every_subcommand_explains_itself() {
    let desk = Desk::new();
    for subcommand in SUBCOMMANDS {
        let help = desk.ok(&[subcommand, &["--help"]].concat());
        assert!(help.contains("Examples:\n  ") && help.contains("cellar "), "{subcommand:?}: {help}");
        assert!(help.contains("Exit codes: 0 ") && help.contains("2 wrong usage"), "{subcommand:?}: {help}");
        for flag in flags(&help).iter().filter(|flag| flag.contains("[env: ")) {
            let named =
                |name: &&str| ["=", "]"].iter().any(|end| flag.contains(&format!("[env: {name}{end}")));
            let setting = SETTINGS.iter().any(named);
            assert!(setting, "{subcommand:?}: {flag}");
        }
        assert!(flags(&help).len() >= 2, "{subcommand:?}: {help}");
    }
    let all = desk.ok(&["--help"]);
    for subcommand in SUBCOMMANDS {
        assert!(all.contains(&format!("\n  {} ", subcommand[0])), "{all}");
    }
    assert!(desk.ok(&["--version"]).starts_with("cellar "));
}

#[test]
fn settings_have_variables_and_nothing_else_does() {
    let desk = Desk::new();
    desk.write("a.csv", "id,lat,lon,category\na,1,2,x\nb,1,2.001,y\n");
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = desk.cellar(arguments);
        command.env("CELLAR_DATA", "elsewhere");
        Ended::of(command.envs(variables.iter().copied()))
    };
    let ok = |arguments: &[&str], variables: &[(&str, &str)]| {
        let ended = run(arguments, variables);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.stdout
    };
    ok(&["import", "a.csv", "--collection", "places"], &[]);
    assert!(desk.path("elsewhere/cellar.db").exists() && !desk.path("cellar-data").exists());

    let search = ["nearby", "--collection", "places", "--lat", "1", "--lon", "2"];
    let others = [
        ("CELLAR_COLLECTION", "none"),
        ("CELLAR_LAT", "50"),
        ("CELLAR_LON", "50"),
        ("CELLAR_LIMIT", "1"),
        ("CELLAR_RADIUS_M", "10"),
        ("CELLAR_CATEGORY", "y"),
        ("CELLAR_JSON", "true"),
        ("CELLAR_URL", "http://127.0.0.1:1"),
        ("CELLAR_MODE", "exact"),
    ];
    let plain = ok(&search, &[]);
    assert!(plain.contains("\n2 places;"), "{plain}");
    let listed =
        |text: &str| text.lines().filter(|line| !line.contains("places;")).map(str::to_owned).collect();
    let (plain, with_others): (Vec<String>, Vec<String>) = (listed(&plain), listed(&ok(&search, &others)));
    assert_eq!(with_others, plain);
    assert_eq!(run(&["nearby", "--collection", "places"], &others).code, Some(2), "a position is required");
    assert_eq!(run(&["get", "--collection", "places"], &[("CELLAR_ID", "a")]).code, Some(2));
}
