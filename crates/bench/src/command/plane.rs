//! The plane's own cost of a request: the real plane on loopback, in front of a worker that answers at once.
//!
//! Plane, worker and generator are threads of this process; only the plane's are counted, by their processor clocks, so
//! that the figure does not depend on what the generator takes. Two models: three floats in and out (half_plus_two), and an
//! image of 28x28 in with ten scores out (an MNIST classifier).

use std::fmt::Write;
use std::time::Duration;

use seaway_bench::{Api, Load, Problem, Progress};
use seaway_plane::channel::ChannelSettings;
use seaway_plane::pb::tensorflow::serving::SignatureDefMap;
use seaway_plane::pb::tensorflow::tensor_shape_proto::Dim;
use seaway_plane::pb::tensorflow::{SignatureDef, TensorInfo, TensorShapeProto};
use seaway_plane::plane::{Addresses, Plane};
use seaway_plane::settings::{AccessLogSettings, OtlpProtocol, PlaneSettings, TracingSettings};
use seaway_plane::status::Status;
use seaway_wire::{DType, Layout};
use serde_json::{json, Value};

use super::cli::PlaneOptions;
use super::input::Input;
use super::instant_worker::{self, Answer};
use super::{predict_json, predict_request, thread_time};

/// What the plane calls its threads, that of the access log among them.
const PLANE_THREADS: [&str; 2] = ["seaway-plane", "access log"];
/// Threads of plane and worker, and runs at the worker at once: what a server takes on two cores.
const CONCURRENCY: u16 = 2;
/// Room for one request.
const STRIDE_BYTES: u64 = 1 << 20;
/// How long the proof that requests may be joined can take.
const PROOF_LIMIT: Duration = Duration::from_secs(10);
/// gRPC spreads what is in flight over so many connections at most.
const GRPC_CONNECTIONS: u32 = 4;

/// A model behind the plane.
struct Model {
    name: &'static str,
    input: &'static str,
    /// Inner sizes of the input in its signature.
    input_row: &'static [i64],
    output: &'static str,
    output_row: &'static [i64],
}

const HALF_PLUS_TWO: Model =
    Model { name: "half_plus_two", input: "x=float32:3:1.0,2.0,5.0", input_row: &[], output: "y", output_row: &[] };
const MNIST: Model = Model {
    name: "mnist_cnn",
    input: "image=float32:1,28,28,1:random",
    input_row: &[28, 28, 1],
    output: "probabilities",
    output_row: &[10],
};
const CASES: [(&Model, Api); 4] =
    [(&HALF_PLUS_TWO, Api::Grpc), (&MNIST, Api::Grpc), (&HALF_PLUS_TWO, Api::Rest), (&MNIST, Api::Rest)];

/// Measures every case with each number of requests in flight; prints a table on standard error.
///
/// Raises: Problem - the plane cannot start, or a request fails.
pub fn measure(options: &PlaneOptions) -> Result<Value, Problem> {
    let (plane, addresses) = start(&[&HALF_PLUS_TWO, &MNIST], options)?;
    let mut results = Vec::new();
    for (model, api) in CASES.iter().filter(|(_, api)| options.api.is_none_or(|only| only == *api)) {
        for in_flight in &options.in_flight {
            results.push(measure_case(model, *api, *in_flight, &addresses, options)?);
        }
    }
    plane.stop();
    eprint!("{}", table(&results));
    Ok(json!({"api": "plane", "threads": CONCURRENCY, "results": results}))
}

fn start(models: &[&Model], options: &PlaneOptions) -> Result<(Plane, Addresses), Problem> {
    let tracing = options.collector.as_ref().map(|endpoint| TracingSettings {
        endpoint: endpoint.clone(),
        protocol: OtlpProtocol::Http,
        headers: Default::default(),
        sampling_ratio: options.trace_ratio,
        parent_based: true,
        resource: Default::default(),
    });
    let settings = PlaneSettings {
        access_log: AccessLogSettings { path: options.access_log.clone(), sampling: 1.0 },
        tracing,
        grpc_address: Some("127.0.0.1:0".into()),
        rest_address: Some("127.0.0.1:0".into()),
        threads: CONCURRENCY.into(),
        ..PlaneSettings::default()
    };
    let plane = Plane::new(settings).map_err(failed)?;
    let addresses = plane.start().map_err(failed)?;
    let mut routes = Vec::new();
    for model in models {
        let channel = load(&plane, model)?;
        let version = json!({"version": 1, "state": "AVAILABLE", "channel": channel});
        routes.push(json!({"name": model.name, "labels": {}, "versions": [version]}));
    }
    let document = serde_json::from_value(json!({"models": routes})).map_err(failed)?;
    plane.publish(document).map_err(refused)?;
    plane.set_ready(true);
    Ok((plane, addresses))
}

/// Opens a channel with an instant worker behind it; the channel's number.
fn load(plane: &Plane, model: &Model) -> Result<u64, Problem> {
    let settings = ChannelSettings {
        model: model.name.into(),
        version: 1,
        // As the manager sets it: some slots are read by codecs while others run.
        slots: 3 * CONCURRENCY,
        max_in_flight: Some(CONCURRENCY),
        stride_bytes: STRIDE_BYTES,
        max_queue: 1000,
        batching: Default::default(),
    };
    let layout = Layout { slots: settings.slots, stride: settings.stride_bytes };
    let (channel, socket, arena) = plane.open_channel(settings).map_err(refused)?;
    let answer = Answer { name: model.output.into(), row_shape: model.output_row.into() };
    instant_worker::start(socket, arena, layout, CONCURRENCY.into(), &answer)?;
    plane.set_signatures(channel, &signatures(model)?).map_err(refused)?;
    let proofs = plane.prove_batching(channel, &[], PROOF_LIMIT).map_err(refused)?;
    match proofs.into_values().flatten().next() {
        None => Ok(channel),
        Some(why_not) => Err(Problem(format!("{} is not batched: {why_not}", model.name))),
    }
}

