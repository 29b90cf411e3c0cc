//! A bill, as tables and as JSON.

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::deployment::{Deployment, Profile};
use super::month::SECONDS_PER_MONTH;
use super::price::{Evidence, Meter, Prices};
use super::usage::Usage;

/// Numbers of requests for the monthly figures of the default deployment.
const MONTHS: [f64; 3] = [0.0, 1e6, 1e8];

/// What a deployment costs. All amounts are US dollars.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CostReport {
    /// What is deployed.
    pub deployment: Deployment,
    /// Requests per second, for the monthly figures of configurations.
    pub rps: f64,
    /// By configuration.
    pub configurations: Vec<ConfigurationCost>,
    /// Months of the last configuration: idle, and at 1 and 100 million requests.
    pub months: Vec<MonthCost>,
    /// The warmer by itself.
    pub warmer: WarmerCost,
    /// Prices that come from third parties, not from AWS's pages.
    pub third_party: Vec<&'static str>,
    /// Prices without a source.
    pub from_memory: Vec<&'static str>,
}

/// What one configuration costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConfigurationCost {
    /// How requests are answered.
    pub profile: Profile,
    /// Share of requests that reach a region.
    pub origin_share: f64,
    /// Read units of a request.
    pub read_units_per_request: f64,
    /// Billed time of an invocation, in ms.
    pub billed_ms: f64,
    /// A million requests, without fixed costs and free amounts.
    pub million_usd: f64,
    /// A month at the rate.
    pub month: MonthCost,
}

/// What a month costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MonthCost {
    /// Requests of the month.
    pub requests: f64,
    /// Without free amounts.
    pub usd: f64,
    /// With the free amounts that every account has permanently.
    pub free_tier_usd: f64,
    /// By service.
    pub services: Vec<ServiceCost>,
    /// Usage by meter.
    pub usage: Vec<MeterUse>,
}

/// What a service costs in a month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceCost {
    /// Its name.
    pub service: &'static str,
    /// Without free amounts.
    pub usd: f64,
    /// With them.
    pub free_tier_usd: f64,
}

/// How much of something is used in a month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeterUse {
    /// Its name in price files.
    pub meter: &'static str,
    /// How much, in the unit of its price.
    pub amount: f64,
    /// What that costs without free amounts.
    pub usd: f64,
}

/// What the warmer costs in a month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WarmerCost {
    /// Its calls.
    pub calls: f64,
    /// Without free amounts.
    pub usd: f64,
    /// With free amounts, if nothing else runs.
    pub free_tier_usd: f64,
}

impl CostReport {
    /// The bills of a deployment at a rate, in these configurations, of which the last is the default.
    pub fn new(deployment: &Deployment, profiles: &[Profile], rps: f64, prices: &Prices) -> Self {
        let configurations =
            profiles.iter().map(|profile| ConfigurationCost::new(deployment, profile, rps, prices)).collect();
        let months = profiles.last().map_or_else(Vec::new, |profile| {
            MONTHS.iter().map(|requests| MonthCost::new(deployment, profile, *requests, prices)).collect()
        });
        let warmer = Usage::warmer(deployment);
        let warmer = WarmerCost {
            calls: warmer.of(Meter::LambdaRequests),
            usd: warmer.cost_usd(prices, false),
            free_tier_usd: warmer.cost_usd(prices, true),
        };
        let deployment = deployment.clone();
        Self {
            deployment,
            rps,
            configurations,
            months,
            warmer,
            third_party: prices.known_by(Evidence::ThirdParty),
            from_memory: prices.known_by(Evidence::Memory),
        }
    }

    /// The report for people.
    pub fn text(&self) -> String {
        let warmer = &self.warmer;
        let mut parts = vec![
            format!("US dollars, {} regions. A month at {} requests/s:", self.deployment.regions, self.rps),
            self.configurations_table(),
            String::new(),
            format!(
                "A month of {}, without free amounts, and in brackets with those that every account has permanently:",
                self.configurations.last().map_or("", |last| last.profile.name.as_str())
            ),
            self.months_table(),
            String::new(),
            format!(
                "The warmer: {:.0} calls a month, {}; {} with free amounts.",
                warmer.calls,
                dollars(warmer.usd),
                dollars(warmer.free_tier_usd)
            ),
        ];
        for (how, names) in [("third parties", &self.third_party), ("memory", &self.from_memory)] {
            if !names.is_empty() {
                parts.push(format!("Prices from {how}, to be checked: {}.", names.join(", ")));
            }
        }
        parts.join("\n")
    }

