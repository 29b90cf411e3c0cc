//! From arguments to a plan of the measurement.

use std::net::SocketAddr;
use std::time::Duration;

use super::{ColdStartArgs, ColdStartError};
use crate::coldstart::arrivals::{Arrivals, Warmer};
use crate::coldstart::load::Load;
use crate::coldstart::plan::SimulationPlan;
use crate::coldstart::starts::Starts;
use crate::coldstart::tls::TlsFront;
use crate::coldstart::{Contender, Plan};
use crate::lambda::Limits;

pub(super) fn of(args: &ColdStartArgs, front: Option<&TlsFront>) -> Result<Plan, ColdStartError> {
    let event = crate::lambda::get_event(&args.get).ok_or_else(|| ColdStartError::Path(args.get.clone()))?;
    let limits = Limits { hold_cpu: args.hold_cpu, idle: first(&args.idle), ..Limits::default() };
    Ok(Plan {
        contenders: args
            .functions
            .iter()
            .map(|text| contender(args, text, front))
            .collect::<Result<_, _>>()?,
        starts: Starts {
            rounds: args.rounds as usize,
            warm: args.warm as usize,
            before_memory: args.before_memory as usize,
            event,
            // One environment at a time is never idle for long.
            limits: Limits { idle: Limits::default().idle, ..limits.clone() },
        },
        burst: args.at_once as usize,
        loads: loads(args, &limits),
        simulations: simulations(args),
    })
}

fn contender(
    args: &ColdStartArgs,
    text: &str,
    front: Option<&TlsFront>,
) -> Result<Contender, ColdStartError> {
    let mut contender: Contender = filled(text, args.store, front)?.parse()?;
    contender.function.memory_mib = first(&args.memory);
    contender.function.log.clone_from(&args.log);
    Ok(contender)
}

/// Substitutes {store}, {tls} and {ca}.
fn filled(text: &str, store: Option<SocketAddr>, front: Option<&TlsFront>) -> Result<String, ColdStartError> {
    let values = [
        ("{store}", store.map(|store| format!("http://{store}"))),
        ("{tls}", front.map(TlsFront::url)),
        ("{ca}", front.map(|front| front.ca().display().to_string())),
    ];
    let mut text = text.to_owned();
    for (name, value) in values {
        if text.contains(name) {
            text = text.replace(name, &value.ok_or(ColdStartError::NoStore(name))?);
        }
    }
    Ok(text)
}

/// One thing is varied at a time: the first value of each list is the base.
fn loads(args: &ColdStartArgs, limits: &Limits) -> Vec<Load> {
    let Some(&rate) = args.rate.first() else { return Vec::new() };
    let arrivals = Arrivals {
        rate,
        burst: first(&args.burst) as usize,
        duration: args.duration,
        warmer: warmer(first(&args.warmer), limits.idle),
        seed: args.seed,
    };
    let limits = Limits { provisioned: first(&args.provisioned) as usize, ..limits.clone() };
    let base = Load { arrivals, memory_mib: first(&args.memory), limits };
    let with = |change: &dyn Fn(&mut Load)| {
        let mut load = base.clone();
        change(&mut load);
        load
    };
    let mut loads = vec![base.clone()];
    loads.extend(args.rate.iter().skip(1).map(|rate| with(&|load| load.arrivals.rate = *rate)));
    loads.extend(args.idle.iter().skip(1).map(|idle| {
        with(&|load| {
            load.limits.idle = *idle;
            load.arrivals.warmer = warmer(first(&args.warmer), *idle);
        })
    }));
    loads.extend(args.burst.iter().skip(1).map(|burst| with(&|load| load.arrivals.burst = *burst as usize)));
    loads.extend(args.memory.iter().skip(1).map(|memory| with(&|load| load.memory_mib = *memory)));
    loads.extend(
        args.warmer
            .iter()
            .skip(1)
            .map(|width| with(&|load| load.arrivals.warmer = warmer(*width, load.limits.idle))),
    );
    loads.extend(
        args.provisioned.iter().skip(1).map(|count| with(&|load| load.limits.provisioned = *count as usize)),
    );
    loads
}

fn warmer(width: u32, idle: Duration) -> Option<Warmer> {
    (width > 0).then(|| Warmer { every: (idle / 2).max(Duration::from_millis(1)), width: width as usize })
}

fn simulations(args: &ColdStartArgs) -> Vec<SimulationPlan> {
    let arrivals =
        |rate| Arrivals { rate, burst: 1, duration: args.simulate_for, warmer: None, seed: args.seed };
    let of_idle = |idle| args.simulate.iter().map(move |rate| (*rate, idle));
    let pairs = args.simulate_idle.iter().flat_map(|idle| of_idle(*idle));
    pairs.map(|(rate, idle)| SimulationPlan { arrivals: arrivals(rate), idle }).collect()
}

/// Lists have defaults, so that none is empty.
fn first<T: Copy + Default>(list: &[T]) -> T {
    list.first().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: ColdStartArgs,
    }

    fn args(more: &[&str]) -> ColdStartArgs {
        let all = ["loadtest", "--function", "shell=/bin/sh"].iter().chain(more);
        Cli::try_parse_from(all).unwrap_or_else(|error| panic!("{error}")).args
    }

    fn problem(more: &[&str]) -> String {
        of(&args(more), None).unwrap_err().to_string()
    }

    #[test]
    fn one_thing_is_varied_at_a_time() {
        let args = args(&["--rate", "10,100", "--idle", "1s,2s", "--warmer", "0,3", "--memory", "512,1769"]);
        let loads = of(&args, None).unwrap().loads;
        let told: Vec<_> = loads
            .iter()
            .map(|load| {
                let pings = load.arrivals.warmer.map_or(0, |warmer| warmer.width);
                (load.arrivals.rate as u32, load.limits.idle.as_secs(), load.memory_mib, pings)
            })
            .collect();
        assert_eq!(
            told,
            [(10, 1, 512, 0), (100, 1, 512, 0), (10, 2, 512, 0), (10, 1, 1_769, 0), (10, 1, 512, 3)]
        );
        assert_eq!(loads[4].arrivals.warmer.unwrap().every, Duration::from_millis(500));
    }

    #[test]
    fn bad_input_says_what_to_mend() {
        assert_eq!(
            problem(&["--function", "x=/bin/sh,URL={tls}"]),
            "{tls} needs a store; add --store HOST:PORT"
        );
        assert!(problem(&["--get", "no path"]).starts_with("--get \"no path\" is not a path"));
        let parse = |more: &[&str]| {
            Cli::try_parse_from(["loadtest", "--function", "a=/bin/sh"].iter().chain(more)).err()
        };
        for bad in
            [["--rate", "0"], ["--rate", "NaN"], ["--duration", "0s"], ["--memory", "64"], ["--idle", "soon"]]
        {
            assert!(parse(&bad).is_some(), "{bad:?}");
        }
    }
}
