//! Each metric, from what happens to the text that is scraped.

use std::time::Duration;

use super::*;
use crate::channel::BatchSize;
use crate::status::Code;

fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new())
}

fn observation(name: &str, labels: &[(&str, &str)], value: f64, op: Op) -> Observation {
    let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
    Observation { name: name.to_owned(), labels, value, op }
}

fn predict(servable: &ServableMetrics, api: Api) {
    let stages = [1, 2, 3000, 4].map(Duration::from_micros);
    let done = Done { total: Duration::from_micros(3007), stages, rows: 2, bytes: [8, 12] };
    servable.done(&"s".into(), api, Method::Predict, &done);
}

/// The value of one series, as the text has it.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn every_metric_of_the_catalogue_is_exposed_with_its_kind_labels_and_help() {
    let metrics = metrics();
    let servable = metrics.servable("m", 1);
    predict(&servable, Api::Grpc);
    servable.examples(Api::Grpc, 3);
    servable.batch("s", Api::Grpc, BatchSize { requests: 2, rows: 3, padded: 4 });
    servable.compared_with(0).count(Outcome::Agreed);
    metrics.set_channel("m", 1, 1, 0);
    metrics.operation_accepted();
    metrics.operation_ended(State::Done);
    metrics.operation_webhook("delivered");
    let _ = (metrics.request_log("m"), metrics.access_log(), metrics.traces());
    metrics.set_operations(1, 2, 3);
    for entry in CATALOGUE.iter().filter(|entry| metrics.told.contains_key(entry.name)) {
        let labels: Vec<(&str, &str)> = entry.labels.iter().map(|label| (*label, "a")).collect();
        metrics.observe(&observation(entry.name, &labels, 1.0, Op::Add)).unwrap();
    }
    let text = metrics.text();
    for entry in CATALOGUE {
        let kind = format!("{:?}", entry.kind).to_lowercase();
        assert!(text.contains(&format!("# TYPE {} {kind}\n", entry.name)), "{} is not exposed", entry.name);
        assert!(text.contains(&format!("# HELP {} {}\n", entry.name, entry.help)), "{}", entry.name);
        let series = text.lines().find(|line| line.starts_with(entry.name)).unwrap();
        for label in entry.labels {
            assert!(series.contains(&format!("{label}=\"")), "{label} is missing from {series}");
        }
        assert!(!entry.unit.is_empty());
    }
    let typed = text.lines().filter(|line| line.starts_with("# TYPE")).count();
    assert_eq!(typed, CATALOGUE.len(), "nothing else is exposed");
}

#[test]
fn names_are_unique_and_say_their_unit() {
    for (index, entry) in CATALOGUE.iter().enumerate() {
        assert!(CATALOGUE[..index].iter().all(|other| other.name != entry.name), "{} is there twice", entry.name);
        if entry.name.starts_with("seaway_") {
            assert_eq!(entry.name.ends_with("_total"), entry.kind == Kind::Counter, "{}", entry.name);
        }
    }
}