    fn configurations_table(&self) -> String {
        let mut table =
            table(&["", "edge hits", "read units", "billed ms", "per million", "a month", "free tier"]);
        for row in &self.configurations {
            let edge = row.profile.edge_hit.map_or_else(|| "–".to_owned(), |hit| format!("{hit:.3}"));
            table.add_row([
                row.profile.name.clone(),
                edge,
                format!("{:.3}", row.read_units_per_request),
                format!("{:.1}", row.billed_ms),
                dollars(row.million_usd),
                dollars(row.month.usd),
                dollars(row.month.free_tier_usd),
            ]);
        }
        aligned(table)
    }

    fn months_table(&self) -> String {
        let mut names = vec![String::new()];
        names.extend(self.months.iter().map(|month| match month.requests {
            0.0 => "idle".to_owned(),
            requests => format!("{} M requests", requests / 1e6),
        }));
        let mut table = table(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for service in services() {
            let costs: Vec<&ServiceCost> = self.months.iter().filter_map(|month| month.of(service)).collect();
            if costs.iter().any(|cost| cost.usd > 0.0) {
                let cells = costs.iter().map(|cost| both(cost.usd, cost.free_tier_usd));
                table.add_row(std::iter::once(service.to_owned()).chain(cells));
            }
        }
        let sums = self.months.iter().map(|month| both(month.usd, month.free_tier_usd));
        table.add_row(std::iter::once("sum".to_owned()).chain(sums));
        aligned(table)
    }
}

impl ConfigurationCost {
    fn new(deployment: &Deployment, profile: &Profile, rps: f64, prices: &Prices) -> Self {
        Self {
            origin_share: profile.origin_share(),
            read_units_per_request: profile.read_units_per_request(),
            billed_ms: profile.billed_ms(),
            million_usd: Usage::of_requests(deployment, profile, 1e6).cost_usd(prices, false),
            month: MonthCost::new(deployment, profile, rps * SECONDS_PER_MONTH, prices),
            profile: profile.clone(),
        }
    }
}

impl MonthCost {
    /// The bill of a month with a number of requests.
    pub fn new(deployment: &Deployment, profile: &Profile, requests: f64, prices: &Prices) -> Self {
        let usage = Usage::month(deployment, profile, requests);
        let cost = |meter: Meter, free_tier| prices.of(meter).cost_usd(usage.of(meter), free_tier);
        let sum = |service: &str, free_tier| {
            let meters = Meter::ALL.iter().filter(|meter| meter.service() == service);
            meters.map(|meter| cost(*meter, free_tier)).sum()
        };
        let by_service = services().into_iter().map(|service| ServiceCost {
            service,
            usd: sum(service, false),
            free_tier_usd: sum(service, true),
        });
        let by_meter = usage.amounts().map(|(meter, amount)| MeterUse {
            meter: meter.name(),
            amount,
            usd: cost(meter, false),
        });
        Self {
            requests,
            usd: usage.cost_usd(prices, false),
            free_tier_usd: usage.cost_usd(prices, true),
            services: by_service.collect(),
            usage: by_meter.collect(),
        }
    }

    fn of(&self, service: &str) -> Option<&ServiceCost> {
        self.services.iter().find(|cost| cost.service == service)
    }
}

/// All services, in the order of their meters.
fn services() -> Vec<&'static str> {
    let mut services: Vec<&str> = Meter::ALL.iter().map(|meter| meter.service()).collect();
    services.dedup();
    services
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

fn aligned(mut table: Table) -> String {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

/// Dollars and cents, with two more digits below ten cents.
fn dollars(usd: f64) -> String {
    if usd > 0.0 && usd < 0.1 { format!("${usd:.4}") } else { format!("${usd:.2}") }
}

fn both(usd: f64, free_tier_usd: f64) -> String {
    format!("{} ({})", dollars(usd), dollars(free_tier_usd))
}
