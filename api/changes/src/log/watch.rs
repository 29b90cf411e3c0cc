//! What a change is to somebody who watches a part of the sphere.

use std::sync::Arc;

use cellar_model::place::Place;
use geo_index::{BBox, Meters, Position, Region, distance};

use super::source::Entry;

/// A part of the sphere.
#[derive(Clone, Debug)]
pub enum Shape {
    /// All of it.
    World,
    /// Within a distance of a position, as searches measure it; the border included.
    Circle(Position, Meters),
    /// A box, borders included.
    Box(BBox),
    /// A region, borders included.
    Region(Arc<Region>),
}

impl Shape {
    /// Whether it holds a position.
    pub fn contains(&self, position: Position) -> bool {
        match self {
            Self::World => true,
            Self::Circle(centre, radius) => distance(*centre, position) <= *radius,
            Self::Box(bbox) => bbox.contains(position),
            Self::Region(region) => region.contains(position),
        }
    }
}

/// What a place did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is inside, and was not: it is new, or was outside.
    Enter,
    /// It was inside, and is not: it is gone, or outside.
    Exit,
    /// It was and is inside, somewhere else.
    Move,
    /// It was and is inside at the same position, with other properties.
    Change,
}

impl Seen {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enter => "enter",
            Self::Exit => "exit",
            Self::Move => "move",
            Self::Change => "change",
        }
    }
}

/// What a change is within a shape; `None` if nothing happens there.
///
/// ```
/// use cellar_changes::log::{Entry, Seen, Shape, seen};
/// use cellar_model::place::{Place, Properties};
/// use geo_index::{BBox, Position};
///
/// let at = |lat| {
///     let position = Position::new(lat, 2.0).unwrap();
///     Some(Place { id: "w-1".parse().unwrap(), position, properties: Properties::empty() })
/// };
/// let change = |old, new| Entry {
///     collection: "wineries".parse().unwrap(),
///     id: "w-1".parse().unwrap(),
///     old,
///     new,
///     created_ms: None,
/// };
/// let france = Shape::Box(BBox::new(-5.0, 42.0, 8.0, 51.0).unwrap());
/// assert_eq!(seen(&france, &change(None, at(48.0))), Some(Seen::Enter));
/// assert_eq!(seen(&france, &change(at(48.0), at(49.0))), Some(Seen::Move));
/// assert_eq!(seen(&france, &change(at(49.0), at(52.0))), Some(Seen::Exit));
/// assert_eq!(seen(&france, &change(at(52.0), at(53.0))), None);
/// ```
pub fn seen(shape: &Shape, change: &Entry) -> Option<Seen> {
    let inside = |place: &&Place| shape.contains(place.position);
    match (change.old.as_ref().filter(inside), change.new.as_ref().filter(inside)) {
        (None, None) => None,
        (None, Some(_)) => Some(Seen::Enter),
        (Some(_), None) => Some(Seen::Exit),
        (Some(old), Some(new)) if old.position != new.position => Some(Seen::Move),
        (Some(old), Some(new)) => {
            (old.properties.as_json() != new.properties.as_json()).then_some(Seen::Change)
        }
    }
}

#[cfg(test)]
mod tests {
    use cellar_model::place::Properties;
    use proptest::prelude::*;

    use super::*;

    fn place(lat: f64, name: &str) -> Place {
        Place {
            id: "p".parse().unwrap(),
            position: Position::new(lat, 5.0).unwrap(),
            properties: Properties::from_stored(format!(r#"{{"name":"{name}"}}"#)).unwrap(),
        }
    }

    fn entry(old: Option<Place>, new: Option<Place>) -> Entry {
        Entry { collection: "c".parse().unwrap(), id: "p".parse().unwrap(), old, new, created_ms: None }
    }

    #[test]
    fn the_same_written_again_is_nothing() {
        let same = entry(Some(place(1.0, "a")), Some(place(1.0, "a")));
        assert_eq!(seen(&Shape::World, &same), None);
        let other = entry(Some(place(1.0, "a")), Some(place(1.0, "b")));
        assert_eq!(seen(&Shape::World, &other), Some(Seen::Change));
    }

    #[test]
    fn a_circle_has_its_border() {
        let centre = Position::new(0.0, 5.0).unwrap();
        let radius = distance(centre, Position::new(1.0, 5.0).unwrap());
        let circle = Shape::Circle(centre, radius);
        assert!(circle.contains(Position::new(1.0, 5.0).unwrap()));
        assert!(!circle.contains(Position::new(1.000_001, 5.0).unwrap()));
    }

    proptest! {
        /// Whoever follows what is told has the same set as whoever asks for all places inside.
        #[test]
        fn a_set_that_follows_is_the_set_inside(steps in proptest::collection::vec(proptest::option::of(-3.0..3.0_f64), 1..40)) {
            let shape = Shape::Box(BBox::new(0.0, -1.0, 10.0, 1.0).unwrap());
            let (mut current, mut inside) = (None, false);
            for step in steps {
                let new = step.map(|lat| place(lat, "a"));
                match seen(&shape, &entry(current.clone(), new.clone())) {
                    Some(Seen::Enter) => { prop_assert!(!inside); inside = true; }
                    Some(Seen::Exit) => { prop_assert!(inside); inside = false; }
                    Some(Seen::Move | Seen::Change) => prop_assert!(inside),
                    None => {}
                }
                prop_assert_eq!(inside, new.as_ref().is_some_and(|place: &Place| shape.contains(place.position)));
                current = new;
            }
        }
    }
}
