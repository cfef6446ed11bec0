//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use seaway_bench::{Api, Load};

use super::input::Input;
use super::request;

/// Measure a Seaway or TensorFlow Serving server on this machine, or the TensorFlow engine by itself.
#[derive(Parser)]
#[command(name = "seaway-bench", version)]
pub struct Bench {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Load a server over gRPC: PredictionService.Predict.
    Grpc(GrpcOptions),
    /// Load a server over REST: HTTP/1.1, kept alive.
    Rest(RestOptions),
    /// Call the TensorFlow engine in this process: the limit of any server around it.
    Engine(EngineOptions),
    /// Measure what the plane itself takes from the processors for a request: a worker that answers at once is behind it.
    Plane(PlaneOptions),
}

#[derive(Args)]
pub struct GrpcOptions {
    /// Host and port, of a loopback address, or `unix:PATH`.
    pub target: String,
    #[command(flatten)]
    pub load: LoadOptions,
    #[command(flatten)]
    pub request: RequestOptions,
    /// Requests in flight on each connection.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub streams: u32,
    /// Path of the method that the body is for.
    #[arg(long, default_value = "/tensorflow.serving.PredictionService/Predict")]
    pub method: String,
}

#[derive(Args)]
pub struct RestOptions {
    /// Host and port, of a loopback address, or `unix:PATH`.
    pub target: String,
    #[command(flatten)]
    pub load: LoadOptions,
    #[command(flatten)]
    pub request: RequestOptions,
    /// Path to post to, instead of the model's `:predict`.
    #[arg(long)]
    pub path: Option<String>,
}

/// What a request says.
#[derive(Args)]
pub struct RequestOptions {
    /// Name of the model.
    #[arg(long, default_value = "")]
    pub model: String,
    /// Version of the model; the server's choice when absent.
    #[arg(long)]
    pub model_version: Option<u64>,
    /// Signature; `serving_default` when absent.
    #[arg(long, default_value = "")]
    pub signature: String,
    /// `NAME=DTYPE:SHAPE:VALUES`, for example `image=float32:1,28,28,1:random` or `x=float32:3:1.0,2.0,5.0`.
    /// VALUES is `random`, `zeros`, or numbers that are repeated until the shape is filled. Repeatable.
    #[arg(long = "input", value_name = "INPUT", conflicts_with = "body")]
    pub inputs: Vec<Input>,
    /// File with the whole request: a serialized message for gRPC, JSON for REST.
    #[arg(long, required_unless_present = "inputs")]
    pub body: Option<PathBuf>,
}

/// How hard, and for how long.
#[derive(Args)]
pub struct LoadOptions {
    /// Connections; over REST each carries one request at a time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
    /// Seconds to measure. SIGINT ends the measurement early, with a report.
    #[arg(long, default_value = "5", value_parser = seconds)]
    pub seconds: Duration,
    /// Requests to send at most, warm-up included.
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    pub count: u64,
    /// Seconds of the same load before measuring starts.
    #[arg(long, default_value = "0.5", value_parser = seconds)]
    pub warm_up: Duration,
    /// Requests a second, sent when due whether or not earlier ones were answered (open loop). Latency then counts from
    /// the moment a request was due. Without it, each place in flight sends its next request when it has its answer.
    #[arg(long, value_parser = rate)]
    pub rate: Option<f64>,
    /// With a rate: requests fall due at random moments, independently of each other.
    #[arg(long, requires = "rate")]
    pub poisson: bool,
    /// Seconds after it was due within which a request must be answered to count as a success; over gRPC the server is told.
    #[arg(long, value_parser = seconds)]
    pub deadline: Option<Duration>,
}

