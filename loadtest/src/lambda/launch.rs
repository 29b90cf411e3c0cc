//! Starts environments: a process, an endpoint of the Runtime API for it, and a place in the pool.

use std::io;
use std::sync::{Arc, Weak};

use tokio::net::TcpListener;
use tokio::process::Child;

use super::cpu::Group;
use super::environment::{End, Environment};
use super::pool::Pool;
use super::process::{self, Started};
use super::runtime_api::{self, Endpoint};
use super::variables;

/// Starts an environment of the pool, which hears when it is idle and when it is gone.
pub(super) async fn launch(pool: &Arc<Pool>, number: u64, provisioned: bool) -> io::Result<Arc<Environment>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let stream = format!("rig/[$LATEST]{number:032x}");
    let variables = variables::of(&pool.function, listener.local_addr()?, &stream, provisioned);
    let hold = pool.hold(number)?;
    let Started { child, process, at, group } = process::start(&pool.function, variables, hold).await?;
    let environment =
        Arc::new(Environment::new(number, provisioned, Arc::clone(&pool.function), process, at));
    pool.started(&environment);
    let endpoint = Endpoint { environment: Arc::clone(&environment), pool: Arc::downgrade(pool) };
    tokio::spawn(serve(endpoint, listener, child, group));
    Ok(environment)
}

/// Serves the Runtime API until the process ends.
async fn serve(endpoint: Endpoint, listener: TcpListener, mut child: Child, group: Option<Group>) {
    let Endpoint { environment, pool } = endpoint.clone();
    let router = runtime_api::router(endpoint);
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let status = child.wait().await;
    server.abort();
    drop(group);
    environment.ended(End::Exited(match status {
        Ok(status) => format!("with {status}"),
        Err(error) => format!("unseen: {error}"),
    }));
    if let Some(pool) = Weak::upgrade(&pool) {
        pool.gone(&environment);
    }
}
