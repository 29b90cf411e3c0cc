//! Subscriptions, each over a connection of its own.
//!
//! A cluster sends sharded messages only to nodes of the shard that owns the channel's slot. Any node says which that
//! is when it is asked to subscribe (`MOVED`), so the subscriber follows.

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{PushInfo, PushKind, RedisError, RedisResult, Value, cmd};
use tokio::sync::mpsc;

use super::dialer::Dialer;
use super::url::Node;
use crate::remote::RemoteError;

/// Messages that wait for a subscriber. One that falls further behind loses its subscription, which tells it that it has
/// missed something.
const QUEUE: usize = 4096;
/// Redirections that are followed before giving up; two nodes may each think that the other one is the owner.
const REDIRECTIONS: usize = 5;

/// Subscribes to a channel. The stream ends with the connection, with the subscription (the slot has moved), or when
/// its reader is too slow.
pub(super) async fn subscribe(
    dialer: &Dialer,
    channel: &str,
) -> Result<BoxStream<'static, Bytes>, RemoteError> {
    let mut failure = None;
    for seed in dialer.nodes() {
        match follow(dialer, channel, seed.clone()).await {
            Ok((connection, receiver)) => {
                // The connection stays open for as long as the stream lives.
                let messages =
                    stream::unfold((receiver, connection), |(mut receiver, connection)| async move {
                        Some((receiver.recv().await?, (receiver, connection)))
                    });
                return Ok(messages.boxed());
            }
            Err(error) => failure = Some(dialer.secret.classify(&error)),
        }
    }
    Err(failure.unwrap_or_else(|| RemoteError::Unavailable("no node to subscribe at".to_owned())))
}

async fn follow(
    dialer: &Dialer,
    channel: &str,
    mut node: Node,
) -> RedisResult<(MultiplexedConnection, mpsc::Receiver<Bytes>)> {
    let command = if dialer.is_cluster() { "SSUBSCRIBE" } else { "SUBSCRIBE" };
    let mut hops = 0;
    loop {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut connection = dialer.single(&node, forward_to(sender)).await?;
        let confirmed: RedisResult<Value> = cmd(command).arg(channel).query_async(&mut connection).await;
        match confirmed {
            Ok(_) => return Ok((connection, receiver)),
            Err(error) => match redirection(&error, &node) {
                Some(owner) if hops < REDIRECTIONS => node = owner,
                _ => return Err(error),
            },
        }
        hops += 1;
    }
}

/// Where a `MOVED` points to; without a host it means the one that was asked.
fn redirection(error: &RedisError, asked: &Node) -> Option<Node> {
    let (host, port) = error.redirect_node()?.0.rsplit_once(':')?;
    let host = if host.is_empty() { &asked.host } else { host.trim_matches(['[', ']']) };
    Some(Node { host: host.to_owned(), port: port.parse().ok()? })
}

/// Passes messages on until something ends the subscription.
fn forward_to(sender: mpsc::Sender<Bytes>) -> impl Fn(PushInfo) -> Result<(), redis::aio::SendError> {
    let sender = Mutex::new(Some(sender));
    move |push| {
        let mut sender = sender.lock();
        let goes_on = match push.kind {
            PushKind::Message | PushKind::SMessage => match (push.data.into_iter().nth(1), &*sender) {
                (Some(Value::BulkString(message)), Some(sender)) => sender.try_send(message.into()).is_ok(),
                _ => false,
            },
            PushKind::Disconnection | PushKind::Unsubscribe | PushKind::SUnsubscribe => false,
            _ => true,
        };
        if !goes_on {
            *sender = None;
        }
        Ok(())
    }
}
