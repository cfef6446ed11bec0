//! Requests that are spread over two versions of a model, through a whole plane and over both APIs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::client::{framed, full, request, spec, Client, PREDICT};
use crate::support::served::answer;
use crate::support::worker::{self, Act, Gate, Seen};
use crate::support::{settings, signature_def_map};
use prost::Message;
use seaway_plane::inference::method_names::{CLASSIFY, REGRESS};
use seaway_plane::pb::tensorflow::serving as pb;
use seaway_plane::pb::tensorflow::serving::model_spec::VersionChoice;
use seaway_plane::plane::{Addresses, Plane};
use seaway_plane::routes::RoutesDocument;
use seaway_plane::settings::{OperationsSettings, PlaneSettings};
use seaway_wire::Layout;
use serde_json::{json, Value};

/// A plane with versions 1 and 2 of a model `m`.
struct Served {
    plane: Option<Plane>,
    addresses: Addresses,
    channels: [u64; 2],
    runtime: tokio::runtime::Runtime,
    rest: RefCell<BufReader<TcpStream>>,
}

impl Served {
    /// Both versions answer as [`answer`] does.
    fn start(traffic: Value) -> Served {
        Served::with(PlaneSettings::default(), traffic, answer, answer)
    }

    fn with(
        plane_settings: PlaneSettings,
        traffic: Value,
        first: impl Fn(&Seen<'_>) -> Act + Send + Sync + 'static,
        second: impl Fn(&Seen<'_>) -> Act + Send + Sync + 'static,
    ) -> Served {
        let any = || Some("127.0.0.1:0".to_owned());
        let plane = Plane::new(PlaneSettings { grpc_address: any(), rest_address: any(), ..plane_settings }).unwrap();
        let addresses = plane.start().unwrap();
        let channels = [load(&plane, 1, first), load(&plane, 2, second)];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let rest = TcpStream::connect(addresses.rest_address.as_ref().expect("it listens")).unwrap();
        rest.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let rest = RefCell::new(BufReader::new(rest));
        let served = Served { plane: Some(plane), addresses, channels, runtime, rest };
        served.publish(traffic, ["AVAILABLE"; 2]);
        served.plane().set_ready(true);
        served
    }

    fn plane(&self) -> &Plane {
        self.plane.as_ref().expect("it runs")
    }

    fn publish(&self, traffic: Value, states: [&str; 2]) {
        let version = |index: usize| {
            let channel = (states[index] == "AVAILABLE").then_some(self.channels[index]);
            json!({"version": index + 1, "state": states[index], "channel": channel})
        };
        let routes = json!({"models": [
            {"name": "m", "labels": {"stable": 1}, "versions": [version(0), version(1)], "traffic": traffic}]});
        self.plane().publish(serde_json::from_value::<RoutesDocument>(routes).unwrap()).unwrap();
    }

    fn run<T>(&self, test: impl AsyncFnOnce(Client) -> T) -> T {
        let address = self.addresses.grpc_address.clone().expect("it listens");
        self.runtime.block_on(async { test(Client::tcp(&address).await).await })
    }

    /// Asks over one connection; the body of the reply.
    fn rest(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Value {
        let mut stream = self.rest.borrow_mut();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let asked = format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        stream.get_mut().write_all(asked.as_bytes()).unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            match line.trim_end().to_lowercase().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().unwrap(),
                None if line.trim_end().is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)))
    }

    /// A value of the metrics; 0 where there is none.
    fn metric(&self, series: &str) -> f64 {
        let text = self.plane().metrics_text();
        let value = |line: &str| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok();
        text.lines().find_map(value).unwrap_or(0.0)
    }

    /// Requests that each version answered.
    fn answered(&self, api: &str, signature: &str) -> (f64, f64) {
        let of = |version: usize| {
            self.metric(&format!(
                "seaway_requests_total{{api=\"{api}\",code=\"OK\",model=\"m\",signature=\"{signature}\",version=\"{version}\"}}"
            ))
        };
        (of(1), of(2))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.plane.take().expect("stopped once").stop();
    }
}

