//! A server that is absent, dies, stands still, does not let us in, or is none at all.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use cellar_cache::remote::redis::RedisRemote;
use cellar_cache::remote::{Remote, RemoteError};

use super::bed::{begin, config, entry};
use crate::support::redis::{RedisServer, free_port};
use crate::support::tls::Certificates;
use crate::support::{eventually, in_time};

fn client(url: &str) -> RedisRemote {
    RedisRemote::new(config(url)).expect("a client")
}

async fn ask(remote: &RedisRemote) -> Result<(), RemoteError> {
    in_time("an answer or an error", remote.get(&["{g}k".to_owned()])).await.map(|_| ())
}

async fn comes_back(remote: &RedisRemote) {
    eventually("it works again", async || ask(remote).await.ok()).await;
}

fn is_unavailable(result: &Result<(), RemoteError>) -> bool {
    matches!(result, Err(RemoteError::Unavailable(_)))
}

#[tokio::test]
async fn a_server_may_come_later() {
    for scheme in ["redis", "redis+cluster"] {
        let port = free_port();
        let remote = client(&format!("{scheme}://127.0.0.1:{port}"));
        for _ in 0..20 {
            let result = ask(&remote).await;
            assert!(is_unavailable(&result), "{result:?}");
        }
        assert!(in_time("an error", remote.subscribe()).await.is_err());
        let server = if scheme == "redis" {
            RedisServer::start_on(port, &[])
        } else {
            let node = RedisServer::start_on(port, &["--cluster-enabled", "yes", "--cluster-port", "0"]);
            node.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
            node
        };
        comes_back(&remote).await;
        drop(server);
    }
}

#[tokio::test]
async fn a_connection_may_be_killed() {
    let server = RedisServer::start(&[]);
    let remote = client(&format!("redis://127.0.0.1:{}", server.port()));
    for _ in 0..3 {
        comes_back(&remote).await;
        server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    }
    comes_back(&remote).await;
}

#[tokio::test]
async fn calls_that_are_given_up_do_no_harm() {
    let server = RedisServer::start(&[]);
    let remote = client(&format!("redis://127.0.0.1:{}", server.port()));
    let keys: Vec<String> = (0..300).map(|i| format!("{{g}}{i}")).collect();
    // The connection itself is begun by a call that does not wait for it.
    let _ = tokio::time::timeout(Duration::ZERO, remote.get(&keys)).await;
    let (ticket, _) = begin(&remote, "g", "{g}k").await;
    let entries: Vec<_> = keys.iter().map(|key| entry(key, key)).collect();
    remote.finish(&ticket, &entries, &[]).await.expect("stored");
    for key in &keys {
        let key = std::slice::from_ref(key);
        let limit = Duration::from_micros(fastrand::u64(..300));
        let _ = tokio::time::timeout(limit, remote.get(key)).await;
        let values = remote.get(key).await.expect("a value");
        assert_eq!(values, [Some(key[0].clone().into())]);
    }
}

async fn survives_a_kill(mut server: RedisServer, scheme: &str) {
    let remote = client(&format!("{scheme}://127.0.0.1:{}", server.port()));
    comes_back(&remote).await;
    let (ticket, _) = begin(&remote, "g", "{g}k").await;
    server.kill();
    eventually("the loss is noticed", async || is_unavailable(&ask(&remote).await).then_some(())).await;
    server.restart();
    comes_back(&remote).await;
    // It is empty: nothing of the load before may be stored.
    let finished =
        eventually("an answer", async || remote.finish(&ticket, &[entry("{g}k", "old")], &[]).await.ok())
            .await;
    assert_eq!(finished, cellar_cache::remote::Finished::Fenced);
}

#[tokio::test]
async fn a_server_may_be_killed_and_restarted() {
    survives_a_kill(RedisServer::start(&[]), "redis").await;
}

#[tokio::test]
async fn a_cluster_may_be_killed_and_restarted() {
    survives_a_kill(RedisServer::start_cluster(), "redis+cluster").await;
}

