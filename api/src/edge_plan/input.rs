//! Places and users, from wherever the arguments say.

use std::io;
use std::path::Path;

use cellar_cli_kit::{CliError, terminal};
use cellar_input::open_text;
use cellar_jobs::edge_plan::{Stream, read_log_positions, read_positions};
use cellar_jobs::import::{Input, InputError, ReadOptions, read_whole};
use cellar_model::grouped;
use cellar_model::place::{Place, Properties};
use cellar_store::Store;
use geo_index::edge::synthetic::{PopulationCentre, places_around};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::MAX_SEARCHES;
use super::args::EdgePlanArgs;
use crate::explain::{OrExplain as _, no_collection};

/// Metropolitan areas that get generated restaurants.
const METROS: usize = 20;

/// Where users live, the most populous place first.
pub(super) type Homes = Vec<PopulationCentre>;

/// The places to search for, from the store or a file.
pub(super) async fn places(args: &EdgePlanArgs) -> Result<Vec<Place>, CliError> {
    if let Some(path) = &args.what.places {
        return in_file(path, args.places_options());
    }
    let open = args.store.open_existing().await?;
    let places = in_store(args, &*open.store).await;
    open.close().await;
    places
}

async fn in_store(args: &EdgePlanArgs, store: &dyn Store) -> Result<Vec<Place>, CliError> {
    let Some(name) = &args.what.collection else { return Ok(Vec::new()) };
    if store.collection(name).await.explained()?.is_none() {
        return Err(no_collection(name));
    }
    let (mut places, mut from) = (Vec::new(), None);
    loop {
        let part = store.scan(name, from).await.explained()?;
        places.extend(part.places);
        from = part.next;
        if from.is_none() {
            return Ok(places);
        }
    }
}

/// Ids say nothing here: places without one get one made.
fn in_file(path: &Path, options: ReadOptions) -> Result<Vec<Place>, CliError> {
    let options = ReadOptions { generate_ids: true, ..options };
    let (mut places, mut rejected, mut first) = (Vec::new(), 0_u64, None);
    let read = read_whole(input(path), &options, |record| match record {
        Ok(place) => places.push(place),
        Err(reject) => {
            rejected += 1;
            first.get_or_insert((reject.line, reject.reason));
        }
    });
    read.map_err(|error| unusable(path, error))?;
    if let Some((line, reason)) = first {
        let rejected = grouped(rejected);
        tell(&format!(
            "{}: {rejected} records are no places, the first in line {line}: {reason}",
            path.display()
        ));
    }
    Ok(places)
}

/// What a path means; `-` is standard input.
fn input(path: &Path) -> Input {
    if path == Path::new("-") { Input::Stream(Box::new(io::stdin())) } else { Input::File(path.to_owned()) }
}

fn unusable(path: &Path, error: InputError) -> CliError {
    match error {
        InputError::Io(error) => unreadable(path, &error),
        InputError::Usage(reason) => CliError::usage(format!("{}: {reason}", path.display())),
        other => {
            CliError::failure(format!("{}: {other}", path.display())).hint("mend the file, or name another")
        }
    }
}

/// What is said of a file may hold what is in it.
fn tell(text: &str) {
    terminal::note(text);
}

fn unreadable(path: &Path, error: &io::Error) -> CliError {
    CliError::failure(format!("cannot read {}: {error}", path.display()))
        .hint("name a file that can be read, or `-` for standard input")
}

/// Where users live, by a file.
pub(super) fn homes(path: &Path, country: Option<&str>) -> Result<Homes, CliError> {
    let home = |place: &Place| {
        let properties: Value = serde_json::from_str(place.properties.as_json()).ok()?;
        let here = country.is_none_or(|code| properties.get("country").and_then(Value::as_str) == Some(code));
        let population = number(properties.get("population")?).filter(|people| *people > 0.0 && here)?;
        Some(PopulationCentre { position: place.position, population })
    };
    let mut homes: Homes = in_file(path, ReadOptions::default())?.iter().filter_map(home).collect();
    if homes.is_empty() {
        let of = country.map(|code| format!(" of the country {code}")).unwrap_or_default();
        return Err(CliError::failure(format!("{} has no places{of} with a population", path.display()))
            .hint("it needs a column or property `population`, and `country` for --country"));
    }
    homes.sort_by(|a, b| b.population.total_cmp(&a.population));
    Ok(homes)
}

/// A number, also one that stands in a text.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// The stream that a file gives, if one is named.
pub(super) fn given(args: &EdgePlanArgs) -> Result<Option<Stream>, CliError> {
    let (path, lines) = match (&args.whose.positions, &args.whose.access_log, &args.what.collection) {
        (Some(path), ..) => (
            path,
            read_positions(input(path), &args.positions_options()).map_err(|error| unusable(path, error))?,
        ),
        (None, Some(path), Some(name)) => {
            let read = open_text(path).and_then(|reader| read_log_positions(reader, name));
            (path, read.map_err(|error| unreadable(path, &error))?)
        }
        _ => return Ok(None),
    };
    if let Some((number, reason)) = &lines.first_bad {
        let bad = grouped(lines.bad);
        tell(&format!(
            "{}: {bad} lines hold no position, the first is line {number}: {reason}",
            path.display()
        ));
    }
    let count = lines.found.len() as u64;
    if count == 0 {
        return Err(CliError::failure(format!("{} holds no search", path.display()))
            .hint("--positions takes files of places or lines of `lat,lon`, --access-log searches of the collection"));
    }
    if count > MAX_SEARCHES {
        let (count, most) = (grouped(count), grouped(MAX_SEARCHES));
        return Err(CliError::failure(format!("{} holds {count} searches", path.display()))
            .hint(format!("give a part of it, of at most {most}")));
    }
    Ok(Some(Stream::of_lines(&lines, f64::from(args.rps))))
}

/// Generated restaurants in the largest metropolitan areas.
pub(super) fn restaurants(homes: &Homes, each: u32, seed: u64) -> Vec<Place> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let centres: Vec<_> = homes.iter().take(METROS).map(|home| home.position).collect();
    let count = each as usize * centres.len();
    let positions = places_around(&centres, count, &mut || rng.random());
    let place = |(i, position): (usize, _)| Place {
        id: format!("restaurant-{i}").parse().expect("a valid id"),
        position,
        properties: properties(i, &mut rng),
    };
    positions.into_iter().enumerate().map(place).collect()
}

/// As much as a directory of restaurants says of one.
fn properties(i: usize, rng: &mut ChaCha8Rng) -> Properties {
    let mut pick = |from: &[&'static str]| from[rng.random_range(0..from.len())];
    let cuisine = pick(&["italian", "mexican", "thai", "indian", "burgers", "sushi", "vegan", "diner"]);
    let street = pick(&["Main St", "Oak Ave", "Park Blvd", "2nd St", "Lake Rd", "Market St", "Hill Dr"]);
    let (number, phone) = (rng.random_range(1..9_999_u32), rng.random_range(0..10_000_000_u32));
    let value = json!({
        "name": format!("The {cuisine} place no. {i}"),
        "category": "restaurant",
        "cuisine": cuisine,
        "address": format!("{number} {street}"),
        "phone": format!("+1 555 {phone:07}"),
    });
    value.as_object().map_or_else(Properties::empty, Properties::from_map)
}
