//! REST from bytes on a socket to a worker's frames and back, through a whole plane.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::support::worker::{self, Act, Gate, Output, Seen};
use crate::support::{settings, signature_def_map};
use seaway_plane::plane::Plane;
use seaway_plane::routes::RoutesDocument;
use seaway_plane::settings::PlaneSettings;
use seaway_wire::Layout;

/// A plane with one model `m`, which a worker answers as a test wants.
struct Served {
    plane: Option<Plane>,
    address: String,
}

impl Served {
    fn start(
        plane_settings: PlaneSettings,
        max_queue: usize,
        behave: impl Fn(&Seen<'_>) -> Act + Send + Sync + 'static,
    ) -> Served {
        let rest_address = Some("127.0.0.1:0".to_owned());
        let plane = Plane::new(PlaneSettings { rest_address, ..plane_settings }).unwrap();
        let address = plane.start().unwrap().rest_address.unwrap();
        let channel_settings = settings(1, max_queue);
        let layout = Layout { slots: channel_settings.slots, stride: channel_settings.stride_bytes };
        let (channel, socket, arena) = plane.open_channel(channel_settings).unwrap();
        worker::start(socket, arena, layout, 1, behave);
        plane.set_signatures(channel, &signature_def_map()).unwrap();
        let routes = format!(
            r#"{{"models": [{{"name": "m", "labels": {{"stable": 1}}, "versions":
                [{{"version": 1, "state": "AVAILABLE", "channel": {channel}}}]}}]}}"#
        );
        plane.publish(serde_json::from_str::<RoutesDocument>(&routes).unwrap()).unwrap();
        plane.set_ready(true);
        Served { plane: Some(plane), address }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client { stream }
    }

    fn post(&self, path: &str, body: &str) -> Reply {
        self.connect().post(path, body)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.plane.take().expect("stopped once").stop();
    }
}

struct Client {
    stream: TcpStream,
}

#[derive(Debug)]
struct Reply {
    status: u16,
    headers: String,
    body: String,
}

impl Client {
    fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    fn post(&mut self, path: &str, body: &str) -> Reply {
        self.send(&post(path, body));
        self.receive()
    }

    /// Reads one reply, as long as its `content-length` says.
    fn receive(&mut self) -> Reply {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let headers = String::from_utf8(head).unwrap().to_lowercase();
        let length = headers.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.stream.read_exact(&mut body).unwrap();
        let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, headers, body: String::from_utf8(body).unwrap() }
    }
}

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn error(message: &str) -> String {
    format!("{{\n    \"error\": \"{message}\"\n}}")
}

/// Answers whichever signature of the test model was asked.
fn model(seen: &Seen<'_>) -> Act {
    let floats = |name: &str, values: &[f32]| Output::floats(name, &[values.len() as i64], values);
    match seen.run.signature {
        "text" => {
            let elements = seen.strings("s");
            let elements: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
            Act::Answer(vec![Output::strings("s", &[elements.len() as i64], &elements)])
        }
        "sum" => {
            let (a, b) = (seen.floats("a"), seen.floats("b"));
            let sum: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
            let difference: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
            Act::Answer(vec![floats("difference", &difference), floats("sum", &sum)])
        }
        "regress" => Act::Answer(vec![floats("outputs", &vec![42.0; seen.strings("inputs").len()])]),
        "classify" => Act::Answer(vec![
            Output::strings("classes", &[1, 1], &[b"cat"]),
            Output::floats("scores", &[1, 1], &[0.75]),
        ]),
        _ => worker::half_plus_two(seen),
    }
}

