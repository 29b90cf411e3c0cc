//! What a deployment costs: its usage times AWS's prices.
//!
//! | module | what it holds |
//! |---|---|
//! | `price` | prices: the built-in ones of `data/prices.toml`, and those of a file |
//! | `deployment` | what is deployed, how requests are answered, and what a request uses |
//! | `usage` | the usage of everything billed, per month |
//! | `report` | the bill, as tables and JSON |
//!
//! Invariant: a bill is a sum over meters of usage times price. Nothing is billed that is not in the usage, so every figure of a
//! report can be traced to it.

mod deployment;
mod price;
mod report;
mod usage;

#[cfg(test)]
mod tests;

pub use deployment::{Architecture, Deployment, Profile};
pub use price::{Evidence, Meter, Price, PriceError, Prices};
pub use report::{ConfigurationCost, CostReport, MeterUse, MonthCost, ServiceCost, WarmerCost};
pub use usage::{HOURS_PER_MONTH, SECONDS_PER_MONTH, Usage};
