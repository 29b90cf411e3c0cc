//! Which cell to ask for next: the protocol of a client, without I/O.
//!
//! Invariant: results are those of [`refine`], so they are exact whatever was guessed; a plan ends after at most
//! [`Planner::MAX_TRIES`] cells.

mod guess;
mod memory;

pub use memory::PlannerMemory;

use std::hash::Hash;
use std::num::NonZeroUsize;

use super::certificate::CellAnswer;
use super::ladder::{CacheCell, DEFAULT_PRECISION, PRECISIONS};
use super::refine::{Hit, Refined, refine};
use crate::cell::Grid;
use crate::point::Position;
use crate::units::Meters;

/// What a user wants: the places nearest to a position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// The user's position.
    pub position: Position,
    /// Places farther than this are left out.
    pub radius: Meters,
    /// At most this many places.
    pub limit: NonZeroUsize,
}

/// What a [`Planner`] wants to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<'a, T> {
    /// Ask for the answer of this cell.
    Ask(CacheCell),
    /// Nothing: these are the results.
    Done(Vec<Hit<'a, T>>),
    /// Ask for an exact search from the user's own position: no cell promises more.
    AskExact,
}

/// The plan for one request: which cells' answers to ask for, without knowing how they are asked for.
///
/// The first cell is one that is likely to be certified and yet coarse, hence probably in the cache already: of the
/// precision that worked in the neighbourhood, else of the one that a density map notes, else of
/// [`DEFAULT_PRECISION`]. An answer that is not certified tells why. If its list was cut, a finer cell is asked for; if its
/// horizon is too near, a coarser one. After at most [`MAX_TRIES`](Self::MAX_TRIES) cells, or as soon as no cell promises
/// more, an exact search is asked for.
///
/// Results are those of [`refine`], so they are exact whatever was guessed.
///
/// ```
/// use std::num::NonZeroUsize;
/// use geo_index::edge::{CellAnswer, Planner, PlannerMemory, Step, Wanted};
/// use geo_index::{Meters, Position};
///
/// let memory = PlannerMemory::default();
/// let wanted = Wanted {
///     position: Position::new(48.8566, 2.3522)?,
///     radius: Meters::new(10_000.0).unwrap(),
///     limit: NonZeroUsize::new(20).unwrap(),
/// };
/// let (mut planner, cell) = Planner::new(wanted, &"wineries", None, &memory);
/// assert_eq!(cell.to_string(), "gh:u09t");
/// // Nothing within 100 km of the cell's centre: certainly nothing within 10 km of the user.
/// let answer = CellAnswer::<()> { cell, certified_radius: cell.horizon(), places: vec![] };
/// assert_eq!(planner.answered(&answer), Step::Done(vec![]));
/// # Ok::<(), geo_index::PositionError>(())
/// ```
#[derive(Debug)]
pub struct Planner<'m> {
    wanted: Wanted,
    memory: &'m PlannerMemory,
    /// What the memory knows such requests by.
    key: u64,
    tried: Vec<CacheCell>,
}

impl<'m> Planner<'m> {
    /// Most cells that one plan asks for.
    pub const MAX_TRIES: usize = 3;

    /// A plan and the cell to ask for first.
    ///
    /// `scope` names what is searched (see [`PlannerMemory`]); `hint` is the precision that a
    /// [`DensityMap`](super::DensityMap) of it notes for the position, if there is one.
    pub fn new(
        wanted: Wanted,
        scope: &impl Hash,
        hint: Option<u8>,
        memory: &'m PlannerMemory,
    ) -> (Self, CacheCell) {
        let key = memory::key(&wanted, scope);
        let hint = memory.recall_key(key).or(hint).filter(|hint| PRECISIONS.contains(hint));
        let cell = cell_at(wanted.position, hint.unwrap_or(DEFAULT_PRECISION));
        (Self { wanted, memory, key, tried: vec![cell] }, cell)
    }

    /// Takes the answer for the cell that was asked for last. One for another cell leads to [`Step::AskExact`]; if there is
    /// no answer at all, ask for an exact search likewise.
    pub fn answered<'a, T>(&mut self, answer: &'a CellAnswer<T>) -> Step<'a, T> {
        if self.tried.last() != Some(&answer.cell) {
            return Step::AskExact;
        }
        let wanted = &self.wanted;
        let why = match refine(answer, wanted.position, wanted.radius, wanted.limit) {
            Refined::Exact(hits) => {
                self.memory.learn(self.key, guess::coarsest_as_good(answer, wanted, &hits));
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

    /// How many cells were asked for so far.
    pub fn tries(&self) -> usize {
        self.tried.len()
    }
}

/// The geohash cell of a position; the precision is on the ladder.
fn cell_at(position: Position, precision: u8) -> CacheCell {
    CacheCell::at(Grid::Geohash, position, precision).expect("the precision is on the ladder")
}
