//! Arguments that make no sense, in one line.

use clap::Error;
use clap::error::ErrorKind;

use crate::CliError;

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
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    #[command(version)]
    struct Guests {
        #[arg(long)]
        names: String,
        #[arg(long, value_parser = ["few", "many"], conflicts_with = "names")]
        count: Option<String>,
    }

    fn said(args: &[&str]) -> Option<String> {
        let error = Guests::try_parse_from([&["guests"], args].concat()).unwrap_err();
        complaint(&error).map(|error| error.to_string())
    }

    #[test]
    fn whatever_is_wrong_is_one_line_with_what_to_do() {
        for (args, expected) in [
            (
                &["--naems", "a"][..],
                "unexpected argument '--naems' found; tip: a similar argument exists: '--names'",
            ),
            (&[], "the following required arguments were not provided: --names <NAMES>"),
            (&["--count", "0"], "invalid value '0' for '--count <COUNT>' [possible values: few, many]"),
            (
                &["--names", "a", "--count", "a\n\nb"],
                "invalid value 'a; b' for '--count <COUNT>' [possible values: few, many]",
            ),
            (
                &["--names", "a", "--count", "few"],
                "the argument '--names <NAMES>' cannot be used with '--count <COUNT>'",
            ),
        ] {
            assert_eq!(said(args).unwrap(), format!("{expected}; --help says more"), "{args:?}");
        }
    }

    #[test]
    fn help_and_the_version_are_no_errors() {
        for args in [&["--help"][..], &["--version"]] {
            assert_eq!(said(args), None, "{args:?}");
        }
    }
}
