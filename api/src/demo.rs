//! `cellar demo`.

use std::net::SocketAddr;

use cellar_cli_kit::{CliError, code, progress, say};
use cellar_config::{ConfigError, Env, ProcessEnv};
use cellar_model::Collection;
use cellar_model::demo;
use cellar_store::{CollectionInfo, Embedded, Store};
use clap::Args;
use indicatif::ProgressStyle;

use super::listen::{Listen, Reach, to_open};
use super::serve::{Around, Config, stop_signal, until_stopped};
use super::store_args::OpenStore;
use crate::explain::OrExplain as _;

const EXAMPLES: &str = "\
Examples:
  cellar demo
  cellar demo --places 100000 --seed 7 --listen 127.0.0.1:9000

Everything is kept in memory and gone afterwards. A seed always gives the same places.

Exit codes: 0 stopped by a signal, 1 failed, 2 wrong usage.";

/// Serves demo data, to try things out
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", env = "CELLAR_LISTEN")]
    listen: Listen,

    /// Places to generate, 1 to 1000000
    #[arg(long, value_name = "COUNT", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    places: u32,

    /// Seed of the demo data
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

/// Name of the collection.
const COLLECTION: &str = "places";

/// Places written at a time.
const CHUNK: usize = 1_000;

/// Generates the demo data and serves it until a signal to stop.
pub async fn run(args: DemoArgs) -> Result<u8, CliError> {
    let listen = args.listen.resolve().await?;
    let config = Config::from_env(&ProcessEnv, &listen.reach(), true, None).explained()?;
    let (listener, address) = listen.bind().await?;
    let open = OpenStore::embedded(Embedded::memory().await.explained()?).await?;
    fill(&*open.store, args.places as usize, args.seed).await?;
    let stop = stop_signal()?;
    say(&commands(address))?;
    let served = until_stopped(listener, &open, config, Around::default(), stop).await;
    open.close().await;
    served.map(|()| code::OK)
}

/// What the environment is asked for.
pub(super) fn variables(env: &dyn Env) -> Result<(), ConfigError> {
    Config::from_env(env, &Reach::LOCAL, true, None).map(drop)
}

async fn fill(store: &dyn Store, count: usize, seed: u64) -> Result<(), CliError> {
    let name: Collection = COLLECTION.parse().map_err(|error| CliError::failure(format!("{error}")))?;
    let title = format!("{count} generated places");
    store.put_collection(&CollectionInfo { name: name.clone(), title: Some(title) }).await.explained()?;
    let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} places [{elapsed}]");
    let bar = progress::bar(count as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut places = demo::places(count, seed);
    loop {
        let chunk: Vec<_> = places.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            break;
        }
        store.put_many(&name, &chunk).await.explained()?;
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

/// The address, and commands to paste.
fn commands(address: SocketAddr) -> String {
    let open = to_open(address);
    let base = format!("http://{open}/v1/collections/{COLLECTION}");
    let place = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[2.35,48.853]},"properties":{"name":"Mine"}}"#;
    format!(
        "listening on http://{address}

The five places nearest to Notre-Dame de Paris:
  curl '{base}/nearby?lat=48.853&lon=2.35&limit=5'

Cafés within 20 km of Times Square, and the next page of them by the link `next`:
  curl '{base}/nearby?lat=40.758&lon=-73.9855&radius=20000&category=cafe'

Everything in a box in London:
  curl '{base}/items?bbox=-0.15,51.49,-0.09,51.53'

Add a place, find it, remove it:
  curl -X PUT '{base}/items/mine' -H 'content-type: application/geo+json' \\
    -d '{place}'
  curl '{base}/nearby?lat=48.853&lon=2.35&limit=1'
  curl -X DELETE '{base}/items/mine'

The API's description:
  curl 'http://{open}/openapi.json'

A map of it, in a browser:
  http://{open}/

Ctrl-C stops it."
    )
}
