//! Flags for who searches, and for what.

use std::path::PathBuf;
use std::time::Duration;

use cellar_input::PositionArgs;
use clap::Args;

use crate::cli::values::{duration, within};
use crate::workload::{Areas, Diurnal, MAX_USERS, MAX_ZIPF, Mix, Numbers, Sessions, Spec};

const USERS: &str = "Users";
const ASKS: &str = "What they ask for";
const FILES: &str = "Instead of synthetic users, one of these";

/// Radii and limits that the API accepts.
const RADIUS_M: std::ops::RangeInclusive<f64> = 0.1..=200_000.0;
const LIMIT: std::ops::RangeInclusive<f64> = 1.0..=100.0;

/// Who searches, and for what
#[derive(Args, Clone, Debug)]
pub struct UsersArgs {
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Number of users, spread over 320 metropolitan areas by population, up to 10000000
    #[arg(long, help_heading = USERS, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=MAX_USERS))]
    pub users: u64,

    /// Skew between neighbourhoods: the k-th of an area has users in proportion to 1/k^ZIPF; 0 makes all alike
    #[arg(long, help_heading = USERS, default_value = "1", value_parser = |text: &str| within(text, 0.0, MAX_ZIPF))]
    pub zipf: f64,

    /// Users stay at home instead of moving around
    #[arg(long, help_heading = USERS)]
    pub stay: bool,

    /// Users are active by day, by solar time where they live
    #[arg(long, help_heading = USERS)]
    pub diurnal: bool,

    /// Hour of the day in UTC at the start of the run, 0 to 24
    #[arg(long, help_heading = USERS, default_value = "12", requires = "diurnal", value_name = "HOUR",
          value_parser = |text: &str| within(text, 0.0, 24.0))]
    pub start_hour: f64,

    /// Length of a day
    #[arg(long, help_heading = USERS, default_value = "24h", requires = "diurnal", value_name = "TIME",
          value_parser = duration)]
    pub day: Duration,

    /// Mean number of searches per session, 1 to 1000
    #[arg(long, help_heading = USERS, default_value = "2", value_parser = |text: &str| within(text, 1.0, 1_000.0))]
    pub searches: f64,

    /// Share of answers after which a user asks for the next page, 0 to 0.99
    #[arg(long, help_heading = USERS, default_value = "0.2", value_parser = |text: &str| within(text, 0.0, 0.99))]
    pub paging: f64,

    /// Mean think time between two requests of a session
    #[arg(long, help_heading = USERS, default_value = "10s", value_name = "TIME", value_parser = duration)]
    pub think: Duration,

    /// Search radius in metres: 5000, 500-5000 (uniform) or 500:3,2000:5 (weighted); up to 200000 [default: the server's]
    #[arg(long, help_heading = ASKS, value_parser = |text: &str| Numbers::parse(text, RADIUS_M))]
    pub radius: Option<Numbers>,

    /// Most places wanted, in the same forms, 1 to 100
    #[arg(long, help_heading = ASKS, default_value = "20", value_parser = |text: &str| Numbers::parse(text, LIMIT))]
    pub limit: Numbers,

    /// Categories with weights, such as any:6,cafe:3,museum
    #[arg(long, help_heading = ASKS, default_value = "any", value_name = "MIX", value_parser = categories)]
    pub category: Mix<Option<String>>,

    /// File of positions in any format that `cellar import` reads, and optionally their weight or population: users live exactly
    /// there
    #[arg(long, help_heading = FILES, value_name = "FILE", group = "file")]
    pub positions: Option<PathBuf>,

    /// Access log to replay, in any format of docs/IMPORT.md, also packed
    #[arg(long, help_heading = FILES, value_name = "FILE", group = "file")]
    pub replay: Option<PathBuf>,

    /// Replay speed as a multiple of the log's own pace, 0.001 to 100000
    #[arg(long, help_heading = FILES, default_value = "1", requires = "replay",
          value_parser = |text: &str| within(text, 0.001, 100_000.0))]
    pub speed: f64,

    /// Stream written by `loadtest workload --export`
    #[arg(long, help_heading = FILES, value_name = "FILE", group = "file")]
    pub stream: Option<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "its documentation would be that of the command")]
    pub read: PositionArgs,
}

impl UsersArgs {
    /// The synthetic users that these flags describe.
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

    /// Where they live unless a file says otherwise.
    pub fn metropolitan(&self) -> Areas {
        Areas::metropolitan(self.zipf, self.seed)
    }
}

fn categories(text: &str) -> Result<Mix<Option<String>>, String> {
    Mix::parse(text, |name| match name {
        "" => Err("a category without a name; `any` stands for all".to_owned()),
        "any" => Ok(None),
        _ if name.len() > 200 => Err("a category is at most 200 bytes long".to_owned()),
        _ => Ok(Some(name.to_owned())),
    })
}
