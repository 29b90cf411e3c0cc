//! Usage of everything that is billed, per month.

use std::collections::BTreeMap;

use super::deployment::{Architecture, Deployment, Profile};
use super::month::{HOURS_PER_MONTH, SECONDS_PER_MONTH};
use super::price::{Meter, Prices};

/// Minimum billed size of a serverless cache, in GB (Valkey).
const CACHE_LEAST_GB: f64 = 0.1;

/// Requests for messages that are always on their way to a queue that invokes a function, and how long each waits, in seconds
/// (Lambda's guide, "Understanding polling and batching").
const POLLERS: f64 = 5.0;
const POLL_S: f64 = 20.0;

/// Memory of the worker in GB, and places that it writes a second: `MaxWriteUnits` of the templates, a unit for each.
const WORKER_GB: f64 = 1_769.0 / 1_024.0;
const PLACES_PER_S: f64 = 2_000.0;

/// Requests for a file beside those for messages: of the queue (told, hidden, removed; another when a second invocation goes on), and
/// writes of the bucket (the file, and some of its list).
const MESSAGES_PER_FILE: f64 = 6.0;
const PUTS_PER_FILE: f64 = 4.0;

/// Read units of a scan that may be behind: half of one for 4 KB.
const READ_UNITS_PER_MB: f64 = 128.0;

/// Bytes of a part of a scan.
const MB: f64 = 1_048_576.0;

/// Bytes of a billed gigabyte.
const GB: f64 = 1_073_741_824.0;

/// Amounts by meter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage(BTreeMap<Meter, f64>);

impl Usage {
    /// The usage of a month without requests.
    pub fn fixed(deployment: &Deployment, profile: &Profile) -> Self {
        let mut usage = Self::warmer(deployment);
        let regions = f64::from(deployment.regions);
        let per_hour = |every_s: f64| if every_s > 0.0 { 3_600.0 / every_s } else { 0.0 };
        if profile.l2_hit.is_some() {
            usage.add(Meter::CacheStorage, regions * CACHE_LEAST_GB * HOURS_PER_MONTH);
        }
        let health =
            regions * deployment.health_checkers * per_hour(deployment.health_every_s) * HOURS_PER_MONTH;
        usage.invocations(deployment, health, deployment.health_ms);
        usage.add(Meter::ApiRequests, health);
        usage.add(Meter::Logs, health * deployment.log_bytes(deployment.health_line_bytes) / GB);
        usage.add(Meter::HealthChecks, regions);
        usage.add(Meter::HealthCheckOptions, regions * deployment.health_options);
        usage.add(Meter::DnsZones, 1.0);
        usage.add(Meter::Alarms, deployment.alarms);
        usage.add(Meter::CustomMetrics, deployment.custom_metrics);
        usage.add(Meter::Dashboards, deployment.dashboards);
        usage.add(Meter::Secrets, deployment.secrets);
        usage
            .add(Meter::CanaryRuns, regions * per_hour(deployment.canary_every_min * 60.0) * HOURS_PER_MONTH);
        usage.table(deployment);
        usage.maps(deployment);
        usage.writes(deployment, profile);
        usage.imports(deployment);
        usage
    }

    /// The usage of the warmer, per month.
    pub fn warmer(deployment: &Deployment) -> Self {
        let mut usage = Self::default();
        if deployment.warm_every_min > 0.0 {
            let calls = f64::from(deployment.regions) * HOURS_PER_MONTH * 60.0 / deployment.warm_every_min;
            usage.invocations(deployment, calls, deployment.warm_ms);
            // It reads the table once: half a read unit.
            usage.add(Meter::TableReads, calls * 0.5);
        }
        usage
    }

    /// The usage of a number of requests.
    pub fn of_requests(deployment: &Deployment, profile: &Profile, requests: f64) -> Self {
        let mut usage = Self::default();
        let origin = requests * profile.origin_share();
        usage.add(Meter::ApiRequests, origin);
        usage.invocations(deployment, origin, profile.billed_ms());
        usage.add(Meter::TableReads, requests * profile.read_units_per_request());
        usage.add(Meter::Logs, origin * deployment.log_bytes(profile.line_bytes) / GB);
        usage.add(Meter::Traces, origin * profile.traced);
        usage.add(Meter::DnsQueries, requests * profile.dns_per_request);
        if profile.l2_hit.is_some() {
            // Pages are read, and those read from the table are stored.
            let kb = profile.cache_kb * (1.0 - profile.l1_hit + profile.table_share());
            usage.add(Meter::CacheEcpus, origin * kb);
        }
        let sent_gb = requests * profile.answer_bytes / GB;
        if profile.edge_hit.is_some() {
            usage.add(Meter::EdgeRequests, requests);
            usage.add(Meter::EdgeEgress, sent_gb);
            usage.add(Meter::EdgeFunctions, requests);
            usage.add(Meter::EdgeKeyValueReads, requests);
        } else {
            usage.add(Meter::Egress, sent_gb);
        }
        usage
    }

