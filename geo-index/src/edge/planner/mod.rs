//! Which cell to ask for next: the protocol of a client, without HTTP.
//!
//! The first cell is the one that is likely to be certified and coarse, hence probably at the edge already: what
//! worked in the neighbourhood, else what the density map says, else a default. If it is not certified the answer
//! tells why: too dense, and a finer cell is asked for, or out of its horizon, and a coarser one is. After a
//! bounded number of tries, or as soon as no cell promises more, the exact endpoint is asked.
//!
//! Invariant: results are those of [`refine`], so they are exact whatever was guessed; a plan ends after at most
//! [`Planner::MAX_TRIES`] cells.

mod guess;
mod memory;

pub use memory::PlannerMemory;

use super::canonical::CellUrl;
use super::certificate::CellAnswer;
use super::ladder::{DEFAULT_PRECISION, PRECISIONS, SnapCell};
use super::refine::{Hit, Refined, refine};
use crate::cell::Grid;
use crate::key::Collection;
use crate::point::Position;
use crate::units::Meters;

/// What a user wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Collection of the places.
    pub collection: Collection,
    /// Only places of this category.
    pub category: Option<String>,
    /// Where the user is.
    pub position: Position,
    /// Places farther than this are left out.
    pub radius: Meters,
    /// At most this many places.
    pub limit: usize,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<'a, T> {
    /// Ask for the answer of this cell.
    Ask(SnapCell),
    /// These are the results.
    Done(Vec<Hit<'a, T>>),
    /// Ask the exact endpoint.
    AskExact,
}

/// The plan for one request.
///
/// ```
/// use geo_index::edge::{CellAnswer, Planner, PlannerMemory, Step, Wanted};
/// use geo_index::{Meters, Position};
///
/// let memory = PlannerMemory::default();
/// let wanted = Wanted {
///     collection: "wineries".parse()?,
///     category: None,
///     position: Position::new(48.8566, 2.3522)?,
///     radius: Meters::new(10_000.0).unwrap(),
///     limit: 20,
/// };
/// let (mut planner, cell) = Planner::new(wanted, None, &memory);
/// assert_eq!(planner.url(cell).to_string(), "/v1/collections/wineries/cells/gh:u09t/nearby");
/// // Nothing within 100 km of the cell's centre: certainly nothing within 10 km of the user.
/// let answer = CellAnswer::<()> { cell, certified_radius: cell.horizon(), places: vec![] };
/// assert_eq!(planner.answered(&answer), Step::Done(vec![]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Planner<'m> {
    wanted: Wanted,
    memory: &'m PlannerMemory,
    tried: Vec<SnapCell>,
}

impl<'m> Planner<'m> {
    /// Cells asked for, at most.
    pub const MAX_TRIES: usize = 3;

    /// A plan and the cell to ask for first. `hint` is what the collection's density map says of the position.
    pub fn new(wanted: Wanted, hint: Option<u8>, memory: &'m PlannerMemory) -> (Self, SnapCell) {
        let hint = memory.recall(&wanted).or(hint).filter(|hint| PRECISIONS.contains(hint));
        let cell = cell_at(wanted.position, hint.unwrap_or(DEFAULT_PRECISION));
        (Self { wanted, memory, tried: vec![cell] }, cell)
    }

    /// Takes the answer for the cell that was asked for last. One for another cell counts as a failure.
    pub fn answered<'a, T>(&mut self, answer: &'a CellAnswer<T>) -> Step<'a, T> {
        if self.tried.last() != Some(&answer.cell) {
            return self.failed();
        }
        let wanted = &self.wanted;
        let why = match refine(answer, wanted.position, wanted.radius, wanted.limit) {
            Refined::Exact(hits) => {
                self.memory.learn(wanted, guess::coarsest_as_good(answer, wanted, &hits));
                return Step::Done(hits);
            }
            Refined::NotCertified(why) => why,
        };
        let next = guess::after(answer, wanted, why).map(|precision| cell_at(wanted.position, precision));
        match next.filter(|cell| self.tried.len() < Self::MAX_TRIES && !self.tried.contains(cell)) {
            Some(cell) => {
                self.tried.push(cell);
                Step::Ask(cell)
            }
            None => Step::AskExact,
        }
    }

    /// Notes that the cell that was asked for last has no answer: whatever ails it, the exact endpoint is the one
    /// that does not depend on cells.
    pub fn failed<'a, T>(&mut self) -> Step<'a, T> {
        Step::AskExact
    }

    /// The URL of a cell's answer.
    pub fn url(&self, cell: SnapCell) -> CellUrl {
        let Wanted { collection, category, .. } = &self.wanted;
        CellUrl { collection: collection.clone(), cell, category: category.clone() }
    }

    /// Cells asked for so far.
    pub fn tries(&self) -> usize {
        self.tried.len()
    }

    /// What is wanted.
    pub const fn wanted(&self) -> &Wanted {
        &self.wanted
    }
}

/// The geohash cell of a position; the precision is on the ladder.
fn cell_at(position: Position, precision: u8) -> SnapCell {
    SnapCell::at(Grid::Geohash, position, precision).expect("the precision is on the ladder")
}
