//! Sessions of synthetic users: searches, and further pages.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use geo_index::{Meters, Position, destination};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rustc_hash::{FxHashMap, FxHashSet};

use super::areas::Areas;
use super::chance::{Purpose, exponential, numbers, scatter};
use super::diurnal::Diurnal;
use super::mix::{Mix, Numbers};
use super::mobility::Traveller;
use crate::plan::{Search, Workload};

/// Most users of one workload.
pub const MAX_USERS: u64 = 10_000_000;

/// Standard deviation, in metres, of the position of each search around the place of the stay: some steps, and the error of a
/// phone's position.
const WITHIN_STAY_M: f64 = 20.0;

/// The last page that a user asks for.
const MAX_PAGE: u32 = 9;

/// How many inactive or busy users are skipped before anyone is taken.
const DRAWS: usize = 64;

/// What users do in a session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sessions {
    /// Mean number of searches per session, 1 or more; the number is geometrically distributed.
    pub searches: f64,
    /// Share of answers after which the user asks for the next page, 0 to less than 1.
    pub paging: f64,
    /// Mean time from one request of a session to the next, exponentially distributed.
    pub think: Duration,
}

impl Default for Sessions {
    /// Two searches, a next page after every fifth answer, 10 s of think time.
    fn default() -> Self {
        Self { searches: 2.0, paging: 0.2, think: Duration::from_secs(10) }
    }
}

/// The settings of synthetic users.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Seed of everything.
    pub seed: u64,
    /// Number of users, 1 to [`MAX_USERS`].
    pub users: u64,
    /// Whether users move around, or stay at home.
    pub moving: bool,
    /// When users are active; `None` for always.
    pub diurnal: Option<Diurnal>,
    /// What users do in a session.
    pub sessions: Sessions,
    /// Search radius in metres; `None` for the server's default.
    pub radius_m: Option<Numbers>,
    /// The most places wanted.
    pub limit: Numbers,
    /// Category searched for; `None` for any.
    pub category: Mix<Option<String>>,
}

impl Default for Spec {
    /// 100,000 users who search for the 20 nearest places of any category.
    fn default() -> Self {
        Self {
            seed: 1,
            users: 100_000,
            moving: true,
            diurnal: None,
            sessions: Sessions::default(),
            radius_m: None,
            limit: Numbers::fixed(20.0),
            category: Mix::only(None),
        }
    }
}

/// A session in progress.
#[derive(Clone, Debug)]
struct Session {
    stay: Position,
    search: Search,
}

/// The next request of a session in progress, ordered by due instant, then by start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Duration,
    number: u64,
    user: u64,
}

/// Synthetic users: the workload that is made up.
///
/// At each instant a session that is due continues; if none is, another user begins one.
#[derive(Debug)]
pub struct SyntheticUsers {
    spec: Spec,
    areas: Areas,
    rng: ChaCha8Rng,
    travellers: FxHashMap<u64, Traveller>,
    sessions: FxHashMap<u64, Session>,
    due: BinaryHeap<Reverse<Due>>,
    asked: u64,
}

impl SyntheticUsers {
    /// The users of a specification, at home in these areas.
    pub fn new(spec: Spec, areas: Areas) -> Self {
        Self {
            rng: numbers(spec.seed, Purpose::Asks, 0),
            spec,
            areas,
            travellers: FxHashMap::default(),
            sessions: FxHashMap::default(),
            due: BinaryHeap::new(),
            asked: 0,
        }
    }

    /// Number of users about whom something is remembered.
    pub fn remembered(&self) -> usize {
        let moving: FxHashSet<&u64> = self.travellers.keys().chain(self.sessions.keys()).collect();
        moving.len()
    }

    /// The session that continues now, or a new one.
    fn session(&mut self, at: Duration) -> Session {
        if self.due.peek().is_some_and(|Reverse(due)| due.at <= at)
            && let Some(session) = self.resume()
        {
            return session;
        }
        match self.awake(at) {
            Some(user) => self.open(user),
            // Everyone is busy: the session that is due next continues early.
            None => self.resume().unwrap_or_else(|| self.open(0)),
        }
    }

    fn resume(&mut self) -> Option<Session> {
        let Reverse(due) = self.due.pop()?;
        self.sessions.remove(&due.user)
    }

    /// A user who is active and not in a session.
    fn awake(&mut self, at: Duration) -> Option<u64> {
        let mut free = None;
        for _ in 0..DRAWS {
            let user = self.rng.random_range(0..self.spec.users);
            if self.sessions.contains_key(&user) {
                continue;
            }
            let Some(diurnal) = self.spec.diurnal else { return Some(user) };
            if self.rng.random::<f64>() < diurnal.activity(self.areas.home(user).position, at) {
                return Some(user);
            }
            free = Some(user);
        }
        free
    }

    fn open(&mut self, user: u64) -> Session {
        let stay = self.stay(user);
        let search = self.search(user, stay);
        Session { stay, search }
    }

    /// Where the user begins a session.
    fn stay(&mut self, user: u64) -> Position {
        if !self.spec.moving {
            return self.areas.home(user).position;
        }
        if let Some(traveller) = self.travellers.get_mut(&user) {
            return traveller.go(&mut self.rng);
        }
        let home = self.areas.home(user).position;
        self.travellers.insert(user, Traveller::at(home));
        home
    }

    fn search(&mut self, user: u64, stay: Position) -> Search {
        let (away_m, bearing) = scatter(&mut self.rng, WITHIN_STAY_M);
        let radius_m = self.spec.radius_m.as_ref().map(|radius_m| radius_m.draw(&mut self.rng));
        Search {
            user,
            position: rounded(destination(stay, away_m, bearing)),
            // A resolution of decimetres is enough.
            radius: radius_m.and_then(|radius_m| Meters::new((radius_m * 10.0).round() / 10.0)),
            limit: self.spec.limit.draw(&mut self.rng).round() as usize,
            category: self.spec.category.draw(&mut self.rng),
            page: 0,
        }
    }

    /// What the user does after a request: another page, another search, or nothing.
    fn go_on(&mut self, session: Session, at: Duration) {
        let Sessions { searches, paging, think } = self.spec.sessions;
        let Session { stay, search } = session;
        let user = search.user;
        let search = if search.page < MAX_PAGE && self.rng.random::<f64>() < paging {
            Search { page: search.page + 1, ..search }
        } else if self.rng.random::<f64>() < 1.0 - 1.0 / searches {
            self.search(user, stay)
        } else {
            return;
        };
        let at = at + think.mul_f64(exponential(&mut self.rng));
        self.sessions.insert(user, Session { stay, search });
        self.due.push(Reverse(Due { at, number: self.asked, user }));
    }
}

impl Workload for SyntheticUsers {
    fn next(&mut self, at: Duration) -> Option<Search> {
        if self.areas.is_empty() {
            return None;
        }
        let session = self.session(at);
        let search = session.search.clone();
        self.asked += 1;
        self.go_on(session, at);
        Some(search)
    }
}

/// Six decimals, some ten centimetres.
fn rounded(position: Position) -> Position {
    let round = |degrees: f64| (degrees * 1e6).round() / 1e6;
    Position::new(round(position.lat()), round(position.lon())).unwrap_or(position)
}
