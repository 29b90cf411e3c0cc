//! Completions and pages for `man`, as shells and `man` take them.

use std::process::Stdio;

use super::process::{Desk, Ended};

#[test]
fn bash_completes_subcommands_flags_and_values() {
    let desk = Desk::new();
    desk.write("completions", desk.ok(&["completions", "bash"]));
    let complete = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        let last = words.len() - 1;
        let script = format!(
            "source ./completions; COMP_WORDS=({}); COMP_CWORD={last}; _cellar cellar '{}' '{}'; echo \"${{COMPREPLY[@]}}\"",
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            words[last],
            words[last - 1],
        );
        let ended = Ended::of(desk.command("bash").args(["-c", &script]));
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{words:?}: {ended:?}");
        ended.stdout.trim().to_owned()
    };
    assert_eq!(complete("cellar stat"), "stats");
    assert_eq!(complete("cellar serve --print"), "--print-config");
    assert_eq!(complete("cellar table cr"), "create");
    assert_eq!(complete("cellar --color al"), "always");
    assert_eq!(complete("cellar completions po"), "powershell");
}

#[test]
fn every_shell_gets_a_script() {
    let desk = Desk::new();
    for (shell, part) in [
        ("bash", "complete -F _cellar"),
        ("zsh", "#compdef cellar"),
        ("fish", "complete -c cellar"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "set edit:completion:arg-completer[cellar]"),
    ] {
        let script = desk.ok(&["completions", shell]);
        assert!(script.contains(part) && script.contains("edge-map"), "{shell}: {script}");
    }
    let unknown = desk.run(&["completions", "tcsh"]);
    assert!(
        unknown.code == Some(2) && unknown.stderr.contains("bash, elvish, fish, powershell, zsh"),
        "{unknown:?}"
    );
}

#[test]
fn there_is_a_page_of_every_command() {
    let desk = Desk::new();
    assert_eq!(desk.ok(&["man", "--directory", "share/man1"]), "");
    for name in
        ["cellar", "cellar-serve", "cellar-table", "cellar-table-create", "cellar-key-create", "cellar-man"]
    {
        let page = desk.read(&format!("share/man1/{name}.1"));
        assert!(
            page.contains(".SH NAME\n") && page.contains(".SH \"EXIT STATUS\"\n") || name == "cellar",
            "{name}: {page}"
        );
    }
    assert_eq!(desk.ok(&["man", "table", "create"]), desk.read("share/man1/cellar-table-create.1"));
    assert_eq!(desk.ok(&["man"]), desk.read("share/man1/cellar.1"));
    let serve = desk.ok(&["man", "serve"]);
    assert!(serve.contains("cellar serve \\-\\-config cellar.toml \\-\\-print\\-config\n"), "{serve}");

    let unknown = desk.run(&["man", "sreve"]);
    assert!(unknown.code == Some(2) && unknown.stderr.contains("no command `sreve`"), "{unknown:?}");
    desk.write("file", "");
    let no_directory = desk.run(&["man", "--directory", "file"]);
    assert!(
        no_directory.code == Some(1) && no_directory.stderr.contains("cannot write to file"),
        "{no_directory:?}"
    );
}

/// Where `groff` is, it has nothing to complain of.
#[test]
fn pages_are_good_roff() {
    let desk = Desk::new();
    desk.ok(&["man", "--directory", "."]);
    let mut groff = desk.command("sh");
    groff.args(["-c", "command -v groff >/dev/null || exit 0; for page in *.1; do groff -man -ww -Tutf8 $page >/dev/null; done"]);
    let ended = Ended::of(groff.stdin(Stdio::null()));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}
