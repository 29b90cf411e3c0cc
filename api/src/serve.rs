//! Serving a router on a listener until told to stop.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Serves HTTP/1.1 and HTTP/2 without TLS until `shutdown` completes, then takes no more connections and lets
/// requests in flight finish for at most `drain`.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::time::Duration;
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// cellar_api::serve::run(listener, axum::Router::new(), async {}, Duration::from_secs(5)).await
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn run(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
    drain: Duration,
) -> io::Result<()> {
    let (stopping, stopped) = oneshot::channel();
    // Answers are written in one piece; waiting to fill a segment would only delay them.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was refused");
        }
    });
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        shutdown.await;
        // Nobody listens any more only when the server is already done.
        let _ = stopping.send(());
    });
    let drained = async {
        if stopped.await.is_ok() {
            tracing::info!(drain_ms = drain.as_millis(), "stopping");
            tokio::time::sleep(drain).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        result = async { server.await } => result,
        () = drained => {
            tracing::warn!("requests were still in flight when the time to drain was up");
            Ok(())
        }
    }
}
