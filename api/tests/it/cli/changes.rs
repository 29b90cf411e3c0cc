//! Changes on the command line, and posted to an address.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use super::process::{Desk, PATIENCE, Process};

const SECRET: &str = "a secret of twenty-four bytes";

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A desk with a collection of two places, and a token of now.
fn desk() -> (Desk, String) {
    let desk = Desk::new();
    desk.write("a.csv", "id,lat,lon\na,1,2\nb,3,4\n");
    desk.ok(&["import", "a.csv", "-c", "places"]);
    let now = lines(&desk.ok(&["changes", "-c", "places"]));
    assert_eq!(now.len(), 1);
    let token = now[0]["next"].as_str().unwrap().to_owned();
    (desk, token)
}

#[test]
fn changes_are_printed_from_a_token_on() {
    let (desk, token) = desk();
    desk.write("b.csv", "id,lat,lon\nb,5,6\nc,7,8\n");
    desk.ok(&["import", "b.csv", "-c", "places", "--replace", "--max-removed", "100"]);
    let told = lines(&desk.ok(&["changes", "-c", "places", "--since", &token]));
    let (next, changes) = told.split_last().unwrap();
    let mut places = std::collections::BTreeMap::new();
    for change in changes.iter().filter(|change| change["kind"].is_string()) {
        places.insert(change["id"].as_str().unwrap(), change);
    }
    assert_eq!(places["a"]["kind"], "delete");
    assert_eq!(places["b"]["feature"]["geometry"]["coordinates"], serde_json::json!([6.0, 5.0]));
    assert_eq!(places["c"]["kind"], "put");
    let next = next["next"].as_str().unwrap();
    assert_eq!(lines(&desk.ok(&["changes", "-c", "places", "--since", next])).len(), 1, "nothing since");
}

#[test]
fn tokens_that_lead_nowhere_say_what_to_do() {
    let (desk, token) = desk();
    let bad = desk.run(&["changes", "-c", "places", "--since", "abc"]);
    assert_eq!(bad.code, Some(2), "{bad:?}");
    let (other, _) = self::desk();
    let gone = other.run(&["changes", "-c", "places", "--since", &token]);
    assert_eq!(gone.code, Some(1), "{gone:?}");
    assert!(gone.stderr.contains("another table") && gone.stderr.contains("new token"), "{}", gone.stderr);
    let none = desk.run(&["changes", "-c", "none"]);
    assert!(none.stderr.contains("no collection `none`"), "{}", none.stderr);
}

#[test]
fn changes_are_followed_as_they_happen() {
    let (desk, _) = desk();
    let mut command = desk.cellar(&["changes", "-c", "places", "--follow"]);
    let mut process = Process(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut output = BufReader::new(process.0.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&output.next().unwrap().unwrap()).unwrap() };
    assert!(next()["next"].is_string());
    desk.write("b.csv", "id,lat,lon\nlate,5,6\n");
    desk.ok(&["import", "b.csv", "-c", "places"]);
    while next()["id"] != "late" {}
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(143));
}

/// A request that was posted: its headers in lower case, and its body.
struct Posted {
    headers: Vec<(String, String)>,
    body: String,
}

impl Posted {
    fn header(&self, name: &str) -> &str {
        &self.headers.iter().find(|(known, _)| known == name).unwrap().1
    }

    fn assert_signed(&self) {
        let signed =
            format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body);
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(self.header("webhook-signature"), expected);
    }
}

/// Answers requests with these statuses, one after the other, and then with 204.
fn receiver(statuses: &'static [u16]) -> (String, Receiver<Posted>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (send, posted) = channel();
    std::thread::spawn(move || {
        let mut statuses = statuses.iter();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut headers = Vec::new();
            for line in reader.by_ref().lines().skip(1) {
                let line = line.unwrap();
                let Some((name, value)) = line.split_once(": ") else { break };
                headers.push((name.to_lowercase(), value.to_owned()));
            }
            let length = headers.iter().find(|(name, _)| name == "content-length");
            let mut body = vec![0; length.unwrap().1.parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            let status = statuses.next().unwrap_or(&204);
            write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            if send.send(Posted { headers, body: String::from_utf8(body).unwrap() }).is_err() {
                return;
            }
        }
    });
    (url, posted)
}

fn hook(desk: &Desk, url: &str, more: &[&str]) -> super::process::Ended {
    let args = ["hook", "-c", "places", "--url", url, "--secret-env", "SECRET", "--state", "hook", "--once"];
    let mut command = desk.cellar(&[&args[..], &["--pause-ms", "1"], more].concat());
    super::process::Ended::of(command.env("SECRET", SECRET))
}

#[test]
fn a_hook_sends_until_it_is_heard_and_goes_on_where_it_stood() {
    let (desk, _) = desk();
    let (url, posted) = receiver(&[500, 429]);
    // It begins with now: what is sent is what changes after that, and perhaps of the seconds before.
    assert_eq!(hook(&desk, &url, &["--bbox", "0,50,10,60"]).code, Some(0));
    desk.write("b.csv", "id,lat,lon\nin,55,5\nout,1,1\n");
    desk.ok(&["import", "b.csv", "-c", "places"]);
    let ended = hook(&desk, &url, &["--bbox", "0,50,10,60"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let attempts: Vec<Posted> = (0..3).map(|_| posted.recv_timeout(PATIENCE).unwrap()).collect();
    for attempt in &attempts {
        attempt.assert_signed();
        assert_eq!(attempt.header("webhook-id"), attempts[0].header("webhook-id"));
        assert_eq!(attempt.body, attempts[0].body);
    }
    let message: Value = serde_json::from_str(&attempts[0].body).unwrap();
    let events: Vec<_> =
        message["events"].as_array().unwrap().iter().map(|event| (&event["event"], &event["id"])).collect();
    assert_eq!(events, [(&Value::from("enter"), &Value::from("in"))]);
    assert_eq!(hook(&desk, &url, &["--bbox", "0,50,10,60"]).code, Some(0));
    assert!(posted.try_recv().is_err(), "nothing is sent again");
}

#[test]
fn what_nobody_takes_is_kept_and_a_refusal_ends_it() {
    let (desk, _) = desk();
    let (url, posted) = receiver(&[500, 503, 410]);
    assert_eq!(hook(&desk, &url, &["--circle", "55,5,1000"]).code, Some(0));
    desk.write("b.csv", "id,lat,lon\nin,55,5\n");
    desk.ok(&["import", "b.csv", "-c", "places"]);
    let ended = hook(&desk, &url, &["--circle", "55,5,1000", "--attempts", "2"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let letter: Value = serde_json::from_str(desk.read("hook.dead").trim()).unwrap();
    assert_eq!(letter["reason"], "status 503, after 2 attempts");
    assert_eq!(letter["id"], posted.recv_timeout(PATIENCE).unwrap().header("webhook-id"));
    assert_eq!(letter["body"]["events"][0]["id"], "in");
    desk.write("c.csv", "id,lat,lon\nin,55.001,5\n");
    desk.ok(&["import", "c.csv", "-c", "places"]);
    let refused = hook(&desk, &url, &["--circle", "55,5,1000"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("wants no more messages"), "{}", refused.stderr);
}
