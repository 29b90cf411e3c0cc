//! Reading a whole input without storing it.

use std::sync::Arc;

use super::ReadOptions;
use super::frame::InputError;
use super::records::{Record, Records, Reject};
use super::source::Input;
use crate::place::Place;

/// Reads an input as an import would and hands on each record: a place, or why it is none.
pub fn read_whole(
    mut input: Input,
    options: &ReadOptions,
    mut each: impl FnMut(Result<Place, Reject>),
) -> Result<(), InputError> {
    let name = input.name();
    let parts = input.parts();
    let mut records = Records::open(input.open(&Arc::default())?, &name, parts, options)?;
    while let Some(record) = records.next()? {
        match record {
            Ok(Record::Place(_, place)) => each(Ok(place)),
            Ok(Record::Collection(_) | Record::Skipped) => {}
            Err(reject) => each(Err(reject)),
        }
    }
    Ok(())
}
