//! Bills that can be worked out by hand.

#![expect(clippy::float_cmp, reason = "what was put in comes out, or is exact")]

use super::*;

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1.0)
}

/// One region with a function and nothing else that costs anything.
fn bare() -> Deployment {
    Deployment {
        regions: 1,
        warm_every_min: 0.0,
        health_checkers: 0.0,
        alarms: 0.0,
        custom_metrics: 0.0,
        api_line_bytes: 0.0,
        dashboards: 0.0,
        canary_every_min: 0.0,
        secrets: 0.0,
        places: 0.0,
        writes: 0.0,
        categories_per_place: 0.0,
        maps: 0.0,
        ..Deployment::default()
    }
}

#[test]
fn every_price_has_a_source_and_a_day() {
    let prices = Prices::built_in();
    for meter in Meter::ALL {
        let price = prices.of(*meter);
        assert!(price.source.starts_with("https://"), "{meter}");
        assert!(price.source.contains("aws.amazon.com"), "{meter}");
        let day = time::Date::parse(&price.read, time::macros::format_description!("[year]-[month]-[day]"));
        assert!(day.is_ok(), "{meter}");
        assert!(price.usd > 0.0 && !price.unit.is_empty(), "{meter}");
        assert_eq!(meter.name().matches('.').count(), 1, "{meter}");
        assert_eq!(price.seen.is_some(), price.evidence == Evidence::ThirdParty, "{meter}");
        assert_ne!(price.evidence, Evidence::Given, "{meter}");
    }
}

#[test]
fn a_file_replaces_what_it_names() {
    let prices = Prices::built_in();
    let changed = prices
        .changed_by("[lambda.requests]\nusd = 0.4\n[dynamodb]\nreads = { usd = 1, per = 10 }\n")
        .unwrap();
    let requests = changed.of(Meter::LambdaRequests);
    assert_eq!((requests.usd, requests.per, requests.free), (0.4, 1e6, 1e6));
    assert_eq!(changed.known_by(Evidence::Given), ["lambda.requests", "dynamodb.reads"]);
    assert_eq!(changed.of(Meter::TableReads).cost_usd(20.0, false), 2.0);
    assert_eq!(changed.of(Meter::TableWrites), prices.of(Meter::TableWrites));
}

#[test]
fn a_file_that_makes_no_sense_is_told_in_one_line() {
    for (text, expected) in [
        ("[lambda.request]\nusd = 1", "there is no price `lambda.request`; the prices are lambda.requests"),
        ("[lambda.requests]\nusd = -1", "`lambda.requests`: usd is not 0 or more"),
        ("[lambda.requests]\nusd = 1\nper = 0", "`lambda.requests`: per is not more than 0"),
        ("[lambda.requests]\nusd = nan", "`lambda.requests`: usd is not 0 or more"),
        ("[lambda.requests]\nper = 1", "missing field `usd`"),
        ("[lambda.requests]\nusd = 1\neuro = 2", "unknown field `euro`"),
        ("[lambda.requests\n", "line 1: "),
        ("lambda = 1", "line 1: "),
    ] {
        let error = Prices::built_in().changed_by(text).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{text}: {error}");
    }
}

#[test]
fn a_month_of_a_bare_function_is_the_sum_of_its_lines() {
    let (deployment, prices) = (bare(), Prices::built_in());
    let profile = Profile {
        search_ms: 9.5,
        table_ms: 0.0,
        cold_share: 0.0,
        line_bytes: 0.0,
        traced: 0.0,
        dns_per_request: 0.0,
        answer_bytes: 1_073.741_824,
        ..Profile::uncached("bare")
    };
    // 10 M requests of 10 ms at 1 GB: 100,000 GB-s; 28.4 M read units; 10 GB; a zone and a health check with three options.
    let expected =
        10.0 * 0.20 + 100_000.0 * 0.000_013_333_4 + 28.4 * 0.125 + 10.0 * 1.00 + 10.0 * 0.09 + 0.5 + 3.5;
    let month = MonthCost::new(&deployment, &profile, 1e7, &prices);
    assert!(close(month.usd, expected), "{} {expected}", month.usd);
    // Free: a million requests, all GB-s, all egress, the health check.
    let free = 0.20 + 100_000.0 * 0.000_013_333_4 + 0.9 + 0.5;
    assert!(close(month.usd - month.free_tier_usd, free), "{month:?}");
    let by_service: f64 = month.services.iter().map(|service| service.usd).sum();
    let by_meter: f64 = month.usage.iter().map(|meter| meter.usd).sum();
    assert!(close(by_service, expected) && close(by_meter, expected), "{month:?}");
}

