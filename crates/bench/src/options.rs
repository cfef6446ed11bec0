//! What a load is: whom it asks, how hard, and for how long.

use std::time::Duration;

use serde::Deserialize;

use crate::problem::Problem;
use crate::tls::Tls;

const DAY_SECONDS: f64 = 86_400.0;

/// The protocol that requests are sent over.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    /// gRPC over HTTP/2.
    Grpc,
    /// HTTP/1.1, kept alive.
    Rest,
}

/// A load, as its JSON document says it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The protocol.
    pub api: Api,
    /// `HOST:PORT`, or `unix:PATH`.
    pub target: String,
    /// Whether the target may be another machine.
    pub allow_remote: bool,
    /// TLS to the target; none for plain text.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Path that requests go to: the method's over gRPC.
    pub path: String,
    /// Connections; over REST each carries one request at a time.
    pub connections: u32,
    /// Requests in flight on each connection; 1 over REST.
    pub streams: u32,
    /// Seconds of the same load before measuring starts.
    pub warm_up_seconds: f64,
    /// Seconds to measure.
    pub seconds: f64,
    /// Requests to send at most, warm-up included.
    pub count: Option<u64>,
    /// Requests that fall due a second (open loop); none for a closed loop.
    pub rate: Option<f64>,
    /// Whether requests fall due at random moments instead of regular ones.
    pub poisson: bool,
    /// Where those random moments start from.
    pub seed: u64,
    /// How long answers are awaited after the last request was due.
    pub grace_seconds: f64,
    /// How long after it was due a request must be answered to count; over gRPC the server is told. None for no bound.
    #[serde(default)]
    pub deadline_seconds: Option<f64>,
}

impl Load {
    /// Whether every number is one that a load can have.
    ///
    /// Raises: Problem - names the number and its bounds.
    pub fn check(&self) -> Result<(), Problem> {
        within("connections", f64::from(self.connections), 1.0, 10_000.0)?;
        within("streams", f64::from(self.streams), 1.0, 100_000.0)?;
        within("warm_up_seconds", self.warm_up_seconds, 0.0, DAY_SECONDS)?;
        within("seconds", self.seconds, 0.0, DAY_SECONDS)?;
        within("grace_seconds", self.grace_seconds, 0.0, DAY_SECONDS)?;
        self.deadline_seconds.map_or(Ok(()), |limit| within("deadline_seconds", limit, 0.0001, DAY_SECONDS))?;
        self.rate.map_or(Ok(()), |rate| within("rate", rate, 0.01, 1_000_000.0))
    }

    pub(crate) fn warm_up(&self) -> Duration {
        Duration::from_secs_f64(self.warm_up_seconds)
    }

    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.deadline_seconds.map(Duration::from_secs_f64)
    }

    pub(crate) fn grace(&self) -> Duration {
        Duration::from_secs_f64(self.grace_seconds)
    }
}

fn within(name: &str, value: f64, least: f64, most: f64) -> Result<(), Problem> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err(Problem(format!("{name} {value} is not between {least} and {most}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_bounds_are_refused_by_name() {
        let text = r#"{"api": "grpc", "target": "localhost:1", "allow_remote": false, "path": "/", "connections": 1,
            "streams": 1, "warm_up_seconds": 0, "seconds": 1, "count": null, "rate": null, "poisson": false, "seed": 0,
            "grace_seconds": 1}"#;
        let good: Load = serde_json::from_str(text).unwrap();
        assert_eq!(good.check(), Ok(()));
        for (bad, name) in [
            (Load { connections: 0, ..good.clone() }, "connections"),
            (Load { seconds: -1.0, ..good.clone() }, "seconds"),
            (Load { warm_up_seconds: f64::NAN, ..good.clone() }, "warm_up"),
            (Load { rate: Some(0.0), ..good.clone() }, "rate"),
            (Load { deadline_seconds: Some(0.0), ..good.clone() }, "deadline_seconds"),
        ] {
            assert!(bad.check().unwrap_err().0.contains(name), "{name}");
        }
    }
}
