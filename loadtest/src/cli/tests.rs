//! What is said of arguments that make no sense.

use cellar_cli_kit::{CliError, usage};
use clap::{CommandFactory as _, Parser as _};

use super::Cli;

fn said(args: &[&str]) -> Option<CliError> {
    usage::complaint(&Cli::try_parse_from([&["loadtest"], args].concat()).unwrap_err())
}

#[test]
fn whatever_is_wrong_is_one_line_with_what_to_do() {
    for (args, expected) in [
        (
            &["--regoins", "a"][..],
            "unexpected argument '--regoins' found; tip: a similar argument exists: '--regions'",
        ),
        (&[], "the following required arguments were not provided: --regions <REGIONS>"),
        (&["--http", "3"], "invalid value '3' for '--http <HTTP>' [possible values: 1.1, 2]"),
        (
            &["--rps", "a\n\nb"],
            "invalid value 'a; b' for '--rps <RATE>': expected a number of requests per second",
        ),
        (&["matrix", "--users", "0"], "invalid value '0' for '--users <USERS>': 0 is not in 1..=10000000"),
        (&["matrix", "--demo-places", "1", "--places", "a"], "cannot be used with"),
    ] {
        let error = said(args).unwrap();
        let line = error.to_string();
        assert!(line.starts_with(expected) || line.contains(expected), "{line}");
        assert!(!line.contains('\n') && line.ends_with("; --help says more"), "{line}");
        assert_eq!(error.code, 2);
    }
}

/// What a run asks for is said in its command, so that a report can be repeated from it.
#[test]
fn no_variable_stands_in_for_a_flag() {
    let mut commands = vec![Cli::command()];
    while let Some(command) = commands.pop() {
        for argument in command.get_arguments() {
            assert_eq!(argument.get_env(), None, "{} {argument}", command.get_name());
        }
        commands.extend(command.get_subcommands().cloned());
    }
}