#[test]
fn a_request_counts_under_tensorflow_servings_names_too() {
    let metrics = metrics();
    let servable = metrics.servable("m", 7);
    predict(&servable, Api::Grpc);
    predict(&servable, Api::Rest);
    predict(&servable, Api::Rest);
    servable.failed("s", Api::Grpc, &Status::unavailable("gone"), Duration::from_micros(5));
    let text = metrics.text();
    for (series, expected) in [
        (":tensorflow:serving:request_count{model_name=\"m\",status=\"OK\"}", 3.0),
        (":tensorflow:serving:request_count{model_name=\"m\",status=\"UNAVAILABLE\"}", 1.0),
        (":tensorflow:serving:request_latency_sum{API=\"Predict\",entrypoint=\"GRPC\",model_name=\"m\"}", 3007.0),
        (":tensorflow:serving:request_latency_count{API=\"predict\",entrypoint=\"REST\",model_name=\"m\"}", 2.0),
        (":tensorflow:serving:runtime_latency_sum{API=\"Predict\",model_name=\"m\",runtime=\"TF1\"}", 3000.0),
        (":tensorflow:serving:request_latency_bucket{API=\"Predict\",entrypoint=\"GRPC\",model_name=\"m\",le=\"10\"}", 0.0),
        ("seaway_requests_total{api=\"grpc\",code=\"OK\",model=\"m\",signature=\"s\",version=\"7\"}", 1.0),
        ("seaway_requests_total{api=\"grpc\",code=\"UNAVAILABLE\",model=\"m\",signature=\"s\",version=\"7\"}", 1.0),
        ("seaway_request_seconds_count{api=\"grpc\",model=\"m\",signature=\"s\",version=\"7\"}", 2.0),
        ("seaway_request_stage_seconds_sum{api=\"grpc\",model=\"m\",signature=\"s\",stage=\"run\",version=\"7\"}", 0.003),
        ("seaway_request_rows_total{api=\"rest\",model=\"m\",signature=\"s\",version=\"7\"}", 4.0),
        ("seaway_tensor_bytes_total{api=\"rest\",direction=\"out\",model=\"m\",signature=\"s\",version=\"7\"}", 24.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}");
    }
    let buckets =
        text.lines().filter(|line| line.starts_with(":tensorflow:serving:request_latency_bucket{API=\"Predict\""));
    assert_eq!(buckets.count(), 34, "33 and infinity");
}

#[test]
fn examples_are_counted_a_request_and_in_all() {
    let metrics = metrics();
    let servable = metrics.servable("m", 1);
    servable.examples(Api::Grpc, 3);
    servable.examples(Api::Rest, 5);
    let text = metrics.text();
    assert_eq!(value(&text, ":tensorflow:serving:request_example_count_total{model=\"m\"}"), Some(8.0));
    assert_eq!(value(&text, ":tensorflow:serving:request_example_counts_count{model=\"m\"}"), Some(2.0));
}

#[test]
fn warm_up_counts_nowhere() {
    let metrics = metrics();
    let servable = metrics.servable("m", 1);
    predict(&servable, Api::WarmUp);
    servable.examples(Api::WarmUp, 3);
    servable.failed("s", Api::WarmUp, &Status::internal("bad"), Duration::ZERO);
    assert_eq!(metrics.text(), "");
}

#[test]
fn names_that_no_model_has_become_one_value() {
    let metrics = metrics();
    for _ in 0..3 {
        metrics.refused(Api::Grpc, &Status::not_found("Servable not found for request: Latest(x)"));
    }
    let text = metrics.text();
    let series =
        "seaway_requests_total{api=\"grpc\",code=\"NOT_FOUND\",model=\"(unknown)\",signature=\"\",version=\"\"}";
    assert_eq!(value(&text, series), Some(3.0));
    assert_eq!(
        value(&text, ":tensorflow:serving:request_count{model_name=\"(unknown)\",status=\"NOT_FOUND\"}"),
        Some(3.0)
    );
}

#[test]
fn the_counts_of_a_version_are_told_for_a_while_after_it_and_others_stay() {
    let metrics = metrics();
    let (first, second) = (metrics.servable("m", 1), metrics.servable("m", 2));
    for servable in [&first, &second] {
        predict(servable, Api::Grpc);
        servable.failed("s", Api::Rest, &Status::internal("bad"), Duration::ZERO);
    }
    metrics.set_channel("m", 1, 3, 4);
    drop(first);
    let text = metrics.text();
    let failed = "seaway_requests_total{api=\"rest\",code=\"INTERNAL\",model=\"m\",signature=\"s\",version=\"1\"}";
    assert_eq!(value(&text, failed), Some(1.0), "what failed with it can be seen");
    assert_eq!(value(&text, "seaway_requests_in_flight{model=\"m\",version=\"1\"}"), None, "nothing is in it any more");
    let text = metrics.text_at(Instant::now() + ended::TOLD);
    assert!(!text.contains("version=\"1\""), "{text}");
    assert!(text.contains("seaway_request_seconds_count{api=\"grpc\",model=\"m\",signature=\"s\",version=\"2\"} 1"));
    assert_eq!(value(&text, ":tensorflow:serving:request_count{model_name=\"m\",status=\"OK\"}"), Some(2.0));
}

