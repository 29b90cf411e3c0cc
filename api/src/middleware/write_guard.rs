//! Nothing changes without the write token, or a server that is explicitly open.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::config::WriteConfig;
use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// Lets reads pass, and writes that are allowed.
pub async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Result<Response, Problem> {
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        authorize(&state.writes, request.headers())?;
    }
    Ok(next.run(request).await)
}

fn authorize(writes: &WriteConfig, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(token) = &writes.token else {
        return if writes.open {
            Ok(())
        } else {
            Err(Problem::new(
                Kind::WriteDisabled,
                "this server takes no writes: set CELLAR_WRITE_TOKEN to enable them for whoever has the token",
            ))
        };
    };
    match bearer(headers) {
        Some(presented) if token.matches(presented) => Ok(()),
        Some(_) => Err(Problem::new(Kind::WriteUnauthorized, "the bearer token is not the write token")
            .challenge(r#"Bearer realm="cellar", error="invalid_token""#)),
        None => Err(Problem::new(
            Kind::WriteUnauthorized,
            "writing takes the header `Authorization: Bearer <write token>`",
        )
        .challenge(r#"Bearer realm="cellar""#)),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
