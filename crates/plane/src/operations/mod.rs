//! Inference that is accepted now and answered later: `Prefer: respond-async` and `/v1/operations`.
//!
//! ```text
//! api ── accept ──► index (memory) + store (disk, one fsync for many) ── 202
//!                        │
//! runner ── line: whose turn? ──► the call that REST makes ──► result to the store ──► courier (webhook)
//! ```
//!
//! Pure, and tested by tables: [`state`] (what becomes of an operation), [`line`] (whose turn it is), [`index`] (what follows
//! from each), [`target`] (where results may go). Executors: [`store`] (disk), [`courier`] (network), [`runner`] (tasks), and
//! [`Operations`] here, which joins them. An operation is run at least once and its result sent at least once: inference
//! changes nothing, so running again after a crash is the same answer again.
//!
//! Operations yield to every other request: [`crate::channel`] gives them a slot only when nobody else waits.

pub mod api;
pub mod courier;
pub mod index;
pub mod line;
pub mod operation;
pub mod runner;
pub mod state;
pub mod store;
pub mod target;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{oneshot, Notify};
use tokio::task::AbortHandle;

use self::courier::Courier;
use self::index::Index;
use self::operation::{Delivery, Id, Millis, Operation, Origin, State, Webhook};
use self::state::Rules;
use self::store::{Store, Write};
use crate::metrics::Metrics;
use crate::rest::error::error_body;
use crate::settings::OperationsSettings;
use crate::status::{Code, Result, Status};

/// What a client is told to wait when there is no place for another operation.
const FULL_RETRY: Duration = Duration::from_secs(5);

/// Milliseconds since 1970, as the system or a test says.
pub type WallClock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// The operations of one server.
pub struct Operations {
    settings: OperationsSettings,
    rules: Rules,
    store: Store,
    index: Mutex<Index>,
    tasks: Mutex<HashMap<u64, AbortHandle>>,
    courier: Option<Courier>,
    delivering: AtomicUsize,
    changed: Notify,
    paused: AtomicBool,
    metrics: Arc<Metrics>,
    random: SystemRandom,
    clock: WallClock,
}

/// What a client asks to be done later.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The call's path, as sent.
    pub path: String,
    /// The model that it names.
    pub model: String,
    /// Its body, unpacked.
    pub body: Bytes,
    /// The client's name for it.
    pub key: Option<String>,
    /// Where the result goes.
    pub webhook: Option<String>,
    /// The request itself, for logs and traces.
    pub origin: Option<Origin>,
}

/// Why an operation was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// The key is another request's.
    OtherRequest(Status),
    /// As the status says.
    Refused(Status),
}

impl From<Status> for NotAccepted {
    fn from(status: Status) -> NotAccepted {
        NotAccepted::Refused(status)
    }
}

impl Operations {
    /// Opens the store and takes up what it holds: what ran when the last server ended waits again.
    ///
    /// Errors: a sentence that names the file or the setting.
    pub fn open(
        settings: &OperationsSettings,
        metrics: Arc<Metrics>,
        clock: WallClock,
    ) -> std::result::Result<Arc<Operations>, String> {
        let courier = settings.webhooks.as_ref().map(Courier::new).transpose()?;
        let (store, records) = Store::open(Path::new(&settings.directory))?;
        let rules = Rules::from(settings);
        let operations = Operations {
            settings: settings.clone(),
            rules,
            store,
            index: Mutex::new(Index::new(rules)),
            tasks: Mutex::default(),
            courier,
            delivering: AtomicUsize::new(0),
            changed: Notify::new(),
            paused: AtomicBool::new(false),
            metrics,
            random: SystemRandom::new(),
            clock,
        };
        for record in records {
            operations.take_up(record);
        }
        Ok(Arc::new(operations))
    }

    /// The operation that a request with its key has given before.
    ///
    /// Errors: INVALID_ARGUMENT for a key of another request.
    pub fn known(&self, wanted: &Wanted) -> std::result::Result<Option<Operation>, NotAccepted> {
        let Some(key) = wanted.key.as_deref() else { return Ok(None) };
        let index = self.index.lock();
        match index.by_key(key) {
            Some((known, _)) if known.fingerprint != fingerprint(wanted) => {
                Err(NotAccepted::OtherRequest(other_request(&known.path)))
            }
            Some((known, true)) => Ok(Some(known.clone())),
            _ => Ok(None),
        }
    }

    /// Accepts an operation; it is on disk when this returns. The same key with the same request gives the same operation.
    ///
    /// Errors: RESOURCE_EXHAUSTED when a bound is reached; PERMISSION_DENIED for a webhook that is not allowed;
    /// INVALID_ARGUMENT for a key of another request; INTERNAL when the store cannot be written.
    pub async fn accept(self: &Arc<Self>, wanted: Wanted) -> std::result::Result<Operation, NotAccepted> {
        if let Some(url) = &wanted.webhook {
            self.check_webhook(url)?;
        }
        let fingerprint = fingerprint(&wanted);
        loop {
            let (answer, answered) = oneshot::channel();
            let found = self.enter(&wanted, &fingerprint, answer)?;
            match found {
                Entered::Known(operation) => return Ok(*operation),
                // Its twin is on its way to the disk: what is written next is written after it.
                Entered::Twin => drop(answered.await),
                Entered::New(operation) => {
                    answered.await.map_err(|_| Status::internal("the store of operations is gone"))??;
                    self.metrics.operation_accepted();
                    return Ok(*operation);
                }
            }
        }
    }

