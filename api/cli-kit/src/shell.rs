//! What a command gives to the shell that runs it: completions, and pages for `man`.
//!
//! Both come from the definition of its arguments, so that they say what `--help` says.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::{CliError, code, written};

/// Prints completions for a shell
#[derive(Args, Clone, Debug)]
pub struct CompletionsArgs {
    /// Shell to complete for
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints a page for `man`, or writes all of them
#[derive(Args, Clone, Debug)]
pub struct ManArgs {
    /// Subcommand to print the page of, such as `table create` [default: the program]
    #[arg(value_name = "COMMAND", conflicts_with = "directory")]
    command: Vec<String>,

    /// Directory to write the pages of all commands to; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl CompletionsArgs {
    /// Prints them for the whole command.
    pub fn run(&self, mut program: Command) -> Result<u8, CliError> {
        let (name, mut script) = (program.get_name().to_owned(), Vec::new());
        clap_complete::generate(self.shell, &mut program, name, &mut script);
        print(&script)
    }
}

impl ManArgs {
    /// Prints or writes pages of the whole command.
    pub fn run(&self, program: Command) -> Result<u8, CliError> {
        let mut program = program.disable_help_subcommand(true);
        program.build();
        if let Some(directory) = &self.directory {
            return fs::create_dir_all(directory)
                .and_then(|()| write_below(&program, directory))
                .map(|()| code::OK)
                .map_err(|error| {
                    CliError::failure(format!("cannot write to {}: {error}", directory.display()))
                        .hint("name another directory with --directory")
                });
        }
        let mut command = &program;
        for name in &self.command {
            command = command.find_subcommand(name).ok_or_else(|| {
                let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
                CliError::usage(format!("there is no command `{name}`; there are {}", names.join(", ")))
            })?;
        }
        print(&page(command).map_err(|error| CliError::failure(error.to_string()))?)
    }
}

fn print(text: &[u8]) -> Result<u8, CliError> {
    let mut out = io::stdout().lock();
    written(out.write_all(text).and_then(|()| out.flush())).map(|()| code::OK)
}

fn write_below(command: &Command, directory: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_below(below, directory)?;
    }
    fs::write(directory.join(Man::new(command.clone()).get_filename()), page(command)?)
}

/// The page of a command. What stands below its help becomes sections of their own, examples line by line.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.get_subcommands().any(|below| !below.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(help) = command.get_after_long_help().or_else(|| command.get_after_help()) {
        notes(&help.to_string()).to_writer(&mut page)?;
    }
    Ok(page)
}

fn notes(help: &str) -> Roff {
    let (mut roff, mut in_notes) = (Roff::default(), false);
    for paragraph in help.split("\n\n").map(str::trim_end).filter(|paragraph| !paragraph.is_empty()) {
        if let Some(examples) = paragraph.strip_prefix("Examples:\n") {
            roff.control("SH", ["EXAMPLES"]).control("nf", []);
            roff.text(examples.lines().map(|line| roman(format!("{line}\n"))).collect::<Vec<_>>());
            roff.control("fi", []);
            in_notes = false;
        } else if let Some(codes) = paragraph.strip_prefix("Exit codes: ") {
            roff.control("SH", ["EXIT STATUS"]).text([roman(codes)]);
            in_notes = false;
        } else {
            let heading = if in_notes { None } else { Some("NOTES") };
            match heading {
                Some(heading) => roff.control("SH", [heading]),
                None => roff.control("PP", []),
            };
            roff.text([roman(paragraph)]);
            in_notes = true;
        }
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Command {
        let below = Command::new("open").about("Opens it").after_help(
            "Examples:\n  cellar open a\n  cellar open .b\n\nSaid once.\n\nAnd again.\n\nExit codes: 0 done.",
        );
        Command::new("cellar").about("A test").version("1").subcommand(below)
    }

    #[test]
    fn a_page_has_examples_line_by_line() {
        let mut program = program();
        program.build();
        let text = String::from_utf8(page(program.find_subcommand("open").unwrap()).unwrap()).unwrap();
        for part in [
            ".SH NAME\ncellar\\-open \\- Opens it",
            ".SH EXAMPLES\n.nf\n  cellar open a\n  cellar open .b\n",
            ".fi\n",
            ".SH NOTES\nSaid once.\n.PP\nAnd again.\n",
            ".SH \"EXIT STATUS\"\n0 done.",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn there_is_a_page_for_every_command() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("below/man1");
        let args = ManArgs { command: Vec::new(), directory: Some(path.clone()) };
        assert_eq!(args.run(program()), Ok(code::OK));
        let mut names: Vec<_> =
            fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["cellar-open.1", "cellar.1"]);
        let unknown = ManArgs { command: vec!["close".into()], directory: None }.run(program()).unwrap_err();
        assert_eq!(unknown.to_string(), "there is no command `close`; there are open");
    }
}
