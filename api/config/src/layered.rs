//! One source of settings over another.

use super::{Env, Variable, old_names};

/// Settings of which each comes from the upper source, or, where it is not set there or empty, from the lower one.
///
/// ```
/// use std::collections::HashMap;
/// use cellar_config::{Env as _, Layered};
///
/// let environment = HashMap::from([("CELLAR_SIZE", "3"), ("CELLAR_NAME", "")]);
/// let file = HashMap::from([("CELLAR_SIZE", "4"), ("CELLAR_NAME", "a")]);
/// let both = Layered { upper: &environment, lower: &file };
/// assert_eq!(both.var("CELLAR_SIZE").as_deref(), Some("3"));
/// assert_eq!(both.var("CELLAR_NAME").as_deref(), Some("a"));
/// ```
pub struct Layered<'a> {
    /// What takes precedence.
    pub upper: &'a dyn Env,
    /// What counts otherwise.
    pub lower: &'a dyn Env,
}

impl Layered<'_> {
    /// Whether a variable is set in the upper source, be it by an old name.
    pub fn is_upper(&self, name: &str) -> bool {
        let is_set = |name: &str| self.upper.var(name).is_some_and(|value| !value.is_empty());
        is_set(name) || old_names(name).any(is_set)
    }
}

impl Env for Layered<'_> {
    fn var(&self, name: &str) -> Option<String> {
        if self.is_upper(name) { self.upper.var(name) } else { self.lower.var(name) }
    }

    fn declare(&self, variable: Variable) {
        self.upper.declare(variable);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::number;

    #[test]
    fn an_old_name_takes_precedence_over_a_lower_source_as_well() {
        let file = HashMap::from([("CELLAR_UNTRUSTED_TTL_S", "9")]);
        let read = |environment: &HashMap<&str, &str>| {
            let both = Layered { upper: environment, lower: &file };
            number(&both, "CELLAR_UNTRUSTED_TTL_S", 10, 0..=3_600).unwrap()
        };
        assert_eq!(read(&HashMap::new()), 9);
        assert_eq!(read(&HashMap::from([("CELLAR_UNATTENDED_S", "7")])), 7);
        assert_eq!(read(&HashMap::from([("CELLAR_UNATTENDED_S", "")])), 9);
    }
}
