//! Flags that say who asks, and what.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::super::cost::within;
use super::duration;
use crate::workload::{Areas, Diurnal, MAX_USERS, MAX_ZIPF, Mix, Numbers, Sessions, Spec};

const USERS: &str = "Users";
const ASKS: &str = "What they ask";
const FILES: &str = "Instead of made-up users, one of these";

/// Radii and limits that the API takes.
const RADIUS_M: std::ops::RangeInclusive<f64> = 0.1..=200_000.0;
const LIMIT: std::ops::RangeInclusive<f64> = 1.0..=100.0;

/// Who asks, and what
#[derive(Args, Clone, Debug)]
pub struct UsersArgs {
    /// Seed of everything that is left to chance
    #[arg(long, default_value_t = 1, env = "LOADTEST_SEED")]
    pub seed: u64,

    /// How many users there are, around 320 metropolitan areas by population, up to 10000000
    #[arg(long, help_heading = USERS, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=MAX_USERS),
          env = "LOADTEST_USERS")]
    pub users: u64,

    /// How much more popular some neighbourhoods are: the k-th of an area as 1/k^ZIPF; 0 is all alike
    #[arg(long, help_heading = USERS, default_value = "1", value_parser = |text: &str| within(text, 0.0, MAX_ZIPF),
          env = "LOADTEST_ZIPF")]
    pub zipf: f64,

    /// Users stay at home instead of getting about
    #[arg(long, help_heading = USERS, env = "LOADTEST_STAY")]
    pub stay: bool,

    /// Users sleep at night, by the sun where they live
    #[arg(long, help_heading = USERS, env = "LOADTEST_DIURNAL")]
    pub diurnal: bool,

    /// Hour of the day at the start, in UTC, 0 to 24
    #[arg(long, help_heading = USERS, default_value = "12", requires = "diurnal", value_name = "HOUR",
          value_parser = |text: &str| within(text, 0.0, 24.0), env = "LOADTEST_START_HOUR")]
    pub start_hour: f64,

    /// How long a day takes
    #[arg(long, help_heading = USERS, default_value = "24h", requires = "diurnal", value_name = "TIME",
          value_parser = duration, env = "LOADTEST_DAY")]
    pub day: Duration,

    /// Searches of a session in the mean, 1 to 1000
    #[arg(long, help_heading = USERS, default_value = "2", value_parser = |text: &str| within(text, 1.0, 1_000.0),
          env = "LOADTEST_SEARCHES")]
    pub searches: f64,

    /// Share of answers after which a user wants the next page, 0 to 0.99
    #[arg(long, help_heading = USERS, default_value = "0.2", value_parser = |text: &str| within(text, 0.0, 0.99),
          env = "LOADTEST_PAGING")]
    pub paging: f64,

    /// Mean time between two asks of a session
    #[arg(long, help_heading = USERS, default_value = "10s", value_name = "TIME", value_parser = duration,
          env = "LOADTEST_THINK")]
    pub think: Duration,

    /// How far users look, in metres: 5000, 500-5000 (all as likely) or 500:3,2000:5 (with weights); up to 200000
    #[arg(long, help_heading = ASKS, value_parser = |text: &str| Numbers::parse(text, RADIUS_M), env = "LOADTEST_RADIUS")]
    pub radius: Option<Numbers>,

    /// Most places that users want, in the same forms, 1 to 100
    #[arg(long, help_heading = ASKS, default_value = "20", value_parser = |text: &str| Numbers::parse(text, LIMIT),
          env = "LOADTEST_LIMIT")]
    pub limit: Numbers,

    /// Categories with weights: any:6,cafe:3,museum
    #[arg(long, help_heading = ASKS, default_value = "any", value_name = "MIX", value_parser = categories,
          env = "LOADTEST_CATEGORY")]
    pub category: Mix<Option<String>>,

    /// CSV file with columns lat and lon, and weight or population: users live just there
    #[arg(long, help_heading = FILES, value_name = "FILE", group = "file", env = "LOADTEST_POSITIONS")]
    pub positions: Option<PathBuf>,

    /// Access log, asked again: combined, `CloudFront` standard or JSON lines, perhaps compressed with gzip
    #[arg(long, help_heading = FILES, value_name = "FILE", group = "file", env = "LOADTEST_REPLAY")]
    pub replay: Option<PathBuf>,

    /// How many times as fast as the log, 0.001 to 100000
    #[arg(long, help_heading = FILES, default_value = "1", requires = "replay",
          value_parser = |text: &str| within(text, 0.001, 100_000.0), env = "LOADTEST_SPEED")]
    pub speed: f64,

    /// Stream that `loadtest workload --export` has written
    #[arg(long, help_heading = FILES, value_name = "FILE", group = "file", env = "LOADTEST_STREAM")]
    pub stream: Option<PathBuf>,
}

impl UsersArgs {
    /// The users that these flags make up.
    pub fn spec(&self) -> Spec {
        Spec {
            seed: self.seed,
            users: self.users,
            moving: !self.stay,
            diurnal: self.diurnal.then_some(Diurnal { start_h: self.start_hour, day: self.day }),
            sessions: Sessions { searches: self.searches, paging: self.paging, think: self.think },
            radius_m: self.radius.clone(),
            limit: self.limit.clone(),
            category: self.category.clone(),
        }
    }

    /// Where they live, unless a file says so.
    pub fn metropolitan(&self) -> Areas {
        Areas::metropolitan(self.zipf, self.seed)
    }
}

fn categories(text: &str) -> Result<Mix<Option<String>>, String> {
    Mix::parse(text, |name| match name {
        "" => Err("a category has no name; `any` is all of them".to_owned()),
        "any" => Ok(None),
        _ if name.len() > 200 => Err("a category has at most 200 bytes".to_owned()),
        _ => Ok(Some(name.to_owned())),
    })
}