#[test]
fn predictions_come_back_in_the_format_that_was_asked() {
    let served = Served::start(PlaneSettings::default(), 8, model);
    let mut client = served.connect();
    let cases = [
        ("/v1/models/m:predict", r#"{"instances": [1.0, 2, 5]}"#, "{\n    \"predictions\": [2.5, 3.0, 4.5\n    ]\n}"),
        ("/v1/models/m/versions/1:predict", r#"{"inputs": [1.0]}"#, "{\n    \"outputs\": [\n        2.5\n    ]\n}"),
        (
            "/v1/models/m/labels/stable:predict",
            r#"{"instances": [{"s": "é"}, {"s": {"b64": "eHl6"}}], "signature_name": "text"}"#,
            "{\n    \"predictions\": [\"é\", \"xyz\"\n    ]\n}",
        ),
        (
            "/v1/models/m:predict",
            r#"{"signature_name": "sum", "instances": [{"b": 1, "a": 2}]}"#,
            "{\n    \"predictions\": [\n        {\n            \"difference\": 1.0,\n            \"sum\": 3.0\n        }\n    ]\n}",
        ),
        (
            "/v1/models/m:predict",
            r#"{"signature_name": "sum", "instances": [{"a": 2}]}"#,
            "{\n    \"predictions\": [\n        {\n            \"difference\": -8.0,\n            \"sum\": 12.0\n        }\n    ]\n}",
        ),
    ];
    for (path, body, expected) in cases {
        let reply = client.post(path, body);
        assert_eq!((reply.status, reply.body.as_str()), (200, expected), "{path} {body}");
        assert!(reply.headers.contains("content-type: application/json"));
    }
}

#[test]
fn examples_are_classified_and_regressed() {
    let served = Served::start(PlaneSettings::default(), 8, model);
    let reply =
        served.post("/v1/models/m:regress", r#"{"signature_name": "regress", "examples": [{"x": 80.0}, {"x": 1}]}"#);
    assert_eq!((reply.status, reply.body.as_str()), (200, "{\n    \"results\": [42.0, 42.0]\n}"));
    let reply = served.post("/v1/models/m:classify", r#"{"signature_name": "classify", "examples": [{"x": 20.0}]}"#);
    assert_eq!((reply.status, reply.body.as_str()), (200, "{\n    \"results\": [[[\"cat\", 0.75]]\n    ]\n}"));
    let reply = served.post("/v1/models/m:classify", r#"{"signature_name": "none", "examples": [{"x": 20.0}]}"#);
    assert_eq!((reply.status, reply.body), (400, error("No signature was found with the name: none")));
}

#[test]
fn a_signature_that_is_not_there_is_named() {
    let served = Served::start(PlaneSettings::default(), 8, model);
    let reply = served.post("/v1/models/m:predict", r#"{"signature_name": "none", "instances": [1]}"#);
    let message = r#"Serving signature name: \"none\" not found in signature def"#;
    assert_eq!((reply.status, reply.body), (400, error(message)));
}

#[test]
fn metadata_and_readiness_are_told_while_it_is_served() {
    let served = Served::start(PlaneSettings::default(), 8, model);
    let mut client = served.connect();
    client.send("GET /v1/models/m/metadata HTTP/1.1\r\nHost: x\r\n\r\n");
    let metadata: serde_json::Value = serde_json::from_str(&client.receive().body).unwrap();
    let inputs = &metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"];
    assert_eq!(inputs["x"]["dtype"], "DT_FLOAT");
    for path in ["/readyz", "/readyz/m", "/livez"] {
        client.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(client.receive().status, 200, "{path}");
    }
}

#[test]
fn a_full_queue_is_429_with_retry_after() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let (entered, running) = std::sync::mpsc::channel();
    let served = Served::start(PlaneSettings::default(), 0, move |seen| {
        let _ = entered.send(());
        held.pass();
        worker::half_plus_two(seen)
    });
    let mut first = served.connect();
    first.send(&post("/v1/models/m:predict", r#"{"instances": [1.0]}"#));
    running.recv_timeout(Duration::from_secs(20)).unwrap();
    let reply = served.post("/v1/models/m:predict", r#"{"instances": [1.0]}"#);
    assert_eq!(reply.status, 429, "{reply:?}");
    assert!(reply.headers.contains("retry-after: 1\r\n"), "{reply:?}");
    gate.open();
    assert_eq!(first.receive().status, 200);
}

#[test]
fn a_worker_that_does_not_answer_runs_into_the_time_limit() {
    let settings = PlaneSettings { rest_timeout_ms: 100, ..PlaneSettings::default() };
    let served = Served::start(settings, 8, |_| Act::Ignore);
    let reply = served.post("/v1/models/m:predict", r#"{"instances": [1.0]}"#);
    assert_eq!(reply.status, 504, "{reply:?}");
}

#[test]
fn a_client_that_closed_its_half_is_answered() {
    let served = Served::start(PlaneSettings::default(), 8, model);
    let mut client = served.connect();
    client.send(&post("/v1/models/m:predict", r#"{"instances": [1.0]}"#));
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.receive().status, 200);
}

#[test]
fn headers_that_never_end_close_the_connection() {
    let settings = PlaneSettings { header_read_timeout_ms: 100, ..PlaneSettings::default() };
    let served = Served::start(settings, 8, model);
    let mut client = served.connect();
    client.send("POST /v1/models/m:predict HTTP/1.1\r\nHost:");
    let mut rest = Vec::new();
    client.stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
}