#[tokio::test]
async fn a_slot_may_move_to_another_node() {
    let nodes = RedisServer::start_cluster_of_three();
    let remote = client(&format!("redis+cluster://127.0.0.1:{}", nodes[0].port()));
    begin(&remote, "g", "{g}k").await;
    let slot = nodes[0].command(&["CLUSTER", "KEYSLOT", "g"]).trim().trim_start_matches(':').to_owned();
    let keys = ["{g}k".to_owned()];
    for (round, owner) in nodes.iter().cycle().take(9).enumerate() {
        let id = owner.command(&["CLUSTER", "MYID"]).lines().nth(1).expect("an id").to_owned();
        // The owner first, so that nobody points to a node that does not know that it owns the slot.
        let others = nodes.iter().filter(|node| node.port() != owner.port());
        for node in std::iter::once(owner).chain(others) {
            node.command(&["FLUSHALL"]);
            node.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
        }
        match round / 3 {
            0 => remote.invalidate("g", &keys, None).await.expect("invalidated"),
            1 => drop(begin(&remote, "g", "{g}k").await),
            _ => ask(&remote).await.expect("values"),
        }
    }
}

async fn survives_a_stop(server: RedisServer, scheme: &str) {
    let remote = client(&format!("{scheme}://127.0.0.1:{}", server.port()));
    comes_back(&remote).await;
    server.signal("STOP");
    let limit = Duration::from_millis(50);
    for _ in 0..20 {
        let result = tokio::time::timeout(limit, ask(&remote)).await;
        assert!(!matches!(result, Ok(Ok(()))), "a stopped server answers");
    }
    // Without a limit of the caller's there is one of the client's.
    assert!(ask(&remote).await.is_err());
    server.signal("CONT");
    comes_back(&remote).await;
}

#[tokio::test]
async fn a_server_may_stand_still() {
    survives_a_stop(RedisServer::start(&[]), "redis").await;
}

#[tokio::test]
async fn a_cluster_may_stand_still() {
    survives_a_stop(RedisServer::start_cluster(), "redis+cluster").await;
}

#[tokio::test]
async fn no_text_holds_the_password() {
    const PASSWORD: &str = "hunter2secret";
    let server = RedisServer::start(&["--requirepass", "another"]);
    for url in ["redis://:PW@", "redis://somebody:PW@", "redis+cluster://:PW@"] {
        let url = format!("{}127.0.0.1:{}", url.replace("PW", PASSWORD), server.port());
        let config = config(&url);
        assert!(!format!("{config:?}").contains(PASSWORD));
        let remote = RedisRemote::new(config).expect("a client");
        for result in [ask(&remote).await, ask(&remote).await, remote.subscribe().await.map(|_| ())] {
            let error = result.expect_err("a wrong password");
            assert!(matches!(error, RemoteError::Refused(_)), "{url}: {error}");
            assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error}");
        }
    }
    let remote = client(&format!("redis://127.0.0.1:{}", server.port()));
    assert!(matches!(ask(&remote).await, Err(RemoteError::Refused(_))), "no password at all");
    let remote = client(&format!("redis://:another@127.0.0.1:{}/3", server.port()));
    assert_eq!(ask(&remote).await, Ok(()));
}

#[tokio::test]
async fn a_password_that_is_mended_lets_us_in() {
    let server = RedisServer::start(&["--user", "cellar", "on", ">wrong", "~*", "&*", "+@all"]);
    let remote = client(&format!("redis://cellar:right@127.0.0.1:{}", server.port()));
    assert!(matches!(ask(&remote).await, Err(RemoteError::Refused(_))));
    server.command(&["ACL", "SETUSER", "cellar", ">right"]);
    comes_back(&remote).await;
}