#[derive(Args)]
pub struct EngineOptions {
    /// Directory of a SavedModel: a version directory.
    #[arg(long)]
    pub model: PathBuf,
    /// TensorFlow's `libtensorflow_cc.so.2`, as the wheel has it.
    #[arg(long)]
    pub library: PathBuf,
    /// Tags of the meta graph.
    #[arg(long, default_value = "serve", value_delimiter = ',')]
    pub tags: Vec<String>,
    /// Signature.
    #[arg(long, default_value = "serving_default")]
    pub signature: String,
    /// As for `grpc`. Repeatable.
    #[arg(long = "input", value_name = "INPUT", required = true)]
    pub inputs: Vec<Input>,
    /// Numbers of calling threads, each measured by itself.
    #[arg(long, default_value = "1,2", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Vec<u16>,
    /// How many requests one call is made of, each number measured by itself with each number of threads, ascending. A number
    /// of threads is done once a call takes longer than 0.7 s.
    #[arg(long, default_value = "1", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub joined: Vec<u16>,
    /// Seconds to measure for each number of threads and of requests.
    #[arg(long, default_value = "3", value_parser = seconds)]
    pub seconds: Duration,
    /// A serialized ConfigProto in base64.
    #[arg(long, default_value = "")]
    pub session_config: String,
}

#[derive(Args)]
pub struct PlaneOptions {
    /// Only this API.
    #[arg(long, value_parser = api)]
    pub api: Option<Api>,
    /// Numbers of requests in flight, each measured by itself.
    #[arg(long, default_value = "1,16,64", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub in_flight: Vec<u32>,
    /// Seconds to measure each case.
    #[arg(long, default_value = "2", value_parser = seconds)]
    pub seconds: Duration,
    /// Seconds of the same load before measuring starts.
    #[arg(long, default_value = "0.5", value_parser = seconds)]
    pub warm_up: Duration,
    /// Write an access log there.
    #[arg(long, default_value = "")]
    pub access_log: String,
    /// Send spans to this collector, http://HOST:PORT/v1/traces.
    #[arg(long)]
    pub collector: Option<String>,
    /// Share of requests that are traced.
    #[arg(long, default_value_t = 1.0)]
    pub trace_ratio: f64,
}

/// How long answers are awaited after the last request was due.
const GRACE_SECONDS: f64 = 30.0;

impl GrpcOptions {
    /// The load that the options describe.
    pub fn load(&self) -> Load {
        let load = self.load.load(Api::Grpc, &self.target, self.method.clone());
        Load { streams: self.streams, ..load }
    }
}

impl RestOptions {
    /// The load that the options describe.
    pub fn load(&self) -> Load {
        let path = self.path.clone().unwrap_or_else(|| request::predict_path(&self.request));
        self.load.load(Api::Rest, &self.target, path)
    }
}

impl LoadOptions {
    fn load(&self, api: Api, target: &str, path: String) -> Load {
        Load {
            api,
            target: target.into(),
            allow_remote: false,
            tls: None,
            path,
            connections: self.connections,
            streams: 1,
            warm_up_seconds: self.warm_up.as_secs_f64(),
            seconds: self.seconds.as_secs_f64(),
            count: Some(self.count),
            rate: self.rate,
            poisson: self.poisson,
            seed: 1,
            grace_seconds: GRACE_SECONDS,
            deadline_seconds: self.deadline.map(|limit| limit.as_secs_f64()),
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text:?} is not a number of seconds"))?;
    match (0.0..=86_400.0).contains(&number) {
        true => Ok(Duration::from_secs_f64(number)),
        false => Err(format!("{text} s is not between 0 and 86400 s")),
    }
}

fn api(text: &str) -> Result<Api, String> {
    match text {
        "grpc" => Ok(Api::Grpc),
        "rest" => Ok(Api::Rest),
        _ => Err(format!("{text:?} is neither grpc nor rest")),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text:?} is not a rate"))?;
    match (0.1..=1_000_000.0).contains(&number) {
        true => Ok(number),
        false => Err(format!("{text} requests a second is not between 0.1 and 1000000")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Bench::command().debug_assert();
    }

    #[test]
    fn a_request_needs_inputs_or_a_body_and_not_both() {
        let parse =
            |arguments: &[&str]| Bench::try_parse_from([&["seaway-bench", "grpc", "localhost:1"], arguments].concat());
        assert!(parse(&[]).is_err());
        assert!(parse(&["--body", "a", "--input", "x=float32:1:zeros"]).is_err());
        assert!(parse(&["--body", "a"]).is_ok());
        assert!(parse(&["--input", "x=float32:1:zeros", "--rate", "0"]).is_err());
    }
}
