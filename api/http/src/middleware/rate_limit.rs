//! Turning away clients that ask too often, and telling all of them what is left
//! (draft-ietf-httpapi-ratelimit-headers-10).
//!
//! Invariant: an answer that a shared cache may keep says nothing of the client that it was made for.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::route::route_of;
use crate::access::Presented;
use crate::client::{Peer, counted};
use crate::paths;
use crate::problem::{Kind, Problem};
use crate::rate::{Client, Quota, seconds};
use crate::state::AppState;

const REMAINING: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Whom a request of several searches counts for, so that each of them does; in the request's extensions.
#[derive(Clone, Debug)]
pub struct Counted(pub Client);

/// Takes a token from the bucket of whoever sends a request; `None` if nobody is limited. A key counts only if it is
/// valid: others would be a new bucket each.
pub fn take(state: &AppState, request: &mut Request, presented: &Presented) -> Option<Quota> {
    let limiter = state.limiter.as_ref()?;
    let peer = request.extensions().get::<Peer>().copied();
    let client = client(state, peer, request.headers(), presented);
    if route_of(request.extensions()) == Some(paths::NEARBY_BATCH) {
        request.extensions_mut().insert(Counted(client.clone()));
    }
    Some(limiter.take(client))
}

/// Whom a request counts for.
pub fn client(state: &AppState, peer: Option<Peer>, headers: &HeaderMap, presented: &Presented) -> Client {
    match (presented, peer) {
        (Presented::Key(caller), _) => Client::Key(caller.id.clone()),
        (_, Some(Peer(peer))) => Client::Address(counted(state.config.clients.proxies.client(peer, headers))),
        (_, None) => Client::Unknown,
    }
}

/// The problem of a request that found no token.
pub fn refuse(quota: &Quota) -> Option<Problem> {
    let wait_s = seconds(quota.wait?).max(1);
    let detail = "this client has asked too often; `Retry-After` says when it may again";
    Some(Problem::new(Kind::RateLimited, detail).retry_after_s(u32::try_from(wait_s).unwrap_or(u32::MAX)))
}

/// Says on an answer what is left, unless others may be given the same answer.
pub fn tell(state: &AppState, quota: Option<Quota>, headers: &mut HeaderMap) {
    let (Some(quota), Some(limiter)) = (quota, state.limiter.as_ref()) else { return };
    if may_be_shared(headers) {
        return;
    }
    let left = format!("\"client\";r={};t={}", quota.remaining, seconds(quota.full_in));
    for (name, value) in [(REMAINING, left.as_str()), (POLICY, limiter.policy())] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
}

/// Whether a shared cache may keep an answer: what says nothing is not kept (the outermost layer sees to that).
pub fn may_be_shared(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::CACHE_CONTROL).iter();
    lines.any(|line| {
        let line = line.as_bytes().to_ascii_lowercase();
        let has = |directive: &[u8]| line.windows(directive.len()).any(|part| part == directive);
        !has(b"no-store") && !has(b"private")
    })
}
