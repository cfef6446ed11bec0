//! A whole plane that serves one model `m`, whose worker behaves as told.

use seaway_plane::plane::{Addresses, Plane};
use seaway_plane::routes::RoutesDocument;
use seaway_plane::settings::PlaneSettings;
use seaway_wire::Layout;

use super::client::Client;
use super::worker::{self, Act, Output, Seen};
use super::{settings, signature_def_map};

/// The plane, where it listens, and a runtime for the clients of a test.
pub struct Served {
    /// None once stopped.
    pub plane: Option<Plane>,
    /// Where it listens.
    pub addresses: Addresses,
    /// Its one channel.
    pub channel: u64,
    /// For clients: the plane has a runtime of its own.
    pub runtime: tokio::runtime::Runtime,
}

/// Settings of a plane that speaks gRPC on a free port.
pub fn grpc_settings() -> PlaneSettings {
    PlaneSettings { grpc_address: Some("127.0.0.1:0".into()), ..PlaneSettings::default() }
}

impl Served {
    /// A plane whose model answers as [`answer`] does.
    pub fn start() -> Served {
        Served::with(grpc_settings(), 2, 100, answer)
    }

    /// A plane with these settings, slots, places in the queue and behaviour of the worker, which has two threads.
    pub fn with(
        plane_settings: PlaneSettings,
        slots: u16,
        max_queue: usize,
        behave: impl Fn(&Seen<'_>) -> Act + Send + Sync + 'static,
    ) -> Served {
        let plane = Plane::new(plane_settings).unwrap();
        let addresses = plane.start().unwrap();
        let settings = settings(slots, max_queue);
        let layout = Layout { slots: settings.slots, stride: settings.stride_bytes };
        let (channel, socket, arena) = plane.open_channel(settings).unwrap();
        worker::start(socket, arena, layout, 2, behave);
        plane.set_signatures(channel, &signature_def_map()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let served = Served { plane: Some(plane), addresses, channel, runtime };
        served.publish("AVAILABLE");
        served.plane().set_ready(true);
        served
    }

    /// The plane.
    pub fn plane(&self) -> &Plane {
        self.plane.as_ref().expect("it runs")
    }

    /// Publishes version 1 in this state, with the label `stable`, beside a version 2 that failed.
    pub fn publish(&self, state: &str) {
        let channel = self.channel;
        let routes = format!(
            r#"{{"models": [{{"name": "m", "labels": {{"stable": 1, "broken": 2}}, "versions": [
                {{"version": 1, "state": "{state}", "channel": {channel}}},
                {{"version": 2, "state": "END", "error_code": 5, "error_message": "no saved_model.pb"}}]}}]}}"#
        );
        self.plane().publish(serde_json::from_str::<RoutesDocument>(&routes).unwrap()).unwrap();
    }

    /// A connection over TCP, and what a test does with it.
    pub fn run<T>(&self, test: impl AsyncFnOnce(Client) -> T) -> T {
        let address = self.addresses.grpc_address.clone().expect("it listens");
        self.runtime.block_on(async { test(Client::tcp(&address).await).await })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(plane) = self.plane.take() {
            plane.stop();
        }
    }
}

/// A model with all the signatures of the tests.
pub fn answer(seen: &Seen<'_>) -> Act {
    match seen.run.signature {
        "serving_default" | "odd_method" => worker::half_plus_two(seen),
        "sum" => {
            let (a, b) = (seen.floats("a")[0], seen.floats("b")[0]);
            let all = ["difference", "sum"];
            let wanted = if seen.run.outputs.is_empty() { &all[..] } else { &seen.run.outputs };
            Act::Answer(
                wanted
                    .iter()
                    .map(|name| Output::floats(name, &[1], &[if *name == "sum" { a + b } else { a - b }]))
                    .collect(),
            )
        }
        "regress" => {
            let values: Vec<f32> = seen.strings("inputs").iter().map(|example| example.len() as f32).collect();
            Act::Answer(vec![Output::floats("outputs", &[values.len() as i64, 1], &values)])
        }
        "classify" => {
            let examples = seen.strings("inputs");
            let scores: Vec<f32> = examples.iter().flat_map(|example| [example.len() as f32, 0.5]).collect();
            let classes: Vec<&[u8]> = examples.iter().flat_map(|_| [b"long".as_slice(), b"half"]).collect();
            let shape = [examples.len() as i64, 2];
            Act::Answer(vec![Output::strings("classes", &shape, &classes), Output::floats("scores", &shape, &scores)])
        }
        _ => Act::Answer(vec![Output::strings("s", &[1], &[seen.strings("s").concat().as_slice()])]),
    }
}
