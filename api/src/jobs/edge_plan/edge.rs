//! One edge location, by what it was asked for and when.

/// What is stored, and how often that was of use.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) ttl_s: f64,
    /// When each answer was fetched last, in seconds of the stream.
    fetched_s: Vec<Option<f64>>,
    pub(super) hits: u64,
    pub(super) misses: u64,
}

impl Edge {
    pub(super) const fn new(ttl_s: f64) -> Self {
        Self { ttl_s, fetched_s: Vec::new(), hits: 0, misses: 0 }
    }

    /// A request for an answer: a hit while the last fetch is younger than the lifetime, else a fetch.
    pub(super) fn ask(&mut self, key: u32, at_s: f64) {
        let key = key as usize;
        if key >= self.fetched_s.len() {
            self.fetched_s.resize(key + 1, None);
        }
        if self.fetched_s[key].is_some_and(|fetched_s| at_s - fetched_s < self.ttl_s) {
            self.hits += 1;
        } else {
            self.fetched_s[key] = Some(at_s);
            self.misses += 1;
        }
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