fn signatures(model: &Model) -> Result<Vec<u8>, Problem> {
    let tensor = |row: &[i64]| {
        let size = |size: i64| Dim { size, ..Dim::default() };
        let dim = std::iter::once(-1).chain(row.iter().copied()).map(size).collect();
        let tensor_shape = Some(TensorShapeProto { dim, ..TensorShapeProto::default() });
        TensorInfo { dtype: DType::Float as i32, tensor_shape, ..TensorInfo::default() }
    };
    let signature = SignatureDef {
        method_name: seaway_plane::inference::method_names::PREDICT.into(),
        inputs: [(input(model)?.name, tensor(model.input_row))].into(),
        outputs: [(model.output.to_owned(), tensor(model.output_row))].into(),
        ..SignatureDef::default()
    };
    let map = SignatureDefMap { signature_def: [("serving_default".to_owned(), signature)].into() };
    Ok(prost::Message::encode_to_vec(&map))
}

fn input(model: &Model) -> Result<Input, Problem> {
    model.input.parse().map_err(Problem)
}

fn measure_case(
    model: &Model,
    api: Api,
    in_flight: u32,
    addresses: &Addresses,
    options: &PlaneOptions,
) -> Result<Value, Problem> {
    let inputs = [input(model)?];
    let body = match api {
        Api::Grpc => predict_request::encode(model.name, None, "", &inputs),
        Api::Rest => predict_json::encode("", &inputs).into_bytes(),
    };
    let load = load_of(model, api, in_flight, addresses, options);
    let mut before = None;
    let mut watch = |progress: Progress| {
        if progress.measuring && before.is_none() {
            before = Some(plane_time());
        }
        true
    };
    let report = seaway_bench::measure(&load, &[body], &mut watch)?;
    // Every answer has come, so that the plane has nothing to do any more.
    let after = plane_time().map_err(failed)?;
    let before = before.ok_or_else(|| Problem("the measurement ended before it began".into()))?.map_err(failed)?;
    let succeeded = report["succeeded"].as_u64().unwrap_or(0);
    if succeeded == 0 || report["failed"] != 0 {
        return Err(Problem(format!("requests failed: {} {}", report["failures"], report["first_failure"])));
    }
    Ok(json!({
        "model": model.name,
        "api": if api == Api::Grpc { "grpc" } else { "rest" },
        "in_flight": in_flight,
        "connections": load.connections,
        "request_bytes": report["request_bytes"],
        "requests": succeeded,
        "plane_cpu_micros": 1e6 * (after - before).as_secs_f64() / succeeded as f64,
        "per_second": report["per_second"],
        "latency_micros": report["latency_micros"],
    }))
}

fn plane_time() -> std::io::Result<Duration> {
    PLANE_THREADS.into_iter().map(thread_time::of_threads).sum()
}

fn load_of(model: &Model, api: Api, in_flight: u32, addresses: &Addresses, options: &PlaneOptions) -> Load {
    let (address, path, connections) = match api {
        Api::Grpc => (
            &addresses.grpc_address,
            "/tensorflow.serving.PredictionService/Predict".to_owned(),
            in_flight.min(GRPC_CONNECTIONS),
        ),
        Api::Rest => (&addresses.rest_address, format!("/v1/models/{}:predict", model.name), in_flight),
    };
    Load {
        api,
        target: address.clone().unwrap_or_default(),
        allow_remote: false,
        tls: None,
        path,
        connections,
        streams: in_flight.div_ceil(connections),
        warm_up_seconds: options.warm_up.as_secs_f64(),
        seconds: options.seconds.as_secs_f64(),
        count: None,
        rate: None,
        poisson: false,
        seed: 1,
        grace_seconds: 10.0,
        deadline_seconds: None,
    }
}

/// The results as people read them.
fn table(results: &[Value]) -> String {
    let mut text = format!(
        "{:<22}{:>10}{:>13}{:>16}{:>12}{:>10}\n",
        "", "in flight", "connections", "CPU plane, us", "rate, 1/s", "p50, us"
    );
    for result in results {
        let name = format!("{} {}", result["api"].as_str().unwrap_or(""), result["model"].as_str().unwrap_or(""));
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{name:<22}{:>10}{:>13}{:>16.1}{:>12.0}{:>10.0}",
            result["in_flight"].to_string(),
            result["connections"].to_string(),
            number(&result["plane_cpu_micros"]),
            number(&result["per_second"]),
            number(&result["latency_micros"]["p50"]),
        );
    }
    text
}

fn refused(status: Status) -> Problem {
    failed(status.message)
}

fn failed(error: impl std::fmt::Display) -> Problem {
    Problem(format!("the plane: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_answered_and_costs_something() {
        let options = PlaneOptions {
            api: None,
            in_flight: vec![1, 6],
            seconds: Duration::from_millis(50),
            warm_up: Duration::ZERO,
            access_log: String::new(),
            collector: None,
            trace_ratio: 1.0,
        };
        let report = measure(&options).unwrap();
        let results = report["results"].as_array().unwrap();
        assert_eq!(results.len(), 2 * CASES.len());
        for result in results {
            assert!(result["plane_cpu_micros"].as_f64().unwrap() > 0.0, "{result}");
        }
        assert_eq!(table(results).lines().count(), 1 + results.len());
    }
}
