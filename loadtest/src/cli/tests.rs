//! What is said of arguments that make no sense.

use cellar_api::cli::{CliError, usage};
use clap::Parser as _;

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
        (&["matrix", "--world", "1", "--places", "a"], "cannot be used with"),
    ] {
        let error = said(args).unwrap();
        let line = error.to_string();
        assert!(line.starts_with(expected) || line.contains(expected), "{line}");
        assert!(!line.contains('\n') && line.ends_with("; --help says more"), "{line}");
        assert_eq!(error.code, 2);
    }
}
