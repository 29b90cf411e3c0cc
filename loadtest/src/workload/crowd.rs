//! Sessions of users: searches, and further pages of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use geo_index::edge::crowd::offset;
use geo_index::{Meters, Position};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rustc_hash::{FxHashMap, FxHashSet};

use super::areas::Areas;
use super::chance::{For, exponential, numbers, scatter};
use super::diurnal::Diurnal;
use super::mix::{Mix, Numbers};
use super::mobility::Traveller;
use crate::plan::{Ask, Workload};

/// Users of one workload, at most.
pub const MAX_USERS: u64 = 10_000_000;

/// How far a user is from the place of the stay at each search: some steps, and what a phone's position is off by.
const WITHIN_STAY_M: f64 = 20.0;

/// The last page that a user goes on to.
const MAX_PAGE: u32 = 9;

/// Users who are asleep or busy and are passed over before anyone is taken.
const DRAWS: usize = 64;

/// What users do with the application once it is open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sessions {
    /// Searches of a session in the mean, 1 or more; their number is geometrically distributed.
    pub searches: f64,
    /// Share of answers after which the user wants the next page, 0 to less than 1.
    pub paging: f64,
    /// Mean time from one ask of a session to the next, exponentially distributed.
    pub think: Duration,
}

impl Default for Sessions {
    /// Two searches, a next page after every fifth answer, 10 s to think.
    fn default() -> Self {
        Self { searches: 2.0, paging: 0.2, think: Duration::from_secs(10) }
    }
}

/// What users there are and what they ask.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Seed of everything.
    pub seed: u64,
    /// How many users there are, 1 to [`MAX_USERS`].
    pub users: u64,
    /// Whether users get about, or stay at home.
    pub moving: bool,
    /// When they are awake; `None`: always.
    pub diurnal: Option<Diurnal>,
    /// Sessions.
    pub sessions: Sessions,
    /// How far they look, in metres; `None`: as far as the server does.
    pub radius_m: Option<Numbers>,
    /// Most places that they want.
    pub limit: Numbers,
    /// What they look for; `None` is anything.
    pub category: Mix<Option<String>>,
}

impl Default for Spec {
    /// 100,000 users who look for the 20 nearest places of any category.
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

/// A session under way.
#[derive(Clone, Debug)]
struct Session {
    stay: Position,
    ask: Ask,
}

/// The next ask of a session under way: due earliest, then begun first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Duration,
    number: u64,
    user: u64,
}

/// A crowd of users: the workload that is made up.
///
/// At each instant a session under way goes on if one is due, else a user opens the application.
#[derive(Debug)]
pub struct Crowd {
    spec: Spec,
    areas: Areas,
    rng: ChaCha8Rng,
    travellers: FxHashMap<u64, Traveller>,
    sessions: FxHashMap<u64, Session>,
    due: BinaryHeap<Reverse<Due>>,
    asked: u64,
}

impl Crowd {
    /// The crowd of a specification, at home in these areas.
    pub fn new(spec: Spec, areas: Areas) -> Self {
        Self {
            rng: numbers(spec.seed, For::Asks, 0),
            spec,
            areas,
            travellers: FxHashMap::default(),
            sessions: FxHashMap::default(),
            due: BinaryHeap::new(),
            asked: 0,
        }
    }

    /// Users of whom something is remembered.
    pub fn remembered(&self) -> usize {
        let moving: FxHashSet<&u64> = self.travellers.keys().chain(self.sessions.keys()).collect();
        moving.len()
    }

    /// The session that goes on now, or a new one.
    fn session(&mut self, at: Duration) -> Session {
        if self.due.peek().is_some_and(|Reverse(due)| due.at <= at)
            && let Some(session) = self.resume()
        {
            return session;
        }
        match self.awake(at) {
            Some(user) => self.open(user),
            // Everybody is busy: the next in turn thinks faster.
            None => self.resume().unwrap_or_else(|| self.open(0)),
        }
    }

    fn resume(&mut self) -> Option<Session> {
        let Reverse(due) = self.due.pop()?;
        self.sessions.remove(&due.user)
    }

    /// A user who is awake and has nothing else to do.
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
        let ask = self.search(user, stay);
        Session { stay, ask }
    }

    /// Where the user opens the application.
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

    fn search(&mut self, user: u64, stay: Position) -> Ask {
        let (away_m, bearing) = scatter(&mut self.rng, WITHIN_STAY_M);
        let radius_m = self.spec.radius_m.as_ref().map(|radius_m| radius_m.draw(&mut self.rng));
        Ask {
            user,
            position: rounded(offset(stay, away_m, bearing)),
            // Decimetres are enough to tell radii apart.
            radius: radius_m.and_then(|radius_m| Meters::new((radius_m * 10.0).round() / 10.0)),
            limit: self.spec.limit.draw(&mut self.rng).round() as usize,
            category: self.spec.category.draw(&mut self.rng),
            page: 0,
        }
    }

    /// What the user does after an ask: another page, another search, or nothing.
    fn go_on(&mut self, session: Session, at: Duration) {
        let Sessions { searches, paging, think } = self.spec.sessions;
        let Session { stay, ask } = session;
        let user = ask.user;
        let ask = if ask.page < MAX_PAGE && self.rng.random::<f64>() < paging {
            Ask { page: ask.page + 1, ..ask }
        } else if self.rng.random::<f64>() < 1.0 - 1.0 / searches {
            self.search(user, stay)
        } else {
            return;
        };
        let at = at + think.mul_f64(exponential(&mut self.rng));
        self.sessions.insert(user, Session { stay, ask });
        self.due.push(Reverse(Due { at, number: self.asked, user }));
    }
}

impl Workload for Crowd {
    fn next(&mut self, at: Duration) -> Option<Ask> {
        if self.areas.is_empty() {
            return None;
        }
        let session = self.session(at);
        let ask = session.ask.clone();
        self.asked += 1;
        self.go_on(session, at);
        Some(ask)
    }
}

/// Six decimals, some ten centimetres.
fn rounded(position: Position) -> Position {
    let round = |degrees: f64| (degrees * 1e6).round() / 1e6;
    Position::new(round(position.lat()), round(position.lon())).unwrap_or(position)
}