    /// One operation.
    ///
    /// Errors: NOT_FOUND for one that never was, was removed, or has expired.
    pub fn get(&self, id: Id) -> Result<Operation> {
        self.index.lock().find(id).cloned().ok_or_else(|| not_found(&id.to_string()))
    }

    /// What an operation answers: the result of one that is done, the error of one that failed; none for others.
    ///
    /// Errors: INTERNAL when the store cannot be read.
    pub async fn result(self: &Arc<Self>, operation: &Operation) -> Result<Option<Bytes>> {
        if let Some(failure) = &operation.failure {
            return Ok(Some(error_body(&failure.status()).into()));
        }
        if operation.state != State::Done {
            return Ok(None);
        }
        let (operations, id) = (Arc::clone(self), operation.id);
        read(move || operations.store.result(id)).await
    }

    /// At most `count` operations after a number, in order of acceptance, of one state or of any.
    pub fn list(&self, after: u64, count: usize, state: Option<State>) -> Vec<Operation> {
        let index = self.index.lock();
        let wanted = index.after(after).filter(|operation| state.is_none_or(|state| operation.state == state));
        wanted.take(count).cloned().collect()
    }

    /// Ends an operation that has not ended; removes one that has. On disk when this returns. The operation as it is then; none
    /// when it is removed.
    ///
    /// Errors: NOT_FOUND as for [`Operations::get`]; INTERNAL when the store cannot be written.
    pub async fn cancel(&self, id: Id) -> Result<Option<Operation>> {
        let (answer, answered) = oneshot::channel();
        let left = {
            let mut index = self.index.lock();
            let mut operation = index.find(id).cloned().ok_or_else(|| not_found(&id.to_string()))?;
            let seq = operation.seq;
            if operation.state.has_ended() {
                index.remove(seq);
                self.store.write(vec![Write::Forget(id)], Some(tell(answer)));
                None
            } else {
                self.rules.cancel(&mut operation, (self.clock)());
                index.put(operation.clone());
                self.abort(seq);
                let writes = vec![Write::Record(Box::new(operation.clone())), Write::NoBodies(id)];
                self.store.write(writes, Some(tell(answer)));
                Some(operation)
            }
        };
        self.changed.notify_one();
        answered.await.map_err(|_| Status::internal("the store of operations is gone"))??;
        if left.is_some() {
            self.metrics.operation_ended(State::Cancelled);
        }
        Ok(left)
    }

    /// Begins no more: the server drains.
    pub fn pause(&self) {
        self.paused.store(true, Ordering::Release);
    }

    /// Takes back what runs, so that the next server begins it, and lets go of the store. Waits.
    pub fn close(&self) {
        self.pause();
        {
            let mut index = self.index.lock();
            for mut operation in index.running() {
                self.abort(operation.seq);
                self.rules.taken_back(&mut operation);
                self.store.write(vec![Write::Record(Box::new(operation.clone()))], None);
                index.put(operation);
            }
        }
        self.store.close();
    }

    /// Sets the series that are read off when somebody looks.
    pub fn measure(&self) {
        let index = self.index.lock();
        self.metrics.set_operations(index.line.waiting(), index.line.running(), index.bytes());
    }

    /// When an operation is forgotten; none before it has ended and was delivered.
    pub fn expires_ms(&self, operation: &Operation) -> Option<Millis> {
        self.rules.expires_ms(operation)
    }

    /// Takes up an operation of an earlier server.
    fn take_up(&self, mut operation: Operation) {
        let now = (self.clock)();
        let mut writes = Vec::new();
        if operation.state == State::Running {
            self.rules.interrupted(&mut operation, "the server ended", now, self.chance());
            writes.push(Write::Record(Box::new(operation.clone())));
            if operation.state.has_ended() {
                writes.push(Write::NoBodies(operation.id));
            }
            self.store.write(writes, None);
        }
        self.index.lock().put(operation);
    }

    fn check_webhook(&self, url: &str) -> Result<()> {
        let denied = |why: String| Status::new(Code::PermissionDenied, why);
        let courier = self.courier.as_ref().ok_or_else(|| {
            denied("webhooks are off on this server; its operator can turn them on with operations.webhooks".to_owned())
        })?;
        courier.accepts(url).map_err(denied)
    }