#[tokio::test]
async fn tls_trusts_the_authority_that_it_is_told_to() {
    let files = Certificates::generate();
    let server = RedisServer::start_tls(&files.ca, &files.certificate, &files.key);
    let at = |host: &str, port: u16, ca: Option<&Certificates>| {
        let mut config = config(&format!("rediss://{host}:{port}"));
        config.ca_file = ca.map(|ca| ca.ca.clone());
        config
    };
    let port = server.tls_port();
    let trusted = RedisRemote::new(at("127.0.0.1", port, Some(&files))).expect("a client");
    assert_eq!(ask(&trusted).await, Ok(()));
    let stranger = Certificates::generate();
    for config in [
        at("localhost", port, None),
        at("localhost", port, Some(&stranger)),
        // A server that does not speak TLS.
        at("localhost", server.port(), Some(&files)),
    ] {
        let remote = RedisRemote::new(config).expect("a client");
        let result = ask(&remote).await;
        assert!(is_unavailable(&result), "{result:?}");
    }
    // Without TLS where TLS is spoken.
    let result = ask(&client(&format!("redis://localhost:{port}"))).await;
    assert!(is_unavailable(&result), "{result:?}");
}

#[test]
fn a_ca_file_must_be_there_and_make_sense() {
    let files = Certificates::generate();
    let with = |url: &str, ca: &std::path::Path| {
        let mut config = config(url);
        config.ca_file = Some(ca.to_owned());
        RedisRemote::new(config).err().map(|error| error.to_string())
    };
    assert_eq!(with("rediss://h", &files.ca), None);
    for (url, ca) in [("rediss://h", "/none/such"), ("rediss://h", "/dev/null"), ("redis://h", "/dev/null")] {
        let error = with(url, ca.as_ref()).expect("an error");
        assert!(error.starts_with("CA file for Redis: ") && !error.contains('\n'), "{error}");
    }
}

/// A client that soon loses patience.
fn impatient(url: &str) -> RedisRemote {
    let mut config = config(url);
    config.connect_limit = Duration::from_millis(200);
    config.response_limit = config.connect_limit;
    RedisRemote::new(config).expect("a client")
}

/// Something that is no Redis: says the same to everything, or nothing.
fn stranger(says: Vec<u8>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let answer = move |mut stream: TcpStream| {
        let mut buffer = [0; 4096];
        while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
            if stream.write_all(&says).is_err() {
                return;
            }
        }
    };
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || answer(stream));
        }
    });
    port
}

#[tokio::test]
async fn what_is_no_redis_neither_hangs_nor_panics() {
    let sayings: [&[u8]; 9] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x00\xff\xfe\x80\r\n\r\n\x16\x03",
        b"*3\r\n$5\r\nhel",
        b"*2147483647\r\n",
        b"$9223372036854775807\r\nx",
        b"%-1\r\n|9223372036854775807\r\n",
        b">1\r\n:1\r\n",
        b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
        b"",
    ];
    for scheme in ["redis", "redis+cluster"] {
        for says in sayings {
            let remote = impatient(&format!("{scheme}://127.0.0.1:{}", stranger(says.to_vec())));
            let result = ask(&remote).await;
            assert!(is_unavailable(&result), "{scheme} {:?}: {result:?}", says.escape_ascii().to_string());
            assert!(in_time("an error", remote.subscribe()).await.is_err());
        }
    }
}

#[tokio::test]
async fn what_says_yes_to_everything_is_not_believed() {
    for says in [&b"+OK\r\n"[..], b"*0\r\n", b":1\r\n", b"$2\r\nhi\r\n", b"_\r\n"] {
        // More often than there are commands in what is sent at once.
        let remote = impatient(&format!("redis://127.0.0.1:{}", stranger(says.repeat(8))));
        for _ in 0..3 {
            assert!(ask(&remote).await.is_err());
            let asks = [super::bed::ask("{g}k")];
            let begun = in_time("an answer", remote.begin("g", &asks, Duration::from_secs(1)));
            assert!(begun.await.is_err());
        }
    }
}
