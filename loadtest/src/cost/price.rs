//! Prices, each with its source and date.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

const BUILT_IN: &str = include_str!("../../data/prices.toml");

/// Declares the meters and their names in price files.
macro_rules! meters {
    ($($meter:ident = $name:literal: $doc:literal,)*) => {
        /// A billed quantity.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Meter {
            $(#[doc = $doc] $meter,)*
        }

        impl Meter {
            /// All meters.
            pub const ALL: &[Self] = &[$(Self::$meter,)*];

            /// Its name in price files: `service.what`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$meter => $name,)* }
            }
        }
    };
}

meters! {
    LambdaRequests = "lambda.requests": "Invocations of a function.",
    LambdaArm64 = "lambda.gb_seconds_arm64": "Memory and time of functions on arm64, in GB-s.",
    LambdaX86 = "lambda.gb_seconds_x86": "Memory and time of functions on x86-64, in GB-s.",
    TableReads = "dynamodb.reads": "Read request units.",
    TableWrites = "dynamodb.writes": "Write request units: of a table in one region, and of indexes.",
    TableReplicatedWrites = "dynamodb.replicated_writes": "Write request units of a global table, one for each replica.",
    TableStorage = "dynamodb.storage": "Storage of tables and indexes, in GB-months.",
    TableRecovery = "dynamodb.recovery": "Storage covered by point-in-time recovery, in GB-months.",
    CacheStorage = "elasticache.storage": "What is kept in caches, in GB-hours.",
    CacheEcpus = "elasticache.ecpus": "Processing units of caches.",
    EdgeRequests = "cloudfront.requests": "HTTPS requests at the edge.",
    EdgeEgress = "cloudfront.egress": "What the edge sends to viewers, in GB.",
    EdgeFunctions = "cloudfront.functions": "Invocations of the edge's function.",
    EdgeKeyValueReads = "cloudfront.key_value_reads": "Reads of the edge's key-value store.",
    EdgeInvalidations = "cloudfront.invalidations": "Invalidated paths and tags.",
    DnsZones = "route53.zones": "Hosted zones.",
    DnsQueries = "route53.latency_queries": "Queries of names that are routed by latency.",
    HealthChecks = "route53.health_checks": "Health checks of endpoints.",
    HealthCheckOptions = "route53.health_check_options": "Options of health checks.",
    ApiRequests = "apigateway.requests": "Requests of the HTTP API.",
    Egress = "network.egress": "What regions send to the Internet, in GB.",
    BetweenRegions = "network.between_regions": "What is replicated to other regions, in GB.",
    Alarms = "cloudwatch.alarms": "Metrics of alarms.",
    CustomMetrics = "cloudwatch.metrics": "Metrics that are not AWS's own.",
    Dashboards = "cloudwatch.dashboards": "Dashboards.",
    CanaryRuns = "cloudwatch.canary_runs": "Runs of canaries.",
    Logs = "cloudwatch.logs": "Logs taken in, in GB.",
    Traces = "xray.traces": "Recorded traces.",
    QueueRequests = "sqs.requests": "Requests of queues.",
    BucketPuts = "s3.puts": "Writes of objects.",
    Secrets = "secretsmanager.secrets": "Secrets, replicas included.",
}

impl Meter {
    /// The service that bills it: the first part of its name.
    pub fn service(self) -> &'static str {
        self.name().split('.').next().unwrap_or_default()
    }
}

/// The source of a price.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// A page of AWS, or a copy of one.
    Page,
    /// A third party.
    ThirdParty,
    /// From memory.
    Memory,
    /// A file given by the user.
    Given,
}

/// A price.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// US dollars for `per` units, 0 or more.
    pub usd: f64,
    /// Units that `usd` buys, more than 0.
    pub per: f64,
    /// The unit.
    pub unit: String,
    /// Free units per month.
    #[serde(default)]
    pub free: f64,
    /// AWS's page with the price.
    pub source: String,
    /// The source of the figure.
    pub evidence: Evidence,
    /// Where it was read, if not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// When it was read.
    pub read: String,
}

impl Price {
    /// The cost of an amount in dollars, with or without the free amount of a month.
    pub fn cost_usd(&self, amount: f64, free_tier: bool) -> f64 {
        let billed = if free_tier { (amount - self.free).max(0.0) } else { amount };
        billed / self.per * self.usd
    }
}

/// A price in a file, which may replace parts of a built-in price.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    usd: f64,
    per: Option<f64>,
    unit: Option<String>,
    free: Option<f64>,
    source: Option<String>,
    evidence: Option<Evidence>,
    seen: Option<String>,
    read: Option<String>,
}

/// A price for every meter.
#[derive(Clone, Debug, PartialEq)]
pub struct Prices(BTreeMap<Meter, Price>);

