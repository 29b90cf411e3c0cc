//! What `--help` says, and that the variables it names work.

use super::process::{Desk, Ended};

const SUBCOMMANDS: [&[&str]; 13] = [
    &["demo"],
    &["serve"],
    &["edge"],
    &["table"],
    &["table", "create"],
    &["import"],
    &["export"],
    &["get"],
    &["nearby"],
    &["verify"],
    &["warm"],
    &["edge-map"],
    &["edge-plan"],
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
        for flag in flags(&help) {
            let own = ["--help", "--version"].iter().any(|name| flag.contains(name));
            assert!(own || flag.contains("[env: CELLAR_"), "{subcommand:?}: {flag}");
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
fn variables_stand_in_for_flags() {
    let desk = Desk::new();
    desk.write("a.csv", "id,lat,lon,category\na,1,2,x\nb,1,2.001,y\n");
    let run = |subcommand: &str, variables: &[(&str, &str)]| {
        let mut command = desk.cellar(&[subcommand]);
        command.env("CELLAR_DATA", "elsewhere").env("CELLAR_COLLECTION", "places");
        let ended = Ended::of(command.envs(variables.iter().copied()));
        assert_eq!(ended.code, Some(0), "{subcommand}: {ended:?}");
        ended.stdout
    };
    let summary = run("import", &[("CELLAR_IMPORT_FILE", "a.csv"), ("CELLAR_JSON", "true")]);
    assert!(summary.contains(r#""stored":2"#), "{summary}");
    assert!(desk.path("elsewhere/cellar.db").exists() && !desk.path("cellar-data").exists());
    let point = [("CELLAR_LAT", "1"), ("CELLAR_LON", "2")];
    let nearby = |more: &[(&str, &str)]| run("nearby", &[&point, more].concat());
    assert!(nearby(&[]).contains("\n2 places;"));
    assert!(nearby(&[("CELLAR_LIMIT", "1")]).contains("\n1 places;"));
    assert!(nearby(&[("CELLAR_RADIUS_M", "10")]).contains("\n1 places;"));
    let of_category = nearby(&[("CELLAR_CATEGORY", "y"), ("CELLAR_JSON", "1")]);
    assert!(of_category.contains(r#""id":"b""#) && !of_category.contains(r#""id":"a""#), "{of_category}");
    assert!(run("get", &[("CELLAR_ID", "a")]).contains(r#""id":"a""#));
}
