//! Operations through a whole plane: accepted, run after everybody else, kept, run again, refused.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::served::answer;
use crate::support::worker::{self, Act, Gate, Seen};
use crate::support::{settings, signature_def_map};
use parking_lot::Mutex;
use seaway_plane::plane::{Event, Plane};
use seaway_plane::routes::RoutesDocument;
use seaway_plane::settings::{OperationsSettings, PlaneSettings, WebhookSettings};
use seaway_wire::Layout;
use serde_json::{json, Value};

const PREDICT: &str = "/v1/models/m:predict";
const ASYNC: (&str, &str) = ("Prefer", "respond-async");

type Behave = Arc<dyn Fn(&Seen<'_>) -> Act + Send + Sync>;

/// A plane with one model `m`, which gets a new worker whenever the old one has gone.
struct Served {
    plane: Option<Plane>,
    address: String,
    behave: Behave,
}

#[derive(Debug)]
struct Reply {
    status: u16,
    headers: String,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn id(&self) -> String {
        assert_eq!(self.status, 202, "{self:?}");
        self.json()["id"].as_str().unwrap().to_owned()
    }
}

impl Served {
    fn start(
        operations: Option<OperationsSettings>,
        behave: impl Fn(&Seen<'_>) -> Act + Send + Sync + 'static,
    ) -> Served {
        let rest_address = Some("127.0.0.1:0".to_owned());
        let plane = Plane::new(PlaneSettings { rest_address, operations, ..PlaneSettings::default() }).unwrap();
        let address = plane.start().unwrap().rest_address.unwrap();
        let served = Served { plane: Some(plane), address, behave: Arc::new(behave) };
        served.load();
        served.plane().set_ready(true);
        served
    }

    fn plane(&self) -> &Plane {
        self.plane.as_ref().expect("it runs")
    }

    /// Gives the model a worker.
    fn load(&self) {
        let settings = settings(1, 1000);
        let layout = Layout { slots: settings.slots, stride: settings.stride_bytes };
        let (channel, socket, arena) = self.plane().open_channel(settings).unwrap();
        let behave = Arc::clone(&self.behave);
        worker::start(socket, arena, layout, 1, move |seen| behave(seen));
        self.plane().set_signatures(channel, &signature_def_map()).unwrap();
        self.publish(&format!(r#""state": "AVAILABLE", "channel": {channel}"#));
    }

    fn publish(&self, state: &str) {
        let routes = format!(
            r#"{{"models": [{{"name": "m", "labels": {{"stable": 1}}, "versions": [{{"version": 1, {state}}}]}}]}}"#
        );
        self.plane().publish(serde_json::from_str::<RoutesDocument>(&routes).unwrap()).unwrap();
    }

    /// Replaces workers that have gone, until `check` holds.
    fn replacing_workers(&self, what: &str, check: impl Fn() -> bool) {
        eventually(what, || {
            if let Some(Event::ChannelClosed { .. }) = self.plane().next_event(Duration::from_millis(1)) {
                self.publish(r#""state": "LOADING", "error_code": 14, "error_message": "it died", "channel": null"#);
                self.load();
            }
            check()
        });
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        self.begin(method, path, headers, body).receive()
    }

    fn begin(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Client {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        Client(stream)
    }

    fn later(&self, body: &str) -> String {
        self.ask("POST", PREDICT, &[ASYNC], body).id()
    }

    fn operation(&self, id: &str) -> Value {
        let reply = self.ask("GET", &format!("/v1/operations/{id}"), &[], "");
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    fn state(&self, id: &str) -> String {
        self.operation(id)["state"].as_str().unwrap().to_owned()
    }

    fn ended(&self, id: &str) -> Value {
        eventually("it ends", || !matches!(self.state(id).as_str(), "pending" | "running"));
        self.operation(id)
    }

    fn stop(&mut self) {
        if let Some(plane) = self.plane.take() {
            plane.stop();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Client(TcpStream);

impl Client {
    fn receive(mut self) -> Reply {
        let mut text = Vec::new();
        self.0.read_to_end(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, headers: head.to_lowercase(), body: body.to_owned() }
    }
}

/// A directory of its own for each test, removed when the test ends well.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("seaway-operations-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Directory(path)
    }

    fn settings(&self) -> OperationsSettings {
        OperationsSettings {
            directory: path_text(&self.0),
            concurrency: 8,
            max_pending: 100,
            max_store_bytes: 1 << 20,
            timeout_ms: 600_000,
            retention_ms: 600_000,
            max_attempts: 2,
            webhooks: None,
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

fn path_text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn instances(value: f32) -> String {
    format!(r#"{{"instances": [{value:?}]}}"#)
}

/// Waits until `check` holds: state changes on other threads.
fn eventually(what: &str, check: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !check() {
        assert!(Instant::now() < end, "never came: {what}");
        std::thread::yield_now();
    }
}

/// A worker that tells the first value of every run, and holds each at the gate.
fn gated() -> (Arc<Gate>, mpsc::Receiver<f32>, impl Fn(&Seen<'_>) -> Act + Send + Sync) {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let (sender, seen_values) = mpsc::channel();
    let sender = Mutex::new(sender);
    let behave = move |seen: &Seen<'_>| {
        let _ = sender.lock().send(seen.floats("x")[0]);
        held.pass();
        worker::half_plus_two(seen)
    };
    (gate, seen_values, behave)
}

#[test]
fn each_call_is_accepted_and_answered_later_as_it_would_have_been_at_once() {
    let directory = Directory::new("calls");
    let served = Served::start(Some(directory.settings()), answer);
    let cases = [
        (PREDICT, r#"{"instances": [1.0, 2.0]}"#),
        ("/v1/models/m/versions/1:predict", r#"{"inputs": [3.0]}"#),
        ("/v1/models/m/labels/stable:predict", r#"{"instances": [5.0]}"#),
        ("/v1/models/m:classify", r#"{"signature_name": "classify", "examples": [{"x": 20.0}]}"#),
        ("/v1/models/m:regress", r#"{"signature_name": "regress", "examples": [{"x": 80.0}]}"#),
    ];
    for (path, body) in cases {
        let now = served.ask("POST", path, &[], body);
        assert_eq!(now.status, 200, "{now:?}");
        let accepted = served.ask("POST", path, &[ASYNC], body);
        let id = accepted.id();
        assert!(accepted.headers.contains(&format!("location: /v1/operations/{id}\r\n")), "{accepted:?}");
        assert!(accepted.headers.contains("preference-applied: respond-async\r\n"), "{accepted:?}");
        let done = served.ended(&id);
        assert_eq!((&done["state"], &done["version"]), (&json!("done"), &json!(1)), "{done}");
        assert_eq!(done["response"], json!({"status": 200, "body": now.json()}), "{path}");
    }
    let page = served.ask("GET", "/v1/operations?page_size=2", &[], "").json();
    assert_eq!((page["operations"].as_array().unwrap().len(), &page["operations"][0]["response"]), (2, &Value::Null));
    let next = format!("/v1/operations?page_token={}", page["next_page_token"].as_str().unwrap());
    assert_eq!(served.ask("GET", &next, &[], "").json()["operations"].as_array().unwrap().len(), 3);
    let metrics = served.plane().metrics_text();
    for line in ["seaway_operations_accepted_total 5", r#"seaway_operations_ended_total{state="done"} 5"#] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert!(metrics.contains(r#"api="operation""#), "{metrics}");
}

#[test]
fn what_can_be_refused_at_once_is_refused_as_ever() {
    let directory = Directory::new("refused");
    let served = Served::start(Some(directory.settings()), answer);
    let cases = [
        ("/v1/models/none:predict", r#"{"instances": [1.0]}"#),
        ("/v1/models/m/versions/9:predict", r#"{"instances": [1.0]}"#),
        (PREDICT, "{"),
        (PREDICT, r#"{"instances": [1.0], "signature_name": "none"}"#),
        (PREDICT, r#"{"instances": ["text"]}"#),
        ("/v1/models/m:regress", r#"{"signature_name": "none", "examples": [{"x": 1.0}]}"#),
        ("/v1/models/m:classify", r#"{"examples": [5]}"#),
    ];
    for (path, body) in cases {
        let (now, later) = (served.ask("POST", path, &[], body), served.ask("POST", path, &[ASYNC], body));
        assert!((400..500).contains(&now.status), "{now:?}");
        assert_eq!((later.status, later.body), (now.status, now.body), "{path} {body}");
    }
    let odd = served.ask("POST", PREDICT, &[ASYNC, ("Idempotency-Key", "")], &instances(1.0));
    assert_eq!(odd.status, 400, "{odd:?}");
    assert_eq!(served.ask("GET", "/v1/operations", &[], "").json()["operations"], json!([]));
    assert_eq!(served.ask("GET", "/v1/operations/none", &[], "").status, 404);
}

#[test]
fn without_a_store_the_preference_is_ignored_and_the_setting_is_named() {
    let served = Served::start(None, answer);
    let reply = served.ask("POST", PREDICT, &[ASYNC], &instances(1.0));
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(!reply.headers.contains("preference-applied"), "{reply:?}");
    let webhook = served.ask("POST", PREDICT, &[ASYNC, ("Webhook", "https://example.com/")], &instances(1.0));
    let list = served.ask("GET", "/v1/operations", &[], "");
    for refused in [webhook, list] {
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(refused.body.contains("operations.directory"), "{refused:?}");
    }
}

#[test]
fn a_synchronous_request_passes_operations_that_were_accepted_before_it() {
    let directory = Directory::new("order");
    let (gate, seen, behave) = gated();
    let served = Served::start(Some(directory.settings()), behave);
    let ids: Vec<String> = (0..50).map(|_| served.later(&instances(1.0))).collect();
    // One is at the worker and the other seven that may run wait in line for it.
    assert_eq!(seen.recv_timeout(Duration::from_secs(20)), Ok(1.0));
    eventually("eight run", || served.plane().metrics_text().contains("seaway_operations_running 8"));
    let now = served.begin("POST", PREDICT, &[], &instances(9.0));
    eventually("it waits", || {
        served.plane().metrics_text().contains(r#"queue_depth_requests{model="m",version="1"} 1"#)
    });
    gate.open();
    assert_eq!(now.receive().status, 200);
    let order: Vec<f32> = (0..50).map(|_| seen.recv_timeout(Duration::from_secs(20)).unwrap()).collect();
    assert_eq!(order.iter().position(|value| *value == 9.0), Some(0), "{order:?}");
    for id in ids {
        assert_eq!(served.ended(&id)["state"], "done");
    }
}

#[test]
fn a_key_gives_the_same_operation_and_only_for_the_same_request() {
    let directory = Directory::new("keys");
    let (gate, _seen, behave) = gated();
    let served = Served::start(Some(directory.settings()), behave);
    let key = ("Idempotency-Key", "order-7");
    let id = served.ask("POST", PREDICT, &[ASYNC, key], &instances(1.0)).id();
    assert_eq!(served.ask("POST", PREDICT, &[ASYNC, key], &instances(1.0)).id(), id);
    for (path, body) in [(PREDICT, instances(2.0)), ("/v1/models/m/versions/1:predict", instances(1.0))] {
        let other = served.ask("POST", path, &[ASYNC, key], &body);
        assert_eq!(other.status, 422, "{other:?}");
        assert!(other.body.contains("was used for another request"), "{other:?}");
    }
    gate.open();
    served.ended(&id);
    assert_eq!(served.ask("POST", PREDICT, &[ASYNC, key], &instances(1.0)).id(), id);
    assert_eq!(served.ask("DELETE", &format!("/v1/operations/{id}"), &[], "").status, 204);
    let new = served.ask("POST", PREDICT, &[ASYNC, key], &instances(2.0)).id();
    assert_ne!(new, id, "a key lives as long as its operation");
}

#[test]
fn many_that_come_at_once_with_one_key_are_one_operation() {
    let directory = Directory::new("twins");
    let served = Served::start(Some(directory.settings()), answer);
    let headers = [ASYNC, ("Idempotency-Key", "k")];
    let clients: Vec<Client> = (0..20).map(|_| served.begin("POST", PREDICT, &headers, &instances(1.0))).collect();
    let mut ids: Vec<String> = clients.into_iter().map(|client| client.receive().id()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[test]
fn cancelling_ends_what_waits_or_runs_and_removes_what_has_ended() {
    let directory = Directory::new("cancel");
    let (gate, seen, behave) = gated();
    let served = Served::start(Some(OperationsSettings { concurrency: 1, ..directory.settings() }), behave);
    let path = |id: &str| format!("/v1/operations/{id}");
    let (running, waiting) = (served.later(&instances(1.0)), served.later(&instances(2.0)));
    assert_eq!(seen.recv_timeout(Duration::from_secs(20)), Ok(1.0));
    assert_eq!((served.state(&running), served.state(&waiting)), ("running".into(), "pending".into()));
    for id in [&waiting, &running] {
        let reply = served.ask("DELETE", &path(id), &[], "");
        assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("cancelled")), "{reply:?}");
    }
    let last = served.later(&instances(3.0));
    gate.open();
    assert_eq!(served.ended(&last)["state"], "done");
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [3.0], "what was cancelled while it waited never runs");
    for id in [&running, &waiting] {
        assert_eq!((served.state(id), &served.operation(id)["response"]), ("cancelled".into(), &Value::Null));
    }
    assert_eq!(served.ask("DELETE", &path(&last), &[], "").status, 204);
    assert_eq!(served.ask("GET", &path(&last), &[], "").status, 404);
    assert_eq!(served.ask("DELETE", &path(&last), &[], "").status, 404);
}

#[test]
fn a_full_queue_and_a_full_store_name_their_bound() {
    let directory = Directory::new("full");
    let (gate, _seen, behave) = gated();
    let bounds = OperationsSettings { max_pending: 2, max_store_bytes: 8192, ..directory.settings() };
    let served = Served::start(Some(bounds), behave);
    let ids = [served.later(&instances(1.0)), served.later(&instances(1.0))];
    let full = |reply: Reply, bound: &str| {
        assert_eq!(reply.status, 429, "{reply:?}");
        assert!(reply.headers.contains("retry-after: 5\r\n") && reply.body.contains(bound), "{reply:?}");
    };
    full(served.ask("POST", PREDICT, &[ASYNC], &instances(1.0)), "operations.max_pending");
    gate.open();
    for id in &ids {
        served.ended(id);
    }
    let large = format!(r#"{{"instances": [{}1.0]}}"#, "1.0, ".repeat(1000));
    full(served.ask("POST", PREDICT, &[ASYNC], &large), "operations.max_store_bytes");
    assert_eq!(served.ask("POST", PREDICT, &[], &large).status, 200, "at once it needs no room");
}

#[test]
fn a_result_that_does_not_fit_fails_and_says_so() {
    let directory = Directory::new("result");
    let served = Served::start(Some(OperationsSettings { max_store_bytes: 8192, ..directory.settings() }), answer);
    // Half of 1 is longer than 1.
    let body = format!(r#"{{"instances": [{}1]}}"#, "1,".repeat(2500));
    let failed = served.ended(&served.later(&body));
    assert_eq!((&failed["state"], &failed["response"]["status"]), (&json!("failed"), &json!(429)), "{failed}");
    assert!(failed["error"]["message"].as_str().unwrap().contains("operations.max_store_bytes"), "{failed}");
}

#[test]
fn operations_go_on_with_the_next_server() {
    let directory = Directory::new("restart");
    let (_gate, seen, behave) = gated();
    let mut first = Served::start(Some(OperationsSettings { concurrency: 1, ..directory.settings() }), behave);
    let key = ("Idempotency-Key", "k");
    let running = first.ask("POST", PREDICT, &[ASYNC, key], &instances(1.0)).id();
    seen.recv_timeout(Duration::from_secs(20)).unwrap();
    let waiting = first.later(&instances(2.0));
    first.stop();
    let second = Served::start(Some(directory.settings()), answer);
    assert_eq!(second.ended(&running)["response"]["body"]["predictions"], json!([2.5]));
    assert_eq!(second.ended(&waiting)["response"]["body"]["predictions"], json!([3.0]));
    assert_eq!(second.operation(&running)["attempts"], 1, "the stop took the first one back");
    assert_eq!(second.ask("POST", PREDICT, &[ASYNC, key], &instances(1.0)).id(), running);
}

#[test]
fn a_store_has_one_server() {
    let directory = Directory::new("lock");
    let _first = Served::start(Some(directory.settings()), answer);
    let settings = PlaneSettings { operations: Some(directory.settings()), ..PlaneSettings::default() };
    let second = Plane::new(settings).unwrap();
    let error = second.start().unwrap_err().to_string();
    assert!(error.contains("operations.redb is in use by another server"), "{error}");
    second.stop();
}

#[test]
fn what_kills_its_worker_is_given_up_and_what_ran_beside_it_is_not() {
    let directory = Directory::new("killer");
    let served = Served::start(Some(directory.settings()), |seen| match seen.floats("x")[..] {
        [13.0] => Act::HangUp,
        _ => worker::half_plus_two(seen),
    });
    let ids: Vec<String> = [1.0, 13.0, 2.0, 3.0].map(|value| served.later(&instances(value))).to_vec();
    served.replacing_workers("all have ended", || {
        ids.iter().all(|id| !matches!(served.state(id).as_str(), "pending" | "running"))
    });
    let states: Vec<String> = ids.iter().map(|id| served.state(id)).collect();
    assert_eq!(states, ["done", "failed", "done", "done"]);
    let killer = served.operation(&ids[1]);
    assert_eq!((&killer["attempts"], &killer["response"]["status"]), (&json!(2), &json!(503)), "{killer}");
    assert!(killer["error"]["message"].as_str().unwrap().starts_with("gave up after 2 attempts"), "{killer}");
}

#[test]
fn a_model_that_is_on_its_way_is_waited_for() {
    let directory = Directory::new("absent");
    let served = Served::start(Some(directory.settings()), answer);
    served.publish(r#""state": "LOADING", "error_code": 14, "error_message": "it died", "channel": null"#);
    let refused = served.ask("POST", PREDICT, &[ASYNC], &instances(1.0));
    assert_eq!(refused.status, 503, "as at once");
    served.load();
    let (gate, _seen, behave) = gated();
    drop(served);
    let mut first = Served::start(Some(OperationsSettings { concurrency: 1, ..directory.settings() }), behave);
    let (_, id) = (first.later(&instances(1.0)), first.later(&instances(2.0)));
    first.publish(r#""state": "LOADING", "error_code": 14, "error_message": "it died", "channel": null"#);
    gate.open();
    eventually("the one before has ended", || first.state(&id) == "pending");
    assert_eq!(first.operation(&id)["attempts"], 0);
    first.load();
    assert_eq!(first.ended(&id)["attempts"], 1);
    first.stop();
}

#[test]
fn what_takes_too_long_fails_and_what_was_kept_long_enough_is_forgotten() {
    let directory = Directory::new("expiry");
    let bounds = OperationsSettings { timeout_ms: 300, retention_ms: 300, concurrency: 1, ..directory.settings() };
    let (gate, _seen, behave) = gated();
    let served = Served::start(Some(bounds), behave);
    let ids = [served.later(&instances(1.0)), served.later(&instances(2.0))];
    let states = Mutex::new(Vec::new());
    for id in &ids {
        let path = format!("/v1/operations/{id}");
        eventually("it is forgotten", || {
            let reply = served.ask("GET", &path, &[], "");
            if reply.status == 200 && reply.json()["state"] == "failed" {
                states.lock().push((reply.json()["response"]["status"].clone(), reply.json()["error"]["code"].clone()));
            }
            reply.status == 404
        });
    }
    let states = states.into_inner();
    assert!(!states.is_empty() && states.iter().all(|seen| *seen == (json!(504), json!("DEADLINE_EXCEEDED"))));
    gate.open();
    assert!(served.plane().metrics_text().contains("seaway_operations_store_bytes 0"));
}

/// A receiver that answers with these statuses in turn, the last one again and again, and gives what it was sent.
fn receiver(statuses: &'static [u16]) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || {
        for turn in 0.. {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let status = statuses[turn.min(statuses.len() - 1)];
            let mut text = Vec::new();
            while !text.ends_with(b"}}") {
                let mut part = [0; 1024];
                match stream.read(&mut part) {
                    Ok(len @ 1..) => text.extend(&part[..len]),
                    _ => break,
                }
            }
            // Before the answer: once that is there, the test may look at what was received.
            let is_awaited = sender.send(String::from_utf8(text).unwrap()).is_ok();
            let _ = stream.write_all(format!("HTTP/1.1 {status} x\r\nlocation: /other\r\n\r\n").as_bytes());
            if !is_awaited {
                return;
            }
        }
    });
    (url, received)
}

fn with_webhooks(directory: &Directory, allow: &[&str]) -> OperationsSettings {
    let webhooks = WebhookSettings {
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
        allow: allow.iter().map(|entry| (*entry).to_owned()).collect(),
        max_attempts: 3,
        timeout_ms: 20_000,
        backoff_ms: 1,
    };
    OperationsSettings { webhooks: Some(webhooks), ..directory.settings() }
}

#[test]
fn a_result_is_sent_until_it_is_taken_or_given_up() {
    let directory = Directory::new("webhook");
    let served = Served::start(Some(with_webhooks(&directory, &["127.0.0.0/8"])), answer);
    let cases =
        [(&[500, 503, 200][..], "delivered", 3), (&[404], "failed", 3), (&[307], "failed", 3), (&[410], "failed", 1)];
    for (statuses, state, tries) in cases {
        let (url, received) = receiver(statuses);
        let id = served.ask("POST", PREDICT, &[ASYNC, ("Webhook", &url)], &instances(1.0)).id();
        eventually("the delivery ends", || served.operation(&id)["webhook"]["state"] == state);
        let requests: Vec<String> = received.try_iter().collect();
        assert_eq!(
            (requests.len(), &served.operation(&id)["webhook"]["attempts"]),
            (tries, &json!(tries)),
            "{statuses:?}"
        );
        for request in requests {
            assert!(request.starts_with("POST /hook "), "{request}");
            assert!(request.contains(&format!("webhook-id: op_{id}\r\n")), "{request}");
            let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
            assert_eq!(body["response"], json!({"status": 200, "body": {"predictions": [2.5]}}));
        }
    }
    let metrics = served.plane().metrics_text();
    for line in [r#"{outcome="delivered"} 1"#, r#"{outcome="failed"} 3"#, r#"{outcome="retried"} 6"#] {
        assert!(metrics.contains(&format!("seaway_operation_webhooks_total{line}")), "{line} in {metrics}");
    }
}

#[test]
fn webhooks_are_off_unless_allowed_and_never_point_inside() {
    let directory = Directory::new("inside");
    let served = Served::start(Some(directory.settings()), answer);
    let ask = |served: &Served, url| served.ask("POST", PREDICT, &[ASYNC, ("Webhook", url)], &instances(1.0));
    let off = ask(&served, "https://example.com/");
    assert_eq!(off.status, 403, "{off:?}");
    assert!(off.body.contains("operations.webhooks"), "{off:?}");
    drop(served);
    let served = Served::start(Some(with_webhooks(&directory, &[])), answer);
    for url in ["http://127.0.0.1:1/", "http://[::ffff:10.0.0.1]/", "http://169.254.169.254/", "ftp://example.com/"] {
        assert_eq!(ask(&served, url).status, 403, "{url}");
    }
    // A name is looked up when there is something to send.
    let id = ask(&served, "http://localhost:1/").id();
    eventually("it is refused", || served.operation(&id)["webhook"]["state"] == "failed");
    let webhook = &served.operation(&id)["webhook"];
    assert!(webhook["error"].as_str().unwrap().contains("loopback"), "{webhook}");
}
