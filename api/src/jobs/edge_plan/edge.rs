//! A cache that keeps what it fetched for a lifetime, by what it was asked for and when.

/// One edge location, as in [the model](super): what is stored, and how often that was of use.
///
/// ```
/// use cellar_api::jobs::edge_plan::Edge;
///
/// let mut edge = Edge::new(60.0);
/// assert_eq!([0.0, 59.0, 60.0].map(|at_s| edge.ask(0, at_s)), [false, true, false]);
/// assert_eq!((edge.hits, edge.misses), (1, 2));
/// ```
#[derive(Clone, Debug)]
pub struct Edge {
    /// Lifetime of an answer, in seconds.
    pub ttl_s: f64,
    /// When each answer was fetched last, in seconds of the stream.
    fetched_s: Vec<Option<f64>>,
    /// Requests that an answer was there for.
    pub hits: u64,
    /// Requests that fetched one.
    pub misses: u64,
}

impl Edge {
    /// An empty one, whose answers live so many seconds.
    pub const fn new(ttl_s: f64) -> Self {
        Self { ttl_s, fetched_s: Vec::new(), hits: 0, misses: 0 }
    }

    /// A request for an answer, by its number, in seconds of the stream: a hit while the last fetch is younger than the
    /// lifetime, else a fetch. Numbers count up from 0: memory grows with the largest. Tells whether it was a hit.
    pub fn ask(&mut self, key: u32, at_s: f64) -> bool {
        let key = key as usize;
        if key >= self.fetched_s.len() {
            self.fetched_s.resize(key + 1, None);
        }
        let hit = self.fetched_s[key].is_some_and(|fetched_s| at_s - fetched_s < self.ttl_s);
        if hit {
            self.hits += 1;
        } else {
            self.fetched_s[key] = Some(at_s);
            self.misses += 1;
        }
        hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_lives_for_its_lifetime_after_the_fetch() {
        let mut edge = Edge::new(60.0);
        let asked = [(0, 0.0), (0, 59.9), (1, 59.9), (0, 60.0), (0, 119.9), (1, 119.8), (0, 120.0)];
        let hits: Vec<u64> = asked
            .into_iter()
            .map(|(key, at_s)| {
                let before = edge.hits;
                edge.ask(key, at_s);
                edge.hits - before
            })
            .collect();
        assert_eq!(hits, [0, 1, 0, 0, 1, 1, 0]);
        assert_eq!((edge.hits, edge.misses), (3, 4));
    }
}
