//! A share of the requests of some models is written to files, as `tensorflow.serving.PredictionLog`s that can be replayed.
//!
//! Nothing of this is the client's business: what is picked shares the request's memory, is queued when the answer is there, and
//! is encoded and written by a thread of its own. The line is bounded in records and in bytes; what finds no room is counted as
//! dropped. A file that cannot be written costs its records and nothing else.
//!
//! [`sampling`] decides what is picked, [`record`] makes the message, [`tfrecord`] and [`files`] put it where it belongs.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::Deserialize;
use tracing::Dispatch;

pub mod files;
mod mask;
pub mod record;
pub mod sampling;
pub mod tfrecord;
mod writer;

use crate::codec::{encode_predict_response, Representation};
use crate::log;
use crate::metrics::{LogCounts, Logged, Metrics};
use crate::pb::tensorflow::serving::model_spec::VersionChoice;
use crate::pb::tensorflow::serving::ModelSpec;
use crate::room::{Place, Room};
use crate::routes::{Route, Routes, Servable};
use crate::settings::RequestLogSettings;
use crate::signature::DEFAULT_SIGNATURE;
use crate::tensor::TensorView;

use files::Limits;
use mask::Mask;
use record::{Answered, Asked, Record};
use writer::{Line, Waiting, Work, Writer};

/// Records that may wait to be written, or for their answer.
const MAX_RECORDS: usize = 4096;

/// How the requests of one model are logged, as the manager writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogDocument {
    /// What the paths of the files begin with.
    pub prefix: String,
    /// The share of requests that is logged, 0 to 1.
    pub sampling_rate: f64,
}

/// The logs of one plane.
pub struct RequestLog {
    line: Arc<Line>,
    room: Arc<Room>,
    mask: Arc<Mask>,
    settings: RequestLogSettings,
    metrics: Arc<Metrics>,
    dispatch: Dispatch,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Models that have series.
    counted: Mutex<BTreeSet<String>>,
}

/// The log of one model's requests.
#[derive(Debug)]
pub struct ModelLog {
    prefix: Arc<Path>,
    sampling_rate: f64,
    outlet: Outlet,
}

/// The way from a request to the writer.
#[derive(Clone)]
struct Outlet {
    line: Arc<Line>,
    room: Arc<Room>,
    mask: Arc<Mask>,
    counts: LogCounts,
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outlet {{ counts: {:?}, .. }}", self.counts)
    }
}

impl RequestLog {
    /// No log yet: the writer's thread begins with the first model whose requests are logged, and says what it has to say to
    /// `dispatch`.
    pub fn new(settings: RequestLogSettings, metrics: Arc<Metrics>, dispatch: Dispatch) -> RequestLog {
        RequestLog {
            line: Arc::default(),
            room: Room::new(MAX_RECORDS, settings.queue_bytes),
            mask: Arc::new(Mask::new(&settings.mask)),
            settings,
            metrics,
            dispatch,
            thread: Mutex::default(),
            counted: Mutex::default(),
        }
    }

    /// The log of a model.
    pub fn open(&self, model: &str, document: &LogDocument) -> Arc<ModelLog> {
        self.begin();
        self.counted.lock().insert(model.to_owned());
        let outlet = Outlet {
            line: Arc::clone(&self.line),
            room: Arc::clone(&self.room),
            mask: Arc::clone(&self.mask),
            counts: self.metrics.request_log(model),
        };
        let prefix = Path::new(&document.prefix).into();
        Arc::new(ModelLog { prefix, sampling_rate: document.sampling_rate, outlet })
    }

    /// Only these routes count from now on: files of other prefixes are completed once what waits for them is written.
    pub fn published(&self, routes: &Routes) {
        let mut counted = self.counted.lock();
        if counted.is_empty() {
            return;
        }
        counted.retain(|model| {
            let kept = routes.has_model(model);
            if !kept {
                self.metrics.forget_request_log(model);
            }
            kept
        });
        let prefixes: HashSet<Arc<Path>> = routes.logs().map(|log| Arc::clone(&log.prefix)).collect();
        // Nothing is left to complete once the line is closed.
        let _ = self.line.push(Work::Keep(prefixes));
    }

