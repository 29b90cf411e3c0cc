//! Places and users, from wherever the arguments say.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use geo_index::edge::crowd::{Home, places_around};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::MAX_SEARCHES;
use super::args::EdgePlanArgs;
use crate::cli::CliError;
use crate::jobs::edge_plan::{Lines, Stream, read_log_positions, read_positions};
use crate::jobs::grouped;
use crate::jobs::import::{Input, InputError, ReadOptions, read_whole};
use crate::place::{Place, Properties};
use crate::store::Store;

/// Metropolitan areas that get generated restaurants.
const METROS: usize = 20;

/// Where users live, the most populous place first.
pub(super) type Homes = Vec<Home>;

/// The places to search for, from the store or a file.
pub(super) async fn places(args: &EdgePlanArgs) -> Result<Vec<Place>, CliError> {
    if let Some(path) = &args.what.places {
        return in_file(path);
    }
    let open = args.store.open().await?;
    let places = in_store(args, &*open.store).await;
    open.close().await;
    places
}

async fn in_store(args: &EdgePlanArgs, store: &dyn Store) -> Result<Vec<Place>, CliError> {
    let Some(name) = &args.what.collection else { return Ok(Vec::new()) };
    if store.collection(name).await?.is_none() {
        return Err(CliError::no_collection(name));
    }
    let (mut places, mut from) = (Vec::new(), None);
    loop {
        let part = store.scan(name, from).await?;
        places.extend(part.places);
        from = part.next;
        if from.is_none() {
            return Ok(places);
        }
    }
}

fn in_file(path: &Path) -> Result<Vec<Place>, CliError> {
    let (mut places, mut rejected) = (Vec::new(), 0_u64);
    let input = if path == Path::new("-") {
        Input::Stream(Box::new(io::stdin()))
    } else {
        Input::File(path.to_owned())
    };
    let read = read_whole(input, &ReadOptions::default(), |record| match record {
        Ok(place) => places.push(place),
        Err(_) => rejected += 1,
    });
    read.map_err(|error| match error {
        InputError::Io(error) => unreadable(path, &error),
        other => {
            CliError::failure(format!("{}: {other}", path.display())).hint("mend the file, or name another")
        }
    })?;
    if rejected > 0 {
        eprintln!("{}: {} records are no places", path.display(), grouped(rejected));
    }
    Ok(places)
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
        Some(Home { position: place.position, population })
    };
    let mut homes: Homes = in_file(path)?.iter().filter_map(home).collect();
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
        (Some(path), ..) => (path, lines(path, read_positions)?),
        (None, Some(path), Some(name)) => (path, lines(path, |reader| read_log_positions(reader, name))?),
        _ => return Ok(None),
    };
    if lines.bad > 0 {
        eprintln!("{}: {} lines hold no position", path.display(), grouped(lines.bad));
    }
    let count = lines.found.len() as u64;
    if count == 0 {
        return Err(CliError::failure(format!("{} holds no search", path.display()))
            .hint("--positions takes lines of `lat,lon`, --access-log searches of the collection"));
    }
    if count > MAX_SEARCHES {
        let (count, most) = (grouped(count), grouped(MAX_SEARCHES));
        return Err(CliError::failure(format!("{} holds {count} searches", path.display()))
            .hint(format!("give a part of it, of at most {most}")));
    }
    Ok(Some(Stream::of_lines(&lines, f64::from(args.rps))))
}

/// Reads a file, or standard input if it is `-`.
fn lines(path: &Path, read: impl FnOnce(Box<dyn BufRead>) -> io::Result<Lines>) -> Result<Lines, CliError> {
    let reader: io::Result<Box<dyn BufRead>> = if path == Path::new("-") {
        Ok(Box::new(io::stdin().lock()))
    } else {
        File::open(path).map(|file| Box::new(BufReader::new(file)) as Box<dyn BufRead>)
    };
    reader.and_then(read).map_err(|error| unreadable(path, &error))
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