fn load(plane: &Plane, version: i64, behave: impl Fn(&Seen<'_>) -> Act + Send + Sync + 'static) -> u64 {
    let settings = seaway_plane::channel::ChannelSettings { version, ..settings(2, 1000) };
    let layout = Layout { slots: settings.slots, stride: settings.stride_bytes };
    let (channel, socket, arena) = plane.open_channel(settings).unwrap();
    worker::start(socket, arena, layout, 2, behave);
    plane.set_signatures(channel, &signature_def_map()).unwrap();
    channel
}

fn eventually(what: &str, check: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !check() {
        assert!(Instant::now() < end, "never came: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn version_of(spec: &pb::ModelSpec) -> i64 {
    match spec.version_choice {
        Some(VersionChoice::Version(version)) => version,
        _ => panic!("no version: {spec:?}"),
    }
}

fn classify() -> pb::ClassificationRequest {
    pb::ClassificationRequest { model_spec: Some(spec("m", "classify")), input: Some(examples()) }
}

fn examples() -> pb::Input {
    let example = seaway_plane::codec::RawMessage::decode(&b""[..]).unwrap();
    pb::Input { kind: Some(pb::input::Kind::ExampleList(pb::ExampleList { examples: vec![example] })) }
}

fn canary(share: f64) -> Value {
    json!({"live": 1, "candidate": 2, "canary": share})
}

const SERVICE: &str = "/tensorflow.serving.PredictionService/";

#[test]
fn every_call_of_both_apis_is_spread_and_one_with_a_version_or_label_is_not() {
    let served = Served::start(canary(0.25));
    let share = |api: &str, signature: &str, expected: f64| {
        let (first, second) = served.answered(api, signature);
        assert!(first + second >= 40.0 && (second - expected).abs() <= 2.0, "{api} {signature}: {first}, {second}");
    };
    served.run(async |client: Client| {
        for _ in 0..40 {
            let (_, answered) = client.predict(&request("", &[("x", &[1.0])])).await.predicted();
            assert!([1, 2].contains(&version_of(&answered)));
        }
        share("grpc", "serving_default", 10.0);
        for _ in 0..40 {
            let _: pb::ClassificationResponse = client.call(&format!("{SERVICE}Classify"), &classify()).await.decoded();
        }
        share("grpc", "classify", 10.0);
        for _ in 0..40 {
            let asked = pb::RegressionRequest { model_spec: Some(spec("m", "regress")), input: Some(examples()) };
            let _: pb::RegressionResponse = client.call(&format!("{SERVICE}Regress"), &asked).await.decoded();
        }
        share("grpc", "regress", 10.0);
        for _ in 0..40 {
            let task = |signature: &str, method_name: &str| pb::InferenceTask {
                model_spec: Some(spec("m", signature)),
                method_name: method_name.into(),
            };
            let tasks = vec![task("classify", CLASSIFY), task("regress", REGRESS)];
            let asked = pb::MultiInferenceRequest { tasks, input: Some(examples()) };
            let answer: pb::MultiInferenceResponse =
                client.call(&format!("{SERVICE}MultiInference"), &asked).await.decoded();
            let versions: Vec<i64> =
                answer.results.iter().map(|result| version_of(result.model_spec.as_ref().unwrap())).collect();
            assert_eq!(versions[0], versions[1], "one version answers all tasks");
        }
        share("grpc", "classify", 20.0);
        for choice in [VersionChoice::Version(1), VersionChoice::VersionLabel("stable".into())] {
            for _ in 0..10 {
                let mut asked = request("", &[("x", &[1.0])]);
                asked.model_spec.as_mut().unwrap().version_choice = Some(choice.clone());
                assert_eq!(version_of(&client.predict(&asked).await.predicted().1), 1);
            }
        }
    });
    let bodies = [("predict", r#"{"instances": [1.0]}"#), ("classify", ""), ("regress", "")];
    for (call, body) in bodies {
        let body = match body {
            "" => format!(r#"{{"signature_name": "{call}", "examples": [{{}}]}}"#),
            body => body.to_owned(),
        };
        for _ in 0..40 {
            served.rest("POST", &format!("/v1/models/m:{call}"), &[], &body);
        }
        share("rest", if call == "predict" { "serving_default" } else { call }, 10.0);
    }
    for _ in 0..10 {
        served.rest("POST", "/v1/models/m/versions/2:predict", &[], r#"{"instances": [1.0]}"#);
    }
    share("rest", "serving_default", 20.0);
}

#[test]
fn a_client_with_the_header_stays_with_its_version_over_both_apis() {
    // `user-7` is at 0.036 and `user-1` at 0.776: see the unit tests of the places.
    let served = Served::start(json!({"live": 1, "candidate": 2, "canary": 0.1, "sticky_header": "X-User"}));
    for (user, expected) in [("user-7", (0.0, 20.0)), ("user-1", (20.0, 20.0))] {
        served.run(async |client: Client| {
            let message = request("", &[("x", &[1.0])]).encode_to_vec();
            for _ in 0..20 {
                let answer = client.call_with(PREDICT, &[("x-user", user)], full(framed(0, &message))).await;
                assert_eq!(answer.code, 0, "{answer:?}");
            }
        });
        assert_eq!(served.answered("grpc", "serving_default"), expected, "{user}");
        for _ in 0..20 {
            served.rest("POST", "/v1/models/m:predict", &[("X-USER", user)], r#"{"instances": [1.0]}"#);
        }
        assert_eq!(served.answered("rest", "serving_default"), expected, "{user}");
    }
}

#[test]
fn where_the_chosen_version_cannot_answer_the_other_one_does() {
    let served = Served::start(canary(0.5));
    for (states, expected) in [(["AVAILABLE", "LOADING"], (20.0, 0.0)), (["UNLOADING", "AVAILABLE"], (20.0, 20.0))] {
        served.publish(canary(0.5), states);
        for _ in 0..20 {
            served.rest("POST", "/v1/models/m:predict", &[], r#"{"instances": [1.0]}"#);
        }
        assert_eq!(served.answered("rest", "serving_default"), expected, "{states:?}");
    }
}

#[test]
fn metadata_without_a_version_is_that_of_the_live_one() {
    let served = Served::start(canary(1.0));
    let metadata = || served.rest("GET", "/v1/models/m/metadata", &[], "")["model_spec"]["version"].clone();
    assert_eq!(metadata(), "1");
    served.run(async |client: Client| {
        let asked = pb::GetModelMetadataRequest {
            model_spec: Some(spec("m", "")),
            metadata_field: vec!["signature_def".into()],
        };
        let answer: pb::GetModelMetadataResponse =
            client.call(&format!("{SERVICE}GetModelMetadata"), &asked).await.decoded();
        assert_eq!(version_of(&answer.model_spec.unwrap()), 1);
    });
    let status = served.rest("GET", "/v1/models/m", &[], "");
    assert_eq!(status["model_version_status"].as_array().map(Vec::len), Some(2), "a status is that of all versions");
    served.publish(Value::Null, ["AVAILABLE"; 2]);
    assert_eq!(metadata(), "2", "without a spread the highest");
}

#[test]
fn operations_are_spread_when_they_run() {
    let directory = std::env::temp_dir().join(format!("seaway-traffic-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let operations = OperationsSettings {
        directory: directory.display().to_string(),
        concurrency: 1,
        max_pending: 1000,
        max_store_bytes: 1 << 20,
        timeout_ms: 60_000,
        retention_ms: 60_000,
        max_attempts: 3,
        webhooks: None,
    };
    let settings = PlaneSettings { operations: Some(operations), ..PlaneSettings::default() };
    let served = Served::with(settings, canary(0.25), answer, answer);
    for _ in 0..20 {
        let body = r#"{"instances": [1.0]}"#;
        served.rest("POST", "/v1/models/m:predict", &[("Prefer", "respond-async")], body);
    }
    let done = || served.rest("GET", "/v1/operations?state=done", &[], "");
    eventually("all are done", || done()["operations"].as_array().map(Vec::len) == Some(20));
    let mut by_version = BTreeMap::new();
    for operation in done()["operations"].as_array().unwrap() {
        *by_version.entry(operation["version"].as_i64().unwrap()).or_insert(0usize) += 1;
    }
    drop(served);
    std::fs::remove_dir_all(directory).unwrap();
    assert!(by_version.get(&2).is_some_and(|second| second.abs_diff(5) <= 1), "{by_version:?}");
}

fn shadow(share: f64) -> Value {
    json!({"live": 1, "candidate": 2, "shadow": share})
}

/// How copies of version 1's requests compared with version 2's answers: agreed, differed, failed, dropped.
fn compared(served: &Served) -> [u64; 4] {
    let measurements: Value = serde_json::from_str(&served.plane().measurements()).unwrap();
    let comparisons = measurements["comparisons"].as_array().unwrap();
    let pair =
        comparisons.iter().find(|pair| (pair["live"] == 1) && (pair["candidate"] == 2) && (pair["model"] == "m"));
    let count = |outcome: &str| pair.map_or(0, |pair| pair[outcome].as_u64().unwrap());
    ["agreed", "differed", "failed", "dropped"].map(count)
}

fn series(served: &Served, version: i64, kind: &str) -> Value {
    let measurements: Value = serde_json::from_str(&served.plane().measurements()).unwrap();
    let all = measurements["series"].as_array().unwrap();
    let found = all.iter().find(|series| series["version"] == version && series["kind"] == kind);
    found.cloned().unwrap_or_default()
}

const INSTANCE: &str = r#"{"instances": [1.0]}"#;

#[test]
fn a_share_of_the_live_requests_is_run_on_the_candidate_too_and_compared() {
    let served = Served::start(shadow(0.5));
    served.run(async |client: Client| {
        for _ in 0..20 {
            let (outputs, answered) = client.predict(&request("", &[("x", &[1.0, 2.0])])).await.predicted();
            assert_eq!((version_of(&answered), outputs["y"].as_slice()), (1, [2.5, 3.0].as_slice()));
        }
        for _ in 0..20 {
            let _: pb::ClassificationResponse = client.call(&format!("{SERVICE}Classify"), &classify()).await.decoded();
        }
    });
    for _ in 0..20 {
        served.rest("POST", "/v1/models/m:predict", &[], INSTANCE);
        let body = r#"{"signature_name": "regress", "examples": [{}]}"#;
        served.rest("POST", "/v1/models/m:regress", &[], body);
    }
    eventually("every second one was compared", || compared(&served)[0] >= 39);
    for _ in 0..10 {
        served.rest("POST", "/v1/models/m/versions/1:predict", &[], INSTANCE);
        served.rest("POST", "/v1/models/m/labels/stable:predict", &[], INSTANCE);
    }
    let [agreed, differed, failed, dropped] = compared(&served);
    assert!(agreed <= 41 && [differed, failed, dropped] == [0; 3], "those with a version or label are not copied");
    // Copies are nobody's requests: TensorFlow Serving's series, and those of clients, do not know them.
    assert_eq!(served.metric(r#":tensorflow:serving:request_count{model_name="m",status="OK"}"#), 100.0);
    assert_eq!(served.answered("grpc", "serving_default"), (20.0, 0.0));
    let (_, copies) = served.answered("shadow", "serving_default");
    assert!((19.0..=21.0).contains(&copies), "{copies}");
    let (live, shadow) = (series(&served, 1, "live"), series(&served, 2, "shadow"));
    assert_eq!((live["ok"].as_u64(), shadow["ok"].as_u64()), (Some(100), Some(agreed)));
    assert_eq!(series(&served, 2, "live"), Value::Null);
    let outcome = |outcome: &str| {
        let labels = format!(r#"{{candidate="2",live="1",model="m",outcome="{outcome}"}}"#);
        served.metric(&format!("seaway_shadow_requests_total{labels}"))
    };
    assert_eq!((outcome("agreed"), outcome("differed")), (agreed as f64, 0.0));
}

#[test]
fn requests_that_the_candidate_answers_are_not_copied() {
    let served = Served::start(json!({"live": 1, "candidate": 2, "canary": 0.5, "shadow": 1.0}));
    for _ in 0..40 {
        served.rest("POST", "/v1/models/m:predict", &[], INSTANCE);
    }
    let (live, candidate) = served.answered("rest", "serving_default");
    assert!((19.0..=21.0).contains(&candidate), "{candidate}");
    eventually("the live ones were compared", || compared(&served)[0] as f64 >= live);
    assert_eq!((compared(&served)[0] as f64, served.answered("shadow", "serving_default")), (live, (0.0, live)));
}

#[test]
fn a_candidate_that_answers_otherwise_or_not_at_all_is_found_out_and_no_client_notices() {
    let odd = |seen: &Seen<'_>| match seen.floats("x")[0] {
        x if x < 0.0 => Act::Fail(seaway_plane::status::Code::Internal, "it broke".into()),
        x => Act::Answer(vec![worker::Output::floats("y", &[1], &[x * 5.0])]),
    };
    let served = Served::with(PlaneSettings::default(), shadow(1.0), answer, odd);
    for (value, expected) in [(1.0, 2.5), (-1.0, 1.5), (2.0, 3.0)] {
        let body = format!(r#"{{"instances": [{value:?}]}}"#);
        assert_eq!(served.rest("POST", "/v1/models/m:predict", &[], &body)["predictions"], json!([expected]));
    }
    eventually("each was compared", || compared(&served) == [0, 2, 1, 0]);
    let copies = series(&served, 2, "shadow");
    assert_eq!((copies["ok"].as_u64(), copies["server_errors"].as_u64()), (Some(2), Some(1)));
    // One that the live version refuses is not copied.
    served.rest("POST", "/v1/models/m:predict", &[], r#"{"instances": ["text"]}"#);
    served.publish(shadow(1.0), ["AVAILABLE", "LOADING"]);
    served.rest("POST", "/v1/models/m:predict", &[], INSTANCE);
    assert_eq!(compared(&served), [0, 2, 1, 0], "and none while there is no candidate");
}

#[test]
fn a_candidate_that_hangs_delays_nobody_and_copies_without_room_are_dropped() {
    let gate = Gate::new();
    let hangs = {
        let gate = Arc::clone(&gate);
        move |seen: &Seen<'_>| {
            gate.pass();
            answer(seen)
        }
    };
    let served = Served::with(PlaneSettings::default(), shadow(1.0), answer, hangs);
    for _ in 0..100 {
        let reply = served.rest("POST", "/v1/models/m:predict", &[], INSTANCE);
        assert_eq!(reply["predictions"], json!([2.5]));
    }
    assert_eq!(compared(&served), [0, 0, 0, 36], "64 wait");
    let measurements: Value = serde_json::from_str(&served.plane().measurements()).unwrap();
    assert_eq!((&measurements["in_flight"], &measurements["queued"]), (&json!(0), &json!(0)), "of clients' requests");
    gate.open();
    eventually("all that waited were compared", || compared(&served) == [64, 0, 0, 36]);
    served.rest("POST", "/v1/models/m:predict", &[], INSTANCE);
    eventually("and there is room again", || compared(&served) == [65, 0, 0, 36]);
}