    /// Writes what waits and completes every file, as far as that is done within `limit`. Waits.
    pub fn close(&self, limit: Duration) {
        self.line.close();
        let Some(thread) = self.thread.lock().take() else { return };
        let end = Instant::now() + limit;
        // A disk that hangs must not keep a server from ending.
        while !thread.is_finished() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn begin(&self) {
        let mut thread = self.thread.lock();
        if thread.is_some() {
            return;
        }
        let tags = self.settings.saved_model_tags.clone();
        let writer = Writer::new(Arc::clone(&self.line), Limits::from(&self.settings), Arc::clone(&self.mask), tags);
        let dispatch = self.dispatch.clone();
        let begun = std::thread::Builder::new().name("request log".into()).spawn(move || {
            log::attach(&dispatch);
            writer.run();
        });
        match begun {
            Ok(begun) => *thread = Some(begun),
            // Records fill the line and are dropped; the next table of routes tries again.
            Err(error) => tracing::error!("requests cannot be logged, there is no thread for it: {error}"),
        }
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        self.line.close();
    }
}

/// A request that was picked, until it is answered; it is forgotten if it is not.
pub struct Entry {
    log: Arc<ModelLog>,
    servable: Arc<Servable>,
    signature: String,
    asked: Asked,
    place: Place,
}

impl Entry {
    /// An entry for the request that goes this way, if it is to be logged and there is room.
    pub fn of(route: &Route, signature: &str, asked: impl FnOnce() -> Asked) -> Option<Box<Entry>> {
        let log = route.log.as_ref()?;
        if !sampling::is_sampled(log.sampling_rate, sampling::random) {
            return None;
        }
        let asked = asked();
        let Some(place) = Place::take(&log.outlet.room, asked.len_bytes()) else {
            log.outlet.counts.count(Logged::Dropped);
            return None;
        };
        let (log, servable) = (Arc::clone(log), Arc::clone(&route.servable));
        Some(Box::new(Entry { log, servable, signature: signature.to_owned(), asked, place }))
    }

    /// Queues a Predict request with its outputs, which are copied.
    pub fn predicted(mut self, outputs: Vec<TensorView<'_>>) {
        let bytes = outputs.iter().map(|output| output.bytes.len()).sum();
        // Looked for before the copy, which would be for nothing.
        if !self.place.grow(bytes) {
            return self.dropped();
        }
        let signature = if self.signature.is_empty() { DEFAULT_SIGNATURE } else { &self.signature };
        let spec = ModelSpec {
            name: self.servable.model.to_string(),
            signature_name: signature.to_owned(),
            version_choice: Some(VersionChoice::Version(self.servable.version)),
        };
        let outputs = self.log.outlet.mask.outputs(outputs);
        // What cannot be encoded is no answer either: the client is told so.
        let Ok(response) = encode_predict_response(&spec, &outputs, Representation::TypedFields) else { return };
        let response = response.into_bytes();
        // A negative number of one byte is ten in the message.
        match self.place.grow(response.len().saturating_sub(bytes)) {
            true => self.queue(Answered::Outputs(response)),
            false => self.dropped(),
        }
    }

    /// Queues it with its answer.
    pub fn answered(mut self, answered: Answered) {
        match self.place.grow(answered.len_bytes()) {
            true => self.queue(answered),
            false => self.dropped(),
        }
    }

    fn queue(self, answered: Answered) {
        let Entry { log, servable, signature, asked, place } = self;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let record = Record {
            model: servable.model.to_string(),
            version: servable.version,
            signature,
            sampling_rate: log.sampling_rate,
            timestamp_s: since.as_secs() as i64,
            asked,
            answered,
        };
        let counts = log.outlet.counts.clone();
        let waiting = Box::new(Waiting { prefix: Arc::clone(&log.prefix), record, counts, place });
        if log.outlet.line.push(Work::Write(waiting)).is_some() {
            log.outlet.counts.count(Logged::Dropped);
        }
    }

    fn dropped(&self) {
        self.log.outlet.counts.count(Logged::Dropped);
    }
}

#[cfg(test)]
#[path = "request_log_tests.rs"]
mod tests;
