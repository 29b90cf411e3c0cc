//! Arguments that make no sense, in one line.

use cellar_api::cli::CliError;
use clap::Error;
use clap::error::ErrorKind;

/// What is wrong and how to mend it; none if help was asked for, or the version, which is shown as it is.
pub fn complaint(error: &Error) -> Option<CliError> {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return None;
    }
    let text = error.render().to_string();
    // What follows is the usage, as long as there are flags.
    let said = text.split("\n\nUsage:").next().unwrap_or(&text);
    let said = said.split("\n\nFor more information").next().unwrap_or(said);
    let said = said.strip_prefix("error: ").unwrap_or(said);
    let paragraphs = said.split("\n\n").map(|paragraph| {
        let lines: Vec<&str> = paragraph.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        lines.join(" ")
    });
    let paragraphs: Vec<String> = paragraphs.filter(|paragraph| !paragraph.is_empty()).collect();
    Some(CliError::usage(paragraphs.join("; ")).hint("--help says more"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    fn said(args: &[&str]) -> Option<CliError> {
        complaint(&Cli::try_parse_from([&["loadtest"], args].concat()).unwrap_err())
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
            (
                &["matrix", "--users", "0"],
                "invalid value '0' for '--users <USERS>': 0 is not in 1..=10000000",
            ),
            (&["matrix", "--world", "1", "--places", "a"], "cannot be used with"),
        ] {
            let error = said(args).unwrap();
            let line = error.to_string();
            assert!(line.starts_with(expected) || line.contains(expected), "{line}");
            assert!(!line.contains('\n') && line.ends_with("; --help says more"), "{line}");
            assert_eq!(error.code, 2);
        }
    }

    #[test]
    fn help_and_the_version_are_no_errors() {
        for args in [&["--help"][..], &["--version"], &["matrix", "--help"]] {
            assert_eq!(said(args), None, "{args:?}");
        }
    }
}