    /// Finds the operation of a key, or puts a new one in; `answer` is told when what was asked before now is on disk.
    fn enter(
        self: &Arc<Self>,
        wanted: &Wanted,
        fingerprint: &str,
        answer: oneshot::Sender<Result<()>>,
    ) -> std::result::Result<Entered, NotAccepted> {
        let mut index = self.index.lock();
        if let Some((known, durable)) = wanted.key.as_deref().and_then(|key| index.by_key(key)) {
            if known.fingerprint != fingerprint {
                return Err(NotAccepted::OtherRequest(other_request(&known.path)));
            }
            if durable {
                return Ok(Entered::Known(Box::new(known.clone())));
            }
            self.store.write(Vec::new(), Some(tell(answer)));
            return Ok(Entered::Twin);
        }
        let operation = self.new_operation(wanted, fingerprint, index.next_seq())?;
        self.check_room(&index, &operation)?;
        let record = Write::Record(Box::new(operation.clone()));
        let writes = vec![record, Write::Request(operation.id, wanted.body.clone())];
        index.accept(operation.clone());
        let operations = Arc::clone(self);
        let seq = operation.seq;
        // Told by the store's thread: also when the client has gone away meanwhile.
        let told = Box::new(move |written: std::result::Result<(), String>| {
            operations.accepted(seq, &written);
            let _ = answer.send(written.map_err(unwritten));
        });
        self.store.write(writes, Some(told));
        Ok(Entered::New(Box::new(operation)))
    }

    fn accepted(&self, seq: u64, written: &std::result::Result<(), String>) {
        let mut index = self.index.lock();
        match written {
            Ok(()) => index.accepted(seq),
            Err(_) => drop(index.remove(seq)),
        }
        self.changed.notify_one();
    }

    fn new_operation(&self, wanted: &Wanted, fingerprint: &str, seq: u64) -> Result<Operation> {
        let mut id = [0; 16];
        self.random.fill(&mut id).map_err(|_| Status::internal("the system gives no random numbers"))?;
        let webhook = wanted.webhook.clone().map(|url| Webhook {
            url,
            state: Delivery::Pending,
            attempts: 0,
            next_ms: 0,
            error: String::new(),
        });
        Ok(Operation {
            id: Id(id),
            seq,
            path: wanted.path.clone(),
            model: wanted.model.clone(),
            version: None,
            state: State::Pending,
            failure: None,
            created_ms: (self.clock)(),
            started_ms: 0,
            ended_ms: 0,
            attempts: 0,
            not_before_ms: 0,
            request_bytes: wanted.body.len() as u64,
            result_bytes: 0,
            key: wanted.key.clone(),
            fingerprint: fingerprint.to_owned(),
            webhook,
            origin: wanted.origin.clone(),
        })
    }

    fn check_room(&self, index: &Index, operation: &Operation) -> Result<()> {
        let full = |message: String| {
            Err(Status { retry_after: Some(FULL_RETRY), ..Status::new(Code::ResourceExhausted, message) })
        };
        let (most, bytes) = (self.settings.max_pending, self.settings.max_store_bytes);
        if index.pending() >= most {
            return full(format!(
                "{most} operations wait or run already, the bound operations.max_pending; try again later"
            ));
        }
        if index.bytes() + operation.bytes() > bytes {
            return full(format!(
                "the store of operations holds {} of {bytes} bytes, the bound operations.max_store_bytes, and this one takes {}; try again later",
                index.bytes(),
                operation.bytes()
            ));
        }
        Ok(())
    }

    fn abort(&self, seq: u64) {
        if let Some(task) = self.tasks.lock().remove(&seq) {
            task.abort();
        }
    }

    /// A number in 0..1.
    fn chance(&self) -> f64 {
        let mut bytes = [0; 4];
        // Without randomness pauses are whole, which is right too.
        let _ = self.random.fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
    }
}

enum Entered {
    New(Box<Operation>),
    Known(Box<Operation>),
    Twin,
}

/// The time as the system has it.
pub fn system_clock() -> WallClock {
    Arc::new(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |since| since.as_millis() as Millis)
    })
}

/// What tells one request from another.
fn fingerprint(wanted: &Wanted) -> String {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    hash.update(b"POST ");
    hash.update(wanted.path.as_bytes());
    hash.update(b"\n");
    hash.update(&wanted.body);
    hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn other_request(path: &str) -> Status {
    Status::invalid_argument(format!(
        "this Idempotency-Key was used for another request ({path}, or the same with another body); use a new key"
    ))
}

fn not_found(id: &str) -> Status {
    Status::not_found(format!("there is no operation {id}: it never was, was removed, or has expired"))
}

fn unwritten(why: String) -> Status {
    Status::internal(why)
}

/// Passes on whether the store has written.
fn tell(answer: oneshot::Sender<Result<()>>) -> store::Told {
    Box::new(move |written| {
        // Nobody waits any more.
        let _ = answer.send(written.map_err(unwritten));
    })
}

/// Reads from the disk where nobody waits for the thread.
async fn read<T: Send + 'static>(work: impl FnOnce() -> std::result::Result<T, String> + Send + 'static) -> Result<T> {
    let read = tokio::task::spawn_blocking(work).await;
    read.map_err(|_| Status::internal("the store of operations could not be asked"))?.map_err(Status::internal)
}