    /// The usage of a deployment in a month with a number of requests.
    pub fn month(deployment: &Deployment, profile: &Profile, requests: f64) -> Self {
        let mut usage = Self::fixed(deployment, profile);
        for (meter, amount) in Self::of_requests(deployment, profile, requests).0 {
            usage.add(meter, amount);
        }
        usage
    }

    /// The amount of a meter.
    pub fn of(&self, meter: Meter) -> f64 {
        self.0.get(&meter).copied().unwrap_or(0.0)
    }

    /// The meters and their amounts.
    pub fn amounts(&self) -> impl Iterator<Item = (Meter, f64)> + '_ {
        self.0.iter().map(|(meter, amount)| (*meter, *amount))
    }

    /// The bill, in dollars.
    pub fn cost_usd(&self, prices: &Prices, free_tier: bool) -> f64 {
        self.amounts().map(|(meter, amount)| prices.of(meter).cost_usd(amount, free_tier)).sum()
    }

    fn add(&mut self, meter: Meter, amount: f64) {
        if amount > 0.0 {
            *self.0.entry(meter).or_default() += amount;
        }
    }

    fn invocations(&mut self, deployment: &Deployment, count: f64, billed_ms: f64) {
        let time = match deployment.architecture {
            Architecture::Arm64 => Meter::LambdaArm64,
            Architecture::X86 => Meter::LambdaX86,
        };
        self.add(Meter::LambdaRequests, count);
        self.add(time, count * billed_ms / 1_000.0 * deployment.memory_mb / 1_024.0);
    }

    fn table(&mut self, deployment: &Deployment) {
        let regions = f64::from(deployment.regions);
        let table_gb = deployment.places * deployment.place_bytes / GB;
        // The indexes by cell and by category hold every place again.
        self.add(Meter::TableStorage, regions * (2.0 + deployment.categories_per_place) * table_gb);
        self.add(Meter::TableRecovery, regions * table_gb);
    }

    /// Density maps that are made anew, by reading the table.
    fn maps(&mut self, deployment: &Deployment) {
        let mb = deployment.places * deployment.place_bytes / MB;
        self.add(Meter::TableReads, deployment.maps * mb * READ_UNITS_PER_MB);
        self.invocations(deployment, deployment.maps, mb * deployment.map_ms_per_mb);
    }

    /// Files that are imported through the API: the queue is asked for messages whether there are any or not.
    fn imports(&mut self, deployment: &Deployment) {
        if deployment.imports <= 0.0 {
            return;
        }
        let (regions, files) = (f64::from(deployment.regions), deployment.imports);
        self.add(Meter::QueueRequests, regions * POLLERS * SECONDS_PER_MONTH / POLL_S);
        self.add(Meter::QueueRequests, files * MESSAGES_PER_FILE);
        self.add(Meter::BucketPuts, files * PUTS_PER_FILE);
        self.add(Meter::Alarms, regions);
        let worker = Deployment { memory_mb: WORKER_GB * 1_024.0, ..deployment.clone() };
        self.invocations(&worker, files, deployment.import_places / PLACES_PER_S * 1_000.0);
    }

    fn writes(&mut self, deployment: &Deployment, profile: &Profile) {
        let regions = f64::from(deployment.regions);
        let written = deployment.writes + deployment.imports * deployment.import_places;
        let units = written * (deployment.place_bytes / 1_024.0).ceil();
        let of_table = if deployment.regions > 1 { Meter::TableReplicatedWrites } else { Meter::TableWrites };
        self.add(of_table, units * regions);
        // The indexes of every replica, at the plain price.
        self.add(Meter::TableWrites, units * regions * (1.0 + deployment.categories_per_place));
        self.add(Meter::BetweenRegions, written * deployment.place_bytes / GB * (regions - 1.0));
        if profile.edge_hit.is_some() {
            let tags = written * deployment.tags_per_write;
            self.add(Meter::EdgeInvalidations, tags.min(deployment.paths_budget));
        }
    }
}
