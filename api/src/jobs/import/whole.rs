//! Reading a whole input without storing it.

use std::sync::Arc;

use super::ReadOptions;
use super::frame::InputError;
use super::records::{Records, Reject};
use super::source::Input;
use crate::place::Place;

/// Reads an input as an import would and hands on each record: a place, or why it is none.
pub fn read_whole(
    mut input: Input,
    options: &ReadOptions,
    mut each: impl FnMut(Result<Place, Reject>),
) -> Result<(), InputError> {
    let name = input.name();
    let mut records = Records::open(input.open(&Arc::default())?, &name, options)?;
    while let Some(record) = records.next()? {
        each(record);
    }
    Ok(())
}
