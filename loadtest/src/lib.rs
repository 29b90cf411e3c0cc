//! Open-model load test of a nearby-search API.
//!
//! Not written yet. What will live here: schedules free of coordinated omission, users around real
//! metropolitan areas, hit ratios per cache tier, cold starts and dollars per million requests.
