//! What a deployment costs: its usage times AWS's prices.
//!
//! | module | what it holds |
//! |---|---|
//! | `month` | the month that bills are for |
//! | `price` | prices: the built-in ones of `data/prices.toml`, and those of a file |
//! | `deployment` | what is deployed, how requests are answered, and what a request uses |
//! | `usage` | the usage of everything billed, per month |
//! | `report` | the bill, as tables and JSON |
//!
//! Invariant: a bill is a sum over meters of usage times price. Nothing is billed that is not in the usage, so every figure of a
//! report can be traced to it.

mod deployment;
mod month;
mod price;
mod report;
mod usage;

#[cfg(test)]
mod tests;

pub use deployment::{Architecture, Deployment, Profile};
pub use month::{HOURS_PER_MONTH, SECONDS_PER_MONTH};
pub use price::{Evidence, Meter, Price, PriceError, Prices};
pub use report::{ConfigurationCost, CostReport, MeterUse, MonthCost, ServiceCost, WarmerCost};
pub use usage::Usage;
