//! Reads files of places, whatever format they are in: a record is a place, or a reason why it is none.
//!
//! ```text
//! source → plan → window → frame → records
//! bytes,   how    look     one     places or
//! unpacked to read ahead   record  reasons
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `source`, `unpack`, `encoding` | bytes of files and streams, without their compression, as UTF-8 |
//! | `format`, `plan` | what an input was recognised as, and what it is refused for |
//! | `window`, `frame`, `xml` | one record after the other, each with its line |
//! | `parquet`, `pbf`, `feed` | what is no text, as lines |
//! | `table`, `objects`, `members`, `properties` | a row or an object becomes a place |
//! | `args`, `options` | how an input is to be read, on a command line and in code |
//! | `names`, `numbers`, `position` | which names mean what, which texts are numbers, where a place is |
//! | `items` | items of exports of DynamoDB, by who can read them |
//! | `records`, `reject`, `whole`, `positions` | all of it together |
//!
//! Invariants: a record is handed on as a place or as a [`Reject`] with its line and the reason, and memory does not grow with
//! the input. What an option says is never overruled, and an option that says nothing about the format is an error.
//!
//! ```
//! use cellar_input::{Input, ReadOptions, read_whole};
//!
//! let csv = "id;Breitengrad;Längengrad\n1;48,85;2,35\n2;north;2,35\n";
//! let (mut places, mut rejects) = (Vec::new(), Vec::new());
//! read_whole(Input::Stream(Box::new(csv.as_bytes())), &ReadOptions::default(), |record| match record {
//!     Ok(place) => places.push(place),
//!     Err(reject) => rejects.push(reject),
//! })?;
//! assert_eq!((places[0].position.lat(), rejects[0].line), (48.85, 3));
//! # Ok::<(), cellar_input::InputError>(())
//! ```

mod args;
mod encoding;
#[cfg(any(feature = "parquet", feature = "pbf"))]
mod feed;
mod format;
mod frame;
mod items;
mod members;
mod names;
mod numbers;
mod objects;
mod options;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "pbf")]
mod pbf;
mod plan;
mod position;
mod positions;
mod properties;
mod reading;
mod records;
mod reject;
mod source;
mod table;
mod unpack;
mod whole;
mod window;
mod xml;

pub use self::args::{PositionArgs, ReadArgs};
pub use self::format::Format;
pub use self::frame::InputError;
pub use self::items::{CollectionRecord, Entry, ItemError, ItemReader};
pub use self::options::{ColumnNames, Kind, OnRepeat, Preset, ReadOptions};
pub use self::plan::Plan;
pub use self::position::{Order, RepresentativePoint};
pub use self::positions::{FoundPosition, read_positions};
pub use self::reading::Reading;
pub use self::records::{Found, Mark, Record, Records};
pub use self::reject::Reject;
pub use self::source::{Input, ItemFile, Source};
pub use self::unpack::open_text;
pub use self::whole::read_whole;