#[test]
fn the_warmer_calls_every_region() {
    let deployment = Deployment { regions: 3, warm_every_min: 10.0, warm_ms: 100.0, ..bare() };
    let usage = Usage::warmer(&deployment);
    assert!(close(usage.of(Meter::LambdaRequests), 3.0 * 730.0 * 6.0));
    assert!(close(usage.of(Meter::LambdaArm64), 3.0 * 730.0 * 6.0 * 0.1));
    assert_eq!(Usage::warmer(&bare()), Usage::default());
}

#[test]
fn every_tier_saves_what_the_one_before_it_had_to_do() {
    let profiles = Profile::all();
    let reads: Vec<f64> = profiles.iter().map(Profile::read_units_per_request).collect();
    assert!(reads.windows(2).all(|pair| pair[1] < pair[0]), "{reads:?}");
    assert!(close(reads[0], 2.84) && close(reads[1], 0.71), "{reads:?}");
    let origin: Vec<f64> = profiles.iter().map(Profile::origin_share).collect();
    assert!(origin[..3].iter().all(|share| *share == 1.0) && close(origin[3], 0.051), "{origin:?}");
    let edge = Usage::of_requests(&bare(), &profiles[3], 1e6);
    assert!(close(edge.of(Meter::EdgeRequests), 1e6) && edge.of(Meter::Egress) == 0.0, "{edge:?}");
    assert!(close(edge.of(Meter::ApiRequests), 51_000.0), "{edge:?}");
    assert_eq!(Usage::of_requests(&bare(), &profiles[1], 1e6).of(Meter::CacheEcpus), 0.0);
}

#[test]
fn writes_are_billed_in_every_region_and_invalidations_within_their_budget() {
    let edge = &Profile::all()[3];
    let deployment = Deployment { writes: 5_000.0, place_bytes: 1_500.0, regions: 2, ..bare() };
    let usage = Usage::fixed(&deployment, edge);
    assert!(close(usage.of(Meter::TableReplicatedWrites), 5_000.0 * 2.0 * 2.0));
    assert!(close(usage.of(Meter::TableWrites), 5_000.0 * 2.0 * 2.0));
    let keyed = Usage::fixed(&Deployment { categories_per_place: 2.0, ..deployment.clone() }, edge);
    assert!(close(keyed.of(Meter::TableWrites), 5_000.0 * 2.0 * 2.0 * 3.0));
    assert!(close(usage.of(Meter::EdgeInvalidations), 1_000.0));
    let alone = Usage::fixed(&Deployment { regions: 1, ..deployment }, &Profile::all()[0]);
    assert!(close(alone.of(Meter::TableWrites), 5_000.0 * 2.0 * 2.0));
    assert_eq!((alone.of(Meter::TableReplicatedWrites), alone.of(Meter::EdgeInvalidations)), (0.0, 0.0));
}

