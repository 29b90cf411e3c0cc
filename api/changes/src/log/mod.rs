//! The stream as what became of places, for whoever keeps a copy of a collection or watches a part of it.
//!
//! [`ChangeLog`] reads on from a [`Token`] in bounded parts. [`Hub`] reads the end of the stream once for all who watch it
//! in this process; a [`Follower`] is one of them, which reads by itself what it has missed.
//!
//! | module | what it holds |
//! |---|---|
//! | `sequence` | numbers of records |
//! | `token` | how far somebody has read, as an opaque text |
//! | `source` | records with the places of their images |
//! | `shards` | which shards there are, and which may be read; pure |
//! | `reader` | reading on from a token |
//! | `hub` | one reader for all who watch |
//! | `follower` | one who watches, from a token on |
//! | `watch` | what a change is to a part of the sphere: it enters, moves, leaves; pure |
//!
//! Invariant: whoever reads on from a token, or watches, is told of every change after it, those of one place in their
//! order, or that some of them are lost. A change may be told twice; then those after it are told again as well.

mod follower;
mod hub;
mod reader;
mod sequence;
mod shards;
mod source;
mod token;
mod watch;

pub use self::follower::{End, Follower};
pub use self::hub::{Hub, HubSettings};
pub use self::reader::{CALLS, ChangeLog, LogError, Part};
pub use self::sequence::{NotASequence, Sequence};
pub use self::source::{Entry, ImageStream, Images, Listing, Record};
pub use self::token::{
    MAX_BYTES as MAX_TOKEN_BYTES, MAX_SHARDS, MalformedToken, Position, Positions, ShardKey, Token,
    TooManyShards,
};
pub use self::watch::{Seen, Shape, seen};
