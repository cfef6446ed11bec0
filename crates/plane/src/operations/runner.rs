//! Carries operations out: one task that begins, ends, forgets and delivers what is due, and a task for each that runs.
//!
//! It decides nothing: whose turn it is says [`super::line`], what becomes of an operation says [`super::state`]. A run is the
//! call that REST would have made, with the stored path and body.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;

use super::courier::Message;
use super::line::Next;
use super::operation::{Delivery, Millis, Operation};
use super::state::{delivery_tried, Outcome, Tried};
use super::store::Write;
use super::{api, read, Operations};
use crate::dataplane::Dataplane;
use crate::exchange::observed::Open;
use crate::exchange::{Exchange, Observer, RequestId};
use crate::inference::Call;
use crate::metrics::Api;
use crate::rest::path::{self, RestCall};
use crate::rest::service::{infer, Inferred};
use crate::status::{Code, Result, Status};

/// Results that are sent at once.
const MAX_DELIVERIES: usize = 8;

/// Carries operations out until the plane is gone.
pub async fn run(operations: Arc<Operations>, dataplane: Weak<Dataplane>) {
    let Some(mut changes) = dataplane.upgrade().map(|dataplane| dataplane.changes()) else { return };
    loop {
        let Some(plane) = dataplane.upgrade() else { return };
        let due = step(&operations, &plane);
        drop(plane);
        let now = (operations.clock)();
        // The wall clock may be set: it is looked at now and then in any case.
        let wait = Duration::from_millis(due.unwrap_or(Millis::MAX).saturating_sub(now).min(60_000));
        tokio::select! {
            () = operations.changed.notified() => {}
            // Models and readiness change; without a sender there is no plane.
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Does what is due; when something is due next.
fn step(operations: &Arc<Operations>, dataplane: &Arc<Dataplane>) -> Option<Millis> {
    let now = (operations.clock)();
    while operations.end_or_forget(now) {}
    let line = match dataplane.has_started() && !operations.paused.load(Ordering::Acquire) {
        true => begin_all(operations, dataplane, now),
        false => None,
    };
    let delivers = operations.courier.is_some();
    while delivers && operations.delivering.load(Ordering::Acquire) < MAX_DELIVERIES {
        let Some(seq) = operations.index.lock().take_delivery(now) else { break };
        operations.delivering.fetch_add(1, Ordering::AcqRel);
        tokio::spawn(deliver(Arc::clone(operations), seq));
    }
    let room = operations.delivering.load(Ordering::Acquire) < MAX_DELIVERIES;
    let timers = operations.index.lock().next_due(delivers && room);
    [line, timers].into_iter().flatten().min()
}

fn begin_all(operations: &Arc<Operations>, dataplane: &Arc<Dataplane>, now: Millis) -> Option<Millis> {
    loop {
        let next = operations.index.lock().line.next(now, operations.settings.concurrency);
        match next {
            Next::Idle => return None,
            Next::At(due) => return Some(due),
            Next::Start(seq) => begin(operations, dataplane, seq, now),
        }
    }
}

/// Begins one, or puts it off when its model is on its way.
fn begin(operations: &Arc<Operations>, dataplane: &Arc<Dataplane>, seq: u64, now: Millis) {
    let mut index = operations.index.lock();
    let Some(mut operation) = index.get(seq).cloned() else { return index.line.remove(seq) };
    if is_on_its_way(dataplane, &operation.path) {
        operations.rules.put_off(&mut operation, now);
        return index.put(operation);
    }
    operations.rules.start(&mut operation, now);
    operations.store.write(vec![Write::Record(Box::new(operation.clone()))], None);
    index.put(operation.clone());
    let task = tokio::spawn(run_one(Arc::clone(operations), Arc::clone(dataplane), operation));
    operations.tasks.lock().insert(seq, task.abort_handle());
    drop(index);
    let operations = Arc::clone(operations);
    tokio::spawn(async move {
        let outcome = match task.await {
            Ok(outcome) => outcome,
            // Aborted by whoever has ended it.
            Err(error) if error.is_cancelled() => return,
            Err(_) => Err(Status::internal("the run of the operation broke off")),
        };
        operations.tasks.lock().remove(&seq);
        operations.run_ended(seq, outcome);
    });
}

/// Whether the model of a call cannot be asked now, but may be later.
fn is_on_its_way(dataplane: &Dataplane, path: &str) -> bool {
    let address = match path::parse("POST", path, None) {
        Ok(RestCall::Predict(address) | RestCall::Classify(address) | RestCall::Regress(address)) => address,
        _ => return false,
    };
    dataplane.resolve(&address).is_err_and(|status| status.code == Code::Unavailable)
}

async fn run_one(operations: Arc<Operations>, dataplane: Arc<Dataplane>, operation: Operation) -> Result<Inferred> {
    let id = operation.id;
    let reader = Arc::clone(&operations);
    let body = read(move || reader.store.request(id)).await?;
    let body = body.ok_or_else(|| Status::internal("the store of operations has lost the request"))?;
    let left = operations.rules.deadline_ms(&operation).saturating_sub((operations.clock)());
    let deadline = tokio::time::Instant::now().checked_add(Duration::from_millis(left));
    let wanted = path::parse("POST", &operation.path, None)?;
    let (request_id, exchange) = observed(&dataplane.observer, &operation, &wanted);
    let mut open = exchange.clone().map(|exchange| Open::new(exchange, &dataplane.observer));
    let call = Call { api: Api::Operation, deadline, received: Instant::now(), exchange };
    let outcome = infer(&dataplane, &wanted, &HeaderMap::new(), &body, &call).await;
    let code = outcome.as_ref().map_or_else(|status| status.code, |_| Code::Ok);
    if let Err(status) = &outcome {
        dataplane.observer.server_error(&request_id, &operation.path, code, &status.message);
        call.exchange.iter().for_each(|exchange| exchange.failed(status));
    }
    open.iter_mut().for_each(|open| open.end(code, None));
    outcome
}

/// The name under which a run is told of, that of the request that asked for it; and where it is noted.
fn observed(observer: &Observer, operation: &Operation, wanted: &RestCall) -> (RequestId, Option<Arc<Exchange>>) {
    let origin = operation.origin.as_ref();
    let request_id = origin.map_or_else(RequestId::new, |origin| RequestId::kept(&origin.request_id));
    let exchange = observer.begin_operation(&request_id, origin.and_then(|origin| origin.traceparent.as_deref()));
    if let Some(exchange) = &exchange {
        wanted.describe(exchange);
        exchange.is_operation(operation.id);
    }
    (request_id, exchange)
}

/// Sends one result once.
async fn deliver(operations: Arc<Operations>, seq: u64) {
    let tried = try_delivery(&operations, seq).await;
    operations.delivering.fetch_sub(1, Ordering::AcqRel);
    if let Some(tried) = tried {
        operations.delivered(seq, &tried);
    }
    operations.changed.notify_one();
}

/// None when there is nothing to send any more.
async fn try_delivery(operations: &Arc<Operations>, seq: u64) -> Option<Tried> {
    let operation = operations.index.lock().get(seq).cloned()?;
    let (courier, webhook) = (operations.courier.as_ref()?, operation.webhook.as_ref()?);
    let result = match operations.result(&operation).await {
        Ok(result) => result,
        Err(status) => return Some(Tried::Missed(status.message)),
    };
    let payload = api::document(&operation, operations.expires_ms(&operation), result.as_ref());
    let timestamp_s = (operations.clock)() / 1000;
    let message = Message { id: format!("op_{}", operation.id), timestamp_s, payload: payload.into() };
    Some(courier.deliver(&webhook.url, &message).await)
}

impl Operations {
    /// Ends one whose time is over, or forgets one that was kept long enough; false when there is none.
    fn end_or_forget(&self, now: Millis) -> bool {
        let mut index = self.index.lock();
        let Some(seq) = index.over(now) else { return false };
        let Some(mut operation) = index.get(seq).cloned() else { return false };
        if self.rules.expire(&mut operation, now) {
            self.abort(seq);
            self.metrics.operation_ended(operation.state);
            let writes = vec![Write::Record(Box::new(operation.clone())), Write::NoBodies(operation.id)];
            self.store.write(writes, None);
            index.put(operation);
        } else {
            index.remove(seq);
            self.store.write(vec![Write::Forget(operation.id)], None);
        }
        true
    }

    /// Takes note of how a run ended: back in line, or on disk and then done.
    fn run_ended(self: &Arc<Self>, seq: u64, outcome: Result<Inferred>) {
        let mut index = self.index.lock();
        let Some(mut operation) = index.get(seq).filter(is_running).cloned() else { return };
        let now = (self.clock)();
        let room = self.settings.max_store_bytes.saturating_sub(index.bytes() - operation.request_bytes);
        let (body, outcome) = match outcome {
            Ok(Inferred { body, version }) if body.len() as u64 <= room => {
                (Bytes::from(body), Outcome::Answered { bytes: 0, version })
            }
            Ok(Inferred { body, .. }) => (Bytes::new(), Outcome::Refused(no_room(body.len(), room))),
            Err(status) => (Bytes::new(), Outcome::Refused(status)),
        };
        self.rules.run_ended(&mut operation, &outcome, now, self.chance());
        if !operation.state.has_ended() {
            self.store.write(vec![Write::Record(Box::new(operation.clone()))], None);
            index.put(operation);
            return self.changed.notify_one();
        }
        operation.result_bytes = body.len() as u64;
        let bodies = match operation.failure {
            Some(_) => Write::NoBodies(operation.id),
            None => Write::Result(operation.id, body),
        };
        let writes = vec![Write::Record(Box::new(operation.clone())), bodies];
        index.ending(seq);
        let operations = Arc::clone(self);
        // Until it is on disk it counts as running, so that a slow disk slows the runs.
        self.store.write(writes, Some(Box::new(move |written| operations.kept(operation, written))));
    }

    /// Shows how an operation ended, now that this is on disk; or has it run again when it is not.
    fn kept(&self, ended: Operation, written: std::result::Result<(), String>) {
        let mut index = self.index.lock();
        let Some(mut operation) = index.get(ended.seq).filter(is_running).cloned() else {
            return;
        };
        match written {
            Ok(()) => {
                self.metrics.operation_ended(ended.state);
                index.put(ended);
            }
            Err(why) => {
                tracing::error!(operation = %operation.id, why, "a result was not kept");
                self.rules.interrupted(&mut operation, &why, (self.clock)(), self.chance());
                index.put(operation);
            }
        }
        self.changed.notify_one();
    }

    /// Takes note of a try to deliver.
    fn delivered(&self, seq: u64, tried: &Tried) {
        let Some(settings) = &self.settings.webhooks else { return };
        let mut index = self.index.lock();
        let Some(mut operation) = index.get(seq).cloned() else { return };
        let now = (self.clock)();
        delivery_tried(&mut operation, tried, settings.max_attempts, settings.backoff_ms, now, self.chance());
        let Some(webhook) = &operation.webhook else { return };
        let outcome = match (tried, webhook.state) {
            (_, Delivery::Delivered) => "delivered",
            (_, Delivery::Pending) => "retried",
            (_, Delivery::Failed) => "failed",
        };
        if webhook.state == Delivery::Failed {
            tracing::warn!(operation = %operation.id, why = webhook.error, "a webhook was given up");
        }
        self.metrics.operation_webhook(outcome);
        self.store.write(vec![Write::Record(Box::new(operation.clone()))], None);
        index.put(operation);
    }
}

fn is_running(operation: &&Operation) -> bool {
    operation.state == super::operation::State::Running
}

fn no_room(bytes: usize, room: u64) -> Status {
    Status::new(
        Code::ResourceExhausted,
        format!("the result takes {bytes} bytes and operations.max_store_bytes leaves {room}"),
    )
}