/// A line of a report as a row of a table: its cells, of figures those that a page has.
fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn the_page_has_what_the_command_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/COSTS.md");
    let page = std::fs::read_to_string(path).unwrap();
    let report = CostReport::new(&Deployment::default(), &Profile::all(), 300.0, &Prices::built_in()).text();
    let whole = |usd: &str| {
        let dollars = usd.trim_start_matches('$').parse::<f64>().unwrap().round();
        if dollars < 1e3 {
            format!("${dollars}")
        } else {
            format!("${},{:03}", (dollars / 1e3).floor(), dollars % 1e3)
        }
    };
    let services = [
        ("lambda", "Lambda"),
        ("dynamodb", "DynamoDB"),
        ("elasticache", "ElastiCache"),
        ("cloudfront", "CloudFront"),
        ("route53", "Route 53"),
        ("apigateway", "HTTP API"),
        ("cloudwatch", "CloudWatch"),
        ("secretsmanager", "Secrets Manager"),
        ("sum", "sum"),
    ];
    let mut rows = 0;
    for line in report.lines() {
        let cells = cells(line);
        let row = match cells[..] {
            [name, _, units, ms, million, month, free] if month.starts_with('$') => {
                format!("| {name} | {units} | {ms} | {million} | {} | {} |", whole(month), whole(free))
            }
            [name, idle, one, hundred] => {
                let Some((_, shown)) = services.iter().find(|(service, _)| *service == name) else {
                    continue;
                };
                format!("| {shown} | {idle} | {one} | {hundred} |")
            }
            _ => continue,
        };
        assert!(page.contains(&row), "{row}");
        rows += 1;
    }
    assert_eq!(rows, 4 + services.len(), "{report}");
}

/// 1 GiB in parts of 1 MB, ten times, whatever the number of regions.
#[test]
fn maps_cost_a_reading_of_the_table_each() {
    let places = 1_024.0 * 1_024.0;
    let deployment = Deployment { maps: 10.0, places, place_bytes: 1_024.0, map_ms_per_mb: 100.0, ..bare() };
    let (with, without) = (deployment.clone(), Deployment { maps: 0.0, ..deployment });
    let profile = Profile::uncached("");
    let of = |meter| Usage::fixed(&with, &profile).of(meter) - Usage::fixed(&without, &profile).of(meter);
    assert!(close(of(Meter::TableReads), 10.0 * 1_024.0 * 128.0));
    assert!(close(of(Meter::LambdaRequests), 10.0));
    assert!(close(of(Meter::LambdaArm64), 10.0 * 102.4 * with.memory_mb / 1_024.0));
}

#[test]
fn imports_cost_their_writes_and_a_queue_that_is_always_asked() {
    let profile = Profile::uncached("");
    let without = Usage::fixed(&bare(), &profile);
    assert_eq!((without.of(Meter::QueueRequests), without.of(Meter::BucketPuts)), (0.0, 0.0));
    let deployment = Deployment { regions: 1, imports: 10.0, import_places: 4_000.0, ..bare() };
    let usage = Usage::fixed(&deployment, &profile);
    assert!(close(usage.of(Meter::QueueRequests), 730.0 * 3_600.0 / 20.0 * 5.0 + 60.0));
    assert!(close(usage.of(Meter::BucketPuts), 40.0) && close(usage.of(Meter::LambdaRequests), 10.0));
    assert!(close(usage.of(Meter::LambdaArm64), 10.0 * 2.0 * 1_769.0 / 1_024.0));
    let written = Usage::fixed(&Deployment { regions: 1, writes: 40_000.0, ..bare() }, &profile);
    assert!(close(usage.of(Meter::TableWrites), written.of(Meter::TableWrites)));
}

#[test]
fn x86_costs_more() {
    let prices = Prices::built_in();
    let cost = |architecture| {
        let deployment = Deployment { architecture, ..bare() };
        Usage::of_requests(&deployment, &Profile::uncached(""), 1e6).cost_usd(&prices, false)
    };
    assert!(cost(Architecture::X86) > cost(Architecture::Arm64));
}

#[test]
fn the_report_says_what_it_rests_on() {
    let report = CostReport::new(&Deployment::default(), &Profile::all(), 300.0, &Prices::built_in());
    let text = report.text();
    for expected in [
        "L1+L2+edge",
        "idle",
        "100 M requests",
        "The warmer: 17520 calls",
        "Prices from memory, to be checked: ",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["months"][2]["requests"], 1e8);
    assert!(json["configurations"][0]["profile"]["edge_hit"].is_null());
}
