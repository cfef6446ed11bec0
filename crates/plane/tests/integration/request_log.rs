//! The request log of a whole plane: what fills it, what it costs, and what happens where there is no room.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::support::client::{request, PREDICT};
use crate::support::served::{answer, grpc_settings, Served};
use prost::Message;
use seaway_plane::pb::tensorflow::serving as pb;
use seaway_plane::pb::tensorflow::serving::prediction_log::LogType;
use seaway_plane::routes::RoutesDocument;
use seaway_plane::settings::{PlaneSettings, RequestLogSettings};

/// A directory of a test's own, which is gone with it.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("seaway-plane-log-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    /// The records of all complete files.
    fn records(&self) -> Vec<pb::PredictionLog> {
        let paths = std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        let complete = paths.filter(|path| path.extension().is_some_and(|extension| extension == "tfrecord"));
        complete.flat_map(|path| records(&std::fs::read(path).unwrap())).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn records(mut file: &[u8]) -> Vec<pb::PredictionLog> {
    let mut found = Vec::new();
    while let Some((head, rest)) = file.split_at_checked(12) {
        let len = u64::from_le_bytes(head[..8].try_into().unwrap()) as usize;
        found.push(pb::PredictionLog::decode(&rest[..len]).unwrap());
        file = &rest[len + 4..];
    }
    found
}

fn served(directory: &Directory, rate: Option<f64>, request_log: RequestLogSettings) -> Served {
    let served = Served::with(PlaneSettings { request_log, ..grpc_settings() }, 2, 100, answer);
    publish(&served, directory, rate);
    served
}

fn publish(served: &Served, directory: &Directory, rate: Option<f64>) {
    let channel = served.channel;
    let prefix = directory.0.join("m");
    let log = rate.map_or("null".to_owned(), |rate| {
        format!(r#"{{"prefix": "{}", "sampling_rate": {rate}}}"#, prefix.to_str().unwrap())
    });
    let routes = format!(
        r#"{{"models": [{{"name": "m", "request_log": {log},
            "versions": [{{"version": 1, "state": "AVAILABLE", "channel": {channel}}}]}}]}}"#
    );
    served.plane().publish(serde_json::from_str::<RoutesDocument>(&routes).unwrap()).unwrap();
}

fn predict(served: &Served, times: usize) {
    served.run(async |client| {
        for _ in 0..times {
            let answer = client.call(PREDICT, &request("", &[("x", &[2.0])])).await;
            assert_eq!(answer.code, 0, "{answer:?}");
        }
    });
}

fn counted(served: &Served, outcome: &str) -> Option<u64> {
    let series = format!("seaway_request_log_records_total{{model=\"m\",outcome=\"{outcome}\"}} ");
    served.plane().metrics_text().lines().find_map(|line| line.strip_prefix(&series)?.parse().ok())
}

fn soon(what: &str, check: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !check() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn every_request_is_logged_at_rate_one_and_a_file_is_complete_when_the_plane_stops() {
    let directory = Directory::new("one");
    let mut served = served(&directory, Some(1.0), RequestLogSettings::default());
    predict(&served, 5);
    soon("the records are written", || counted(&served, "written") == Some(5));
    assert!(directory.records().is_empty(), "the file is not complete");
    served.plane.take().unwrap().stop();
    let found = directory.records();
    assert_eq!(found.len(), 5);
    let Some(LogType::PredictLog(log)) = &found[0].log_type else { panic!("{found:?}") };
    assert!(log.request.as_ref().unwrap().inputs.contains_key("x"));
    assert!(!log.response.clone().unwrap().into_bytes().is_empty());
}

#[test]
fn no_request_is_logged_at_rate_zero_or_without_a_log() {
    let directory = Directory::new("none");
    let mut served = served(&directory, Some(0.0), RequestLogSettings::default());
    predict(&served, 20);
    publish(&served, &directory, None);
    predict(&served, 20);
    assert_eq!(counted(&served, "written"), Some(0));
    served.plane.take().unwrap().stop();
    assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 0, "no file is begun");
}

#[test]
fn turning_the_log_off_completes_its_file_and_on_begins_another() {
    let directory = Directory::new("off");
    let served = served(&directory, Some(1.0), RequestLogSettings::default());
    predict(&served, 1);
    publish(&served, &directory, None);
    predict(&served, 1);
    soon("the file is complete", || directory.records().len() == 1);
    publish(&served, &directory, Some(1.0));
    predict(&served, 1);
    publish(&served, &directory, None);
    soon("the second file is complete", || directory.records().len() == 2);
    assert_eq!(counted(&served, "written"), Some(2));
}

#[test]
fn what_finds_no_room_is_answered_and_counted_as_dropped() {
    let directory = Directory::new("room");
    let served = served(&directory, Some(1.0), RequestLogSettings { queue_bytes: 2, ..RequestLogSettings::default() });
    predict(&served, 7);
    assert_eq!(counted(&served, "dropped"), Some(7));
    assert_eq!(counted(&served, "written"), Some(0));
}

#[test]
fn a_request_that_fails_is_not_logged_and_gives_its_room_back() {
    let directory = Directory::new("failed");
    let settings = RequestLogSettings { queue_bytes: 1000, ..RequestLogSettings::default() };
    let mut served = served(&directory, Some(1.0), settings);
    served.run(async |client| {
        for _ in 0..500 {
            let answer = client.call(PREDICT, &request("", &[("no_such_input", &[2.0; 100])])).await;
            assert_ne!(answer.code, 0);
        }
    });
    predict(&served, 1);
    served.plane.take().unwrap().stop();
    assert_eq!(directory.records().len(), 1);
}

#[test]
fn replayed_records_are_not_logged() {
    let directory = Directory::new("replay");
    let mut served = served(&directory, Some(1.0), RequestLogSettings::default());
    predict(&served, 1);
    publish(&served, &directory, None);
    soon("the file is complete", || directory.records().len() == 1);
    publish(&served, &directory, Some(1.0));
    let record = directory.records().remove(0).encode_to_vec();
    served.plane().warm_up(served.channel, &record, Duration::from_secs(10)).unwrap();
    served.plane.take().unwrap().stop();
    assert_eq!(directory.records().len(), 1);
}