/// Why a file is not a valid list of prices.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PriceError {
    /// Not TOML, or not of the form of `data/prices.toml`.
    #[error("{0}")]
    Form(String),
    /// No such meter.
    #[error("there is no price `{name}`; the prices are {known}")]
    Unknown {
        /// Its name.
        name: String,
        /// All names.
        known: String,
    },
    /// A figure out of range.
    #[error("`{name}`: {what}")]
    Figure {
        /// The name of the price.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A meter without a price.
    #[error("`{0}` has no price")]
    Missing(&'static str),
}

type File<T> = BTreeMap<String, BTreeMap<String, T>>;

impl Prices {
    /// The prices of `data/prices.toml`: us-east-1, in US dollars.
    ///
    /// ```
    /// use cellar_loadtest::cost::{Meter, Prices};
    ///
    /// let requests = Prices::built_in().of(Meter::LambdaRequests).clone();
    /// assert!((requests.cost_usd(3_000_000.0, false) - 0.60).abs() < 1e-9);
    /// assert!((requests.cost_usd(3_000_000.0, true) - 0.40).abs() < 1e-9);
    /// ```
    pub fn built_in() -> Self {
        Self::parse(BUILT_IN).expect("data/prices.toml has every price")
    }

    /// Parses a complete list of prices.
    ///
    /// # Errors
    ///
    /// The text is not a valid list, or a meter has no price.
    fn parse(text: &str) -> Result<Self, PriceError> {
        let mut prices = BTreeMap::new();
        for (meter, price) in flat::<Price>(text)? {
            prices.insert(meter, checked(meter, price)?);
        }
        match Meter::ALL.iter().find(|meter| !prices.contains_key(*meter)) {
            Some(missing) => Err(PriceError::Missing(missing.name())),
            None => Ok(Self(prices)),
        }
    }

    /// These prices, with those that a text names replaced.
    ///
    /// # Errors
    ///
    /// The text is not a valid list of prices.
    pub fn changed_by(&self, text: &str) -> Result<Self, PriceError> {
        let mut prices = self.clone();
        for (meter, change) in flat::<Change>(text)? {
            let old = self.of(meter).clone();
            let price = Price {
                usd: change.usd,
                per: change.per.unwrap_or(old.per),
                unit: change.unit.unwrap_or(old.unit),
                free: change.free.unwrap_or(old.free),
                source: change.source.unwrap_or(old.source),
                evidence: change.evidence.unwrap_or(Evidence::Given),
                seen: change.seen,
                read: change.read.unwrap_or_default(),
            };
            prices.0.insert(meter, checked(meter, price)?);
        }
        Ok(prices)
    }

    /// The price of a meter.
    pub fn of(&self, meter: Meter) -> &Price {
        &self.0[&meter]
    }

    /// Names of the prices with this kind of source.
    pub fn known_by(&self, evidence: Evidence) -> Vec<&'static str> {
        self.0.iter().filter(|(_, price)| price.evidence == evidence).map(|(meter, _)| meter.name()).collect()
    }
}

fn flat<T: for<'a> Deserialize<'a>>(text: &str) -> Result<Vec<(Meter, T)>, PriceError> {
    let file: File<T> = toml::from_str(text).map_err(|error| PriceError::Form(one_line(&error, text)))?;
    let named = file.into_iter().flat_map(|(service, prices)| {
        prices.into_iter().map(move |(what, price)| (format!("{service}.{what}"), price))
    });
    named.map(|(name, price)| Ok((meter(name)?, price))).collect()
}

fn meter(name: String) -> Result<Meter, PriceError> {
    let found = Meter::ALL.iter().find(|meter| meter.name() == name).copied();
    found.ok_or_else(|| {
        let known = Meter::ALL.iter().map(|meter| meter.name()).collect::<Vec<_>>().join(", ");
        PriceError::Unknown { name, known }
    })
}

fn checked(meter: Meter, price: Price) -> Result<Price, PriceError> {
    let figure = |what| Err(PriceError::Figure { name: meter.name().to_owned(), what });
    if !(price.usd.is_finite() && price.usd >= 0.0) {
        return figure("usd is not 0 or more");
    }
    if !(price.per.is_finite() && price.per > 0.0) {
        return figure("per is not more than 0");
    }
    if !(price.free.is_finite() && price.free >= 0.0) {
        return figure("free is not 0 or more");
    }
    Ok(price)
}

/// A TOML error without the source excerpt.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let message = error.message().replace('\n', " ");
    match error.span() {
        Some(span) => {
            format!("line {}: {message}", text[..span.start.min(text.len())].lines().count().max(1))
        }
        None => message,
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
