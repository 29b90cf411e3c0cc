//! The combinations that are compared.

use std::fmt;
use std::str::FromStr;

use super::{Caching, Scheme};

/// Whether the same users have searched before.
const COLD: &str = "cold";
const WARM: &str = "warm";

/// One combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Combination {
    /// What users ask for.
    pub scheme: Scheme,
    /// The caches in front of the table.
    pub caching: Caching,
    /// Whether the same users have searched before.
    pub warm: bool,
}

impl Combination {
    /// `cold` or `warm`.
    pub const fn temperature(self) -> &'static str {
        if self.warm { WARM } else { COLD }
    }

    /// The two combinations of a stack: first with empty caches, then with what the first run left in them.
    pub fn of_stack(scheme: Scheme, caching: Caching) -> [Self; 2] {
        [false, true].map(|warm| Self { scheme, caching, warm })
    }
}

impl fmt::Display for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.scheme, self.caching, self.temperature())
    }
}

/// The stacks in the order in which the experiment runs them: each one cold, then warm.
///
/// ```
/// assert_eq!(cellar_loadtest::matrix::combination::stacks().count(), 10 * 4);
/// ```
pub fn stacks() -> impl Iterator<Item = (Scheme, Caching)> {
    Scheme::ALL.into_iter().flat_map(|scheme| Caching::ALL.into_iter().map(move |caching| (scheme, caching)))
}

/// A choice of combinations: in each dimension those that are named, or all if none is.
///
/// ```
/// use cellar_loadtest::matrix::{Caching, Combination, Only, Scheme};
///
/// let only: Only = "raw,geohash5,l1+l2+edge,warm".parse()?;
/// let [cold, warm] = Combination::of_stack(Scheme::Raw, Caching::L1L2Edge);
/// assert!(only.wants(warm) && !only.wants(cold));
/// assert!(!only.wants(Combination { caching: Caching::L1, ..warm }));
/// assert!("geohash 3".parse::<Only>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    schemes: Vec<Scheme>,
    cachings: Vec<Caching>,
    warm: Vec<bool>,
}

impl Only {
    /// Whether this combination is chosen.
    pub fn wants(&self, combination: Combination) -> bool {
        wanted(&self.schemes, &combination.scheme)
            && wanted(&self.cachings, &combination.caching)
            && wanted(&self.warm, &combination.warm)
    }
}

fn wanted<T: PartialEq>(named: &[T], one: &T) -> bool {
    named.is_empty() || named.contains(one)
}

impl FromStr for Only {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut only = Self::default();
        for part in text.split(',') {
            let name = plain(part);
            if let Some(scheme) = Scheme::ALL.into_iter().find(|scheme| plain(&scheme.to_string()) == name) {
                only.schemes.push(scheme);
            } else if let Some(caching) =
                Caching::ALL.into_iter().find(|caching| plain(&caching.to_string()) == name)
            {
                only.cachings.push(caching);
            } else if name == COLD || name == WARM {
                only.warm.push(name == WARM);
            } else {
                return Err(format!("there is no `{part}`; allowed: {}", names().join(", ")));
            }
        }
        Ok(only)
    }
}

/// All names, as `--only` takes them.
fn names() -> Vec<String> {
    let schemes = Scheme::ALL.iter().map(|scheme| plain(&scheme.to_string()));
    let cachings = Caching::ALL.iter().map(|caching| plain(&caching.to_string()));
    schemes.chain(cachings).chain([COLD, WARM].map(str::to_owned)).collect()
}

/// In lower case, without spaces, hyphens and underscores.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, ' ' | '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(only: &str) -> usize {
        let only: Only = only.parse().unwrap();
        stacks()
            .flat_map(|(scheme, caching)| Combination::of_stack(scheme, caching))
            .filter(|one| only.wants(*one))
            .count()
    }

    #[test]
    fn names_select_within_their_dimension() {
        assert_eq!(names().len(), 10 + 4 + 2);
        for (only, expected) in [
            ("raw", 8),
            ("raw,H3 7", 16),
            ("no cache", 20),
            ("adaptive,H3 5,L1", 4),
            ("geohash-5,L1,l1+l2", 4),
            ("cold", 40),
            ("cold,warm", 80),
        ] {
            assert_eq!(count(only), expected, "{only}");
        }
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let error = "raw,l3".parse::<Only>().unwrap_err();
        assert!(error.starts_with("there is no `l3`; allowed: raw, geohash4, "), "{error}");
        assert!("".parse::<Only>().is_err());
    }
}
