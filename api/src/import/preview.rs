//! `cellar import --preview`: what was recognised, and the first places.

use cellar_cli_kit::{CliError, code, say, visible};
use cellar_jobs::import::{InputError, Preview, Reject, preview};
use cellar_model::place::Place;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::{Value, json};

use super::args::ImportArgs;
use super::inputs;

/// Places that are shown.
const SHOWN: usize = 5;

/// Characters of the properties that are shown.
const SHOWN_CHARS: usize = 100;

pub(super) fn run(args: &ImportArgs) -> Result<u8, CliError> {
    let chosen = inputs::choose(args)?;
    let name = chosen.input.name();
    let found = preview(chosen.input, &args.read_options(), SHOWN).map_err(|error| match error {
        InputError::Usage(_) => CliError::usage(format!("{name}: {error}")),
        error => CliError::failure(format!("{name}: {error}")),
    })?;
    say(&if args.json { as_json(&found) } else { visible(&as_text(&found)) })?;
    Ok(if found.rejects.is_empty() { code::OK } else { code::REJECTED })
}

fn as_json(found: &Preview) -> String {
    let plans: Vec<Value> = found
        .plans
        .iter()
        .map(|(file, plan)| json!({ "file": file, "plan": plan, "text": plan.to_string() }))
        .collect();
    let feature = |place: &Place| serde_json::from_str::<Value>(&place.feature()).unwrap_or_default();
    let places: Vec<Value> = found.places.iter().map(feature).collect();
    json!({ "plans": plans, "places": places, "rejects": found.rejects }).to_string()
}

fn as_text(found: &Preview) -> String {
    let mut parts: Vec<String> = found.plans.iter().map(|(file, plan)| format!("{file}: {plan}")).collect();
    if !found.places.is_empty() {
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.set_header(["id", "latitude", "longitude", "name", "category", "properties"]);
        for place in &found.places {
            table.add_row(cells(place));
        }
        parts.push(format!("\n{}", table.trim_fmt()));
    }
    let rejected = |reject: &Reject| format!("line {} would be rejected: {}", reject.line, reject.reason);
    parts.extend(found.rejects.iter().map(rejected));
    parts.push("nothing was stored".into());
    parts.join("\n")
}

fn cells(place: &Place) -> [String; 6] {
    let properties: Value = serde_json::from_str(place.properties.as_json()).unwrap_or_default();
    let text = |name: &str| match properties.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let (lat, lon) = (place.position.lat().to_string(), place.position.lon().to_string());
    let all = place.properties.as_json();
    let mut shown: String = all.chars().take(SHOWN_CHARS).collect();
    if shown.len() < all.len() {
        shown.push('…');
    }
    [place.id.to_string(), lat, lon, text("name"), text("category"), shown]
}