#[test]
fn a_successor_of_the_same_version_goes_on_counting() {
    let metrics = metrics();
    let before = metrics.servable("m", 1);
    predict(&before, Api::Grpc);
    drop(before);
    let after = metrics.servable("m", 1);
    predict(&after, Api::Grpc);
    let series = "seaway_requests_total{api=\"grpc\",code=\"OK\",model=\"m\",signature=\"s\",version=\"1\"}";
    assert_eq!(value(&metrics.text_at(Instant::now() + ended::TOLD), series), Some(2.0));
    drop(after);
    assert_eq!(value(&metrics.text(), series), Some(2.0));
    assert_eq!(value(&metrics.text_at(Instant::now() + ended::TOLD), series), None);
}

#[test]
fn told_values_are_set_added_and_removed() {
    let metrics = metrics();
    let labels = [("model", "m"), ("version", "1"), ("kind", "rss")];
    let memory = "seaway_worker_memory_bytes{kind=\"rss\",model=\"m\",version=\"1\"}";
    let tell =
        |name, labels: &[(&str, &str)], value, op| metrics.observe(&observation(name, labels, value, op)).unwrap();
    tell("seaway_worker_memory_bytes", &labels, 5.0, Op::Set);
    tell("seaway_worker_memory_bytes", &labels, 2.0, Op::Add);
    assert_eq!(value(&metrics.text(), memory), Some(7.0));
    tell("seaway_worker_memory_bytes", &labels, 0.0, Op::Remove);
    tell("seaway_worker_memory_bytes", &labels, 0.0, Op::Remove);
    assert_eq!(value(&metrics.text(), memory), None);
}

#[test]
fn a_told_counter_never_falls() {
    let metrics = metrics();
    let labels = [("model", "m"), ("version", "1")];
    for (told, op, expected) in [
        (5.0, Op::Set, 5.0),
        (3.0, Op::Set, 5.0),
        (9.0, Op::Set, 9.0),
        (-4.0, Op::Add, 9.0),
        (1.0, Op::Add, 10.0),
        (f64::NAN, Op::Add, 10.0),
    ] {
        metrics.observe(&observation("seaway_worker_cpu_seconds_total", &labels, told, op)).unwrap();
        let series = "seaway_worker_cpu_seconds_total{model=\"m\",version=\"1\"}";
        assert_eq!(value(&metrics.text(), series), Some(expected), "{told} {op:?}");
    }
}

#[test]
fn what_is_not_told_from_outside_is_refused() {
    let metrics = metrics();
    for (name, labels, message) in [
        ("seaway_requests_total", &[][..], "\"seaway_requests_total\" is no metric that is told from outside"),
        ("none", &[], "\"none\" is no metric that is told from outside"),
        (
            "seaway_worker_memory_bytes",
            &[("model", "m")],
            "seaway_worker_memory_bytes needs a value for its label \"version\"",
        ),
    ] {
        let status = metrics.observe(&observation(name, labels, 1.0, Op::Set)).unwrap_err();
        assert_eq!((status.code, status.message.as_str()), (Code::InvalidArgument, message));
    }
}

#[test]
fn a_copy_of_a_request_is_no_request_of_tensorflow_servings() {
    let metrics = metrics();
    let servable = metrics.servable("m", 7);
    predict(&servable, Api::Shadow);
    servable.failed("s", Api::Shadow, &Status::internal("bad"), Duration::from_micros(5));
    let text = metrics.text();
    assert!(!text.contains("tensorflow"), "{text}");
    for (series, expected) in [
        ("seaway_requests_total{api=\"shadow\",code=\"OK\",model=\"m\",signature=\"s\",version=\"7\"}", 1.0),
        ("seaway_requests_total{api=\"shadow\",code=\"INTERNAL\",model=\"m\",signature=\"s\",version=\"7\"}", 1.0),
        ("seaway_request_seconds_count{api=\"shadow\",model=\"m\",signature=\"s\",version=\"7\"}", 2.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}");
    }
}

