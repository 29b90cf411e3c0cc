//! Through nginx, as infra/edge/start.sh runs it, to a real server. infra/edge/README.md lists where it differs from
//! CloudFront.

mod aging;
mod alike;
mod bed;
mod sharing;
