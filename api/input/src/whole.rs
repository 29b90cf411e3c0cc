//! Reading a whole input.

use std::sync::Arc;

use cellar_model::place::Place;

use super::frame::InputError;
use super::options::ReadOptions;
use super::records::{Record, Records};
use super::reject::Reject;
use super::source::Input;

/// Hands on each record: a place, or why it is none.
///
/// # Errors
///
/// The input cannot be read on, or an option makes no sense for it.
pub fn read_whole(
    input: Input,
    options: &ReadOptions,
    mut each: impl FnMut(Result<Place, Reject>),
) -> Result<(), InputError> {
    let mut records =
        Records::open(input.sources(), options.clone(), Arc::default(), None).map_err(|(error, _)| error)?;
    while let Some(record) = records.next_record()? {
        match record {
            Ok(Record::Place(found)) => each(Ok(found.place)),
            Ok(Record::Collection(_) | Record::Skipped) => {}
            Err(reject) => each(Err(*reject)),
        }
    }
    Ok(())
}