/// What was measured, without what Python is not told of: where the bounds lie.
fn measured(metrics: &Metrics) -> serde_json::Value {
    let mut measurements = serde_json::to_value(metrics.measurements(0, 0)).unwrap();
    for series in measurements["series"].as_array_mut().unwrap() {
        let series = series.as_object_mut().unwrap();
        let buckets = series.remove("buckets").unwrap();
        let bounds = series.remove("bounds_s").unwrap().as_array().map(Vec::len);
        assert_eq!(bounds.map(|bounds| bounds + 1), buckets.as_array().map(Vec::len));
        let all: u64 = buckets.as_array().unwrap().iter().filter_map(serde_json::Value::as_u64).sum();
        series.insert("all".into(), all.into());
    }
    measurements
}

#[test]
fn measurements_add_up_a_versions_signatures_and_apis_and_keep_copies_apart() {
    let metrics = metrics();
    let servable = metrics.servable("m", 7);
    predict(&servable, Api::Grpc);
    predict(&servable, Api::Operation);
    predict(&servable, Api::Shadow);
    predict(&servable, Api::WarmUp);
    servable.failed("s", Api::Rest, &Status::invalid_argument("bad"), Duration::from_millis(1));
    servable.failed("", Api::Grpc, &Status::unavailable("gone"), Duration::from_millis(2));
    let comparison = servable.compared_with(6);
    comparison.count(Outcome::Agreed);
    comparison.count(Outcome::Agreed);
    comparison.count(Outcome::Dropped);
    let expected = serde_json::json!({
        "in_flight": 0,
        "queued": 0,
        "series": [
            {"model": "m", "version": 7, "kind": "live", "ok": 2, "client_errors": 1, "server_errors": 1, "all": 4,
             "seconds_sum": 0.009014, "queue_seconds_sum": 4e-6},
            {"model": "m", "version": 7, "kind": "shadow", "ok": 1, "client_errors": 0, "server_errors": 0, "all": 1,
             "seconds_sum": 0.003007, "queue_seconds_sum": 2e-6}],
        "comparisons": [
            {"model": "m", "live": 6, "candidate": 7, "agreed": 2, "differed": 0, "failed": 0, "dropped": 1}],
    });
    assert_eq!(measured(&metrics), expected);
    let shadow = "seaway_shadow_requests_total{candidate=\"7\",live=\"6\",model=\"m\",outcome=\"agreed\"}";
    assert_eq!(value(&metrics.text(), shadow), Some(2.0));
}

#[test]
fn what_was_measured_outlives_a_worker_and_ends_with_the_version() {
    let metrics = metrics();
    let live = metrics.servable("m", 6);
    let candidate = metrics.servable("m", 7);
    predict(&candidate, Api::Grpc);
    candidate.compared_with(6).count(Outcome::Failed);
    drop(candidate);
    let again = metrics.servable("m", 7);
    predict(&again, Api::Grpc);
    again.compared_with(6).count(Outcome::Failed);
    metrics.forget(|_, version| version == 6);
    assert_eq!(measured(&metrics)["series"][0]["ok"], 2, "it is loaded");
    drop(again);
    metrics.forget(|_, _| true);
    assert_eq!(measured(&metrics)["comparisons"][0]["failed"], 2, "it is known");
    metrics.forget(|_, version| version == 6);
    assert_eq!(measured(&metrics), serde_json::json!({"in_flight": 0, "queued": 0, "series": [], "comparisons": []}));
    assert!(!metrics.text().contains("seaway_shadow"), "{}", metrics.text());
    drop(live);
}
