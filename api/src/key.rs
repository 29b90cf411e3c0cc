//! `cellar key`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cellar_cli_kit::output::OutputFile;
use cellar_cli_kit::{CliError, code, say, terminal, visible};
use cellar_http::keys::{KeyFile, KeyRecord, Keyring, Scope};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  export CELLAR_API_KEYS_FILE=/etc/cellar/keys.json
  cellar key create --scope write:places --name importer
  cellar key create --scope read:places --scope read:cities --expires 90d --json
  cellar key list
  cellar key revoke k3v9q2m8x0ab

A scope is read, write or admin, a colon, and a collection or * for all. write includes read; admin includes both and the \
deletion of the collection. A key is shown once, when it is made: the file holds its hash, and no secret. `cellar serve` \
reads the file that CELLAR_API_KEYS_FILE names again within a second of a change; a Lambda function has its content in \
CELLAR_API_KEYS. To replace a key, make another one, hand it out, and revoke the old one: until then both are valid.

Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Makes, lists and revokes API keys
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct KeyArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    Create(CreateArgs),
    List(ListArgs),
    Revoke(RevokeArgs),
}

#[derive(Args, Debug)]
struct FileArg {
    /// File of the keys
    #[arg(long, value_name = "FILE", env = "CELLAR_API_KEYS_FILE")]
    file: PathBuf,
}

/// Makes a key and prints it, once
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
struct CreateArgs {
    /// What it allows, such as write:places; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<Scope>,

    /// What it is for, at most 64 characters
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// How long it is valid, such as 90d [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    expires: Option<Duration>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    file: FileArg,
}

/// Lists keys
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
struct ListArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    file: FileArg,
}

/// Makes a key invalid
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
struct RevokeArgs {
    /// Id of the key: the part between the two underscores
    #[arg(value_name = "ID")]
    id: String,

    #[command(flatten)]
    file: FileArg,
}

/// What is told of a key; all but its hash.
#[derive(Serialize)]
struct Told<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    name: Option<&'a str>,
    scopes: &'a [Scope],
    created: String,
    expires: Option<String>,
    valid: bool,
}

/// Does what is asked for.
pub fn run(args: KeyArgs) -> Result<u8, CliError> {
    match args.what {
        What::Create(args) => create(args),
        What::List(args) => list(&args),
        What::Revoke(args) => revoke(&args),
    }?;
    Ok(code::OK)
}

fn create(
    CreateArgs { scopes, name, expires, json, file: FileArg { file } }: CreateArgs,
) -> Result<(), CliError> {
    let now = SystemTime::now();
    let end = expires.map(|expires| now.checked_add(expires).filter(|end| is_a_date(*end)));
    let end =
        end.map(|end| end.ok_or_else(|| CliError::usage("--expires is beyond the year 9999"))).transpose()?;
    let (record, key) = KeyRecord::generate(name, scopes, now, end);
    change(&file, |keys| {
        keys.push(record.clone());
        Ok(())
    })?;
    if json {
        return say(&as_json(&Told { key: Some(&key), ..told(&record, now) })?);
    }
    say(&key)?;
    terminal::note(&format!("key {} is in {}; it is shown here and never again", record.id, file.display()));
    Ok(())
}

/// Whether a time can be written (RFC 3339 has years of four digits).
fn is_a_date(time: SystemTime) -> bool {
    let mut text = String::new();
    write!(text, "{}", humantime::format_rfc3339_seconds(time)).is_ok()
}

fn list(ListArgs { json, file: FileArg { file } }: &ListArgs) -> Result<(), CliError> {
    let KeyFile { keys } = read(file)?.ok_or_else(|| no_file(file))?;
    let now = SystemTime::now();
    let all: Vec<Told<'_>> = keys.iter().map(|record| told(record, now)).collect();
    if *json {
        return say(&as_json(&all)?);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["id", "name", "scopes", "created", "expires"]);
    for Told { id, name, scopes, created, expires, valid, .. } in &all {
        let scopes: Vec<_> = scopes.iter().map(ToString::to_string).collect();
        let expires = match expires {
            None => "never".to_owned(),
            Some(end) if *valid => end.clone(),
            Some(end) => format!("{end} (is over)"),
        };
        table.add_row([id, &*visible(name.unwrap_or_default()), &scopes.join(" "), created, &expires]);
    }
    say(&table.to_string())
}

fn revoke(RevokeArgs { id, file: FileArg { file } }: &RevokeArgs) -> Result<(), CliError> {
    change(file, |keys| {
        let before = keys.len();
        keys.retain(|record| record.id != *id);
        if keys.len() < before {
            return Ok(());
        }
        let error = CliError::failure(format!("there is no key {id} in {}", file.display()));
        Err(error.hint("`cellar key list` lists those that there are"))
    })?;
    say(&format!(
        "key {id} is revoked; servers that read {} know within a second",
        visible(&file.display().to_string())
    ))
}

fn told(record: &KeyRecord, now: SystemTime) -> Told<'_> {
    let time = |time: SystemTime| humantime::format_rfc3339_seconds(time).to_string();
    Told {
        id: &record.id,
        key: None,
        name: record.name.as_deref(),
        scopes: &record.scopes,
        created: time(record.created),
        expires: record.expires.map(time),
        valid: record.expires.is_none_or(|end| now < end),
    }
}

fn as_json(value: &impl Serialize) -> Result<String, CliError> {
    serde_json::to_string(value).map_err(|error| CliError::failure(error.to_string()))
}

/// Changes the file; who comes at the same time waits.
fn change(
    file: &Path,
    change: impl FnOnce(&mut Vec<KeyRecord>) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let unwritable =
        |error: io::Error| CliError::failure(format!("cannot write {}: {error}", file.display()));
    let _turn = turn(file).map_err(unwritable)?;
    let KeyFile { mut keys } = read(file)?.unwrap_or_default();
    change(&mut keys)?;
    // What a server would not read is not written.
    Keyring::of(keys.clone())
        .map_err(|problem| CliError::usage(format!("{} then {problem}", file.display())))?;
    let text = serde_json::to_string_pretty(&KeyFile { keys }).map_err(|error| unwritable(error.into()))?;
    let mut out = OutputFile::create(file).map_err(unwritable)?;
    writeln!(out, "{text}").and_then(|()| out.finish()).map_err(unwritable)
}

/// A lock on the directory: the file itself is replaced.
#[cfg(unix)]
fn turn(file: &Path) -> io::Result<File> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = File::open(directory.unwrap_or(Path::new(".")))?;
    directory.lock()?;
    Ok(directory)
}

#[cfg(not(unix))]
fn turn(_: &Path) -> io::Result<()> {
    Ok(())
}

/// What is in the file, if it is there.
fn read(file: &Path) -> Result<Option<KeyFile>, CliError> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CliError::failure(format!("cannot read {}: {error}", file.display()))),
        Ok(text) => text,
    };
    serde_json::from_str(&text).map(Some).map_err(|error| {
        CliError::failure(format!("{} is no list of keys: {error}", file.display()))
            .hint("name the file that `cellar key create` made with --file")
    })
}

fn no_file(file: &Path) -> CliError {
    CliError::failure(format!("there is no file {}", file.display())).hint("`cellar key create` makes it")
}
