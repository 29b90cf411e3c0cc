//! Reading an input as an import does, without storing it.

use std::sync::Arc;

use cellar_input::{Input, InputError, Plan, ReadOptions, Record, Records, Reject};
use cellar_model::place::Place;

use super::chunk::Ledger;

/// Hands on each record as an import would store it: a place, or why it is none. Ids that are made are numbered where records
/// are equal.
pub fn read_numbered(
    input: Input,
    options: &ReadOptions,
    mut each: impl FnMut(Result<Place, Reject>),
) -> Result<(), InputError> {
    let mut records = open(input, options)?;
    let mut ledger = Ledger::new(options.on_repeat, options.only.clone());
    while let Some(record) = records.next_record()? {
        match record {
            Ok(Record::Place(mut found)) => {
                if options.generate_ids {
                    ledger.note(&mut found)?;
                }
                each(Ok(found.place));
            }
            Ok(Record::Collection(_) | Record::Skipped) => {}
            Err(reject) => each(Err(*reject)),
        }
    }
    Ok(())
}

/// How an input would be read, and its first records.
pub struct Preview {
    /// How each file that was begun is read.
    pub plans: Vec<(String, Plan)>,
    /// The first places.
    pub places: Vec<Place>,
    /// What was rejected among them.
    pub rejects: Vec<Reject>,
}

/// Reads the first places of an input, so many at most, and as many rejected records.
pub fn preview(input: Input, options: &ReadOptions, most: usize) -> Result<Preview, InputError> {
    let mut records = open(input, options)?;
    let mut preview = Preview { plans: Vec::new(), places: Vec::new(), rejects: Vec::new() };
    while preview.places.len() < most && preview.rejects.len() < most {
        match records.next_record()? {
            Some(Ok(Record::Place(found))) => preview.places.push(found.place),
            Some(Ok(Record::Collection(_) | Record::Skipped)) => {}
            Some(Err(reject)) => preview.rejects.push(*reject),
            None => break,
        }
    }
    preview.plans = records.untold_plans();
    Ok(preview)
}

fn open(input: Input, options: &ReadOptions) -> Result<Records, InputError> {
    Records::open(input.sources(), super::with_items(options.clone()), Arc::default(), None)
        .map_err(|(error, _)| error)
}
