//! The client of cell answers, over HTTP and through a real edge.

mod client;
mod hostile;
mod kept;
#[cfg(unix)]
mod nginx;
mod origin;
mod sites;
