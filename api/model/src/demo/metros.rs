//! Metropolitan areas, for places and users that are where people are.

use geo_index::Position;

/// A metropolitan area.
#[derive(Clone, Debug, PartialEq)]
pub struct Metro {
    /// Name of its largest city.
    pub name: String,
    /// Country, ISO 3166-1 alpha-2.
    pub country: String,
    /// Centre of the largest city.
    pub centre: Position,
    /// A weight in people: the populations of all GeoNames places within 30 km, boroughs beside the city
    /// that they belong to. Not a census figure.
    pub population: u64,
}

impl Metro {
    /// Scale of the exponential fall-off of the density around the centre, in metres: 1.4 km for a million people, growing
    /// with the square root, and not less; up to 9 km for the largest.
    pub fn scale_m(&self) -> f64 {
        1_400.0 * (self.population as f64 / 1e6).sqrt().max(1.0)
    }
}

/// The 320 areas of `data/metros.csv`, the most populous first.
///
/// Derived from GeoNames (<https://www.geonames.org>, CC BY 4.0): cities in order of population, leaving out
/// those within 60 km of a larger one.
pub fn metros() -> Vec<Metro> {
    include_str!("../../data/metros.csv").lines().skip(1).map(metro).collect()
}

fn metro(line: &str) -> Metro {
    let mut fields = line.split(',');
    let mut next = || fields.next().expect("metros.csv has five columns");
    let (name, country) = (next().to_owned(), next().to_owned());
    let mut number = || next().parse::<f64>().expect("metros.csv holds numbers");
    let centre = Position::new(number(), number()).expect("metros.csv holds positions");
    Metro { name, country, centre, population: number() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        let metros = metros();
        assert!(metros.len() >= 300);
        assert!(metros.is_sorted_by(|a, b| a.population >= b.population));
        for (i, a) in metros.iter().enumerate() {
            assert_eq!(a.country.len(), 2, "{a:?}");
            for b in &metros[..i] {
                assert!(geo_index::distance(a.centre, b.centre).get() > 55_000.0, "{a:?} {b:?}");
            }
        }
    }
}
