//! Signals to stop: what was measured until then is reported.

/// Resolves on Ctrl-C, on SIGTERM (a service manager, `timeout`), and on SIGHUP (a terminal that is closed); never, if the
/// system lets nobody handle signals.
pub(super) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        if let Ok(mut signals) = kinds.map(signal).into_iter().collect::<Result<Vec<_>, _>>() {
            let received = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
            futures::future::select_all(received).await;
            return;
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_ok() {
        return;
    }
    std::future::pending::<()>().await;
}
