//! The spans of a call, made from what was measured of it once it has ended. Pure.
//!
//! A call has one span for itself and one for each stage of each run: `decode`, `queue`, `batch`, `run`, `encode`. A wait that did
//! not happen has none. Stages follow one another and lie within their call, whatever the clocks of two processes say.
//!
//! Source: OpenTelemetry semantic conventions 1.30 for HTTP and RPC server spans.

use std::time::{Duration, Instant, UNIX_EPOCH};

use http::Version;

use super::context::Trace;
use super::otlp::{KeyValue, Kind, Span, SpanStatus, STATUS_ERROR};
use crate::exchange::{End, Exchange, Noted, Ran};
use crate::metrics::Api;
use crate::status::Code;

/// Which version of the conventions the attributes follow.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.30.0";
/// The trace is kept, and it is known whether the parent is in another process.
const FLAGS: u32 = 0x101;
/// It is.
const FLAG_IS_REMOTE: u32 = 0x200;

/// Spans that a call has at most: for counting those that are not made.
pub fn count(exchange: &Exchange) -> u64 {
    exchange.with_noted(|noted| 1 + noted.runs.iter().map(|ran| stages(ran).count() as u64).sum::<u64>())
}

/// Appends the spans of a call; `new_id` names those of its stages. None for a call whose trace is not kept.
pub fn append(exchange: &Exchange, end: &End, mut new_id: impl FnMut() -> [u8; 8], spans: &mut Vec<Span>) {
    let Some((trace, span_id)) = exchange.trace.as_ref().and_then(|trace| Some((trace, trace.span_id?))) else {
        return;
    };
    exchange.with_noted(|noted| {
        spans.push(call(exchange, noted, end, trace, span_id));
        let clock = Clock { exchange, end: end.at };
        for ran in &noted.runs {
            for (name, from, to) in stages(ran) {
                spans.push(Span {
                    trace_id: trace.trace_id.to_vec(),
                    span_id: new_id().to_vec(),
                    trace_state: trace.state.clone(),
                    parent_span_id: span_id.to_vec(),
                    name: name.to_owned(),
                    kind: Kind::Internal.into(),
                    start_time_unix_nano: clock.nanos(from),
                    end_time_unix_nano: clock.nanos(to),
                    attributes: if name == "run" { run_attributes(ran) } else { Vec::new() },
                    status: None,
                    flags: FLAGS,
                });
            }
        }
    });
}

fn call(exchange: &Exchange, noted: &Noted, end: &End, trace: &Trace, span_id: [u8; 8]) -> Span {
    let clock = Clock { exchange, end: end.at };
    let kind = if exchange.api == Api::Operation { Kind::Consumer } else { Kind::Server };
    let is_remote = trace.parent_id.is_some() && exchange.api != Api::Operation;
    let status = is_error(exchange.api, end).then(|| SpanStatus { message: noted.message.clone(), code: STATUS_ERROR });
    Span {
        trace_id: trace.trace_id.to_vec(),
        span_id: span_id.to_vec(),
        trace_state: trace.state.clone(),
        parent_span_id: trace.parent_id.map_or_else(Vec::new, |id| id.to_vec()),
        name: name(exchange, noted),
        kind: kind.into(),
        start_time_unix_nano: clock.nanos(exchange.begun),
        end_time_unix_nano: clock.nanos(end.at),
        attributes: attributes(exchange, noted, end),
        status,
        flags: if is_remote { FLAGS | FLAG_IS_REMOTE } else { FLAGS },
    }
}

/// What the conventions call a span: few different names, whatever clients send.
fn name(exchange: &Exchange, noted: &Noted) -> String {
    match exchange.api {
        Api::Rest if noted.route.is_empty() => exchange.request.method.chars().take(16).collect(),
        Api::Rest => format!("{} {}", exchange.request.method, noted.route),
        Api::Operation => format!("operation {}", noted.call),
        _ => match service_of(exchange, noted) {
            Some(service) => format!("{service}/{}", noted.call),
            None => "unknown method".to_owned(),
        },
    }
}

/// The full name of a gRPC call's service, where this is a call that exists.
fn service_of<'a>(exchange: &'a Exchange, noted: &Noted) -> Option<&'a str> {
    let path = exchange.request.path.strip_prefix('/')?;
    let service = path.strip_suffix(noted.call)?.strip_suffix('/')?;
    (!noted.call.is_empty()).then_some(service)
}

fn attributes(exchange: &Exchange, noted: &Noted, end: &End) -> Vec<KeyValue> {
    let head = &exchange.request;
    let mut found = vec![KeyValue::new("seaway.request_id", exchange.id.as_str())];
    let mut add = |key: &str, value: &str| {
        if !value.is_empty() {
            found.push(KeyValue::new(key, value));
        }
    };
    match exchange.api {
        Api::Rest => {
            add("http.request.method", &head.method);
            add("http.route", noted.route);
            add("url.path", &head.path);
            add("url.scheme", "http");
        }
        Api::Operation => {}
        _ => {
            add("rpc.system", "grpc");
            add("rpc.service", service_of(exchange, noted).unwrap_or_default());
            add("rpc.method", noted.call);
        }
    }
    if exchange.api != Api::Operation {
        add("network.protocol.name", "http");
        add("network.protocol.version", version(head.version));
    }
    if let Some(peer) = head.peer {
        add("network.peer.address", &peer.ip().to_string());
        add("client.address", &peer.ip().to_string());
    }
    add("user_agent.original", &head.user_agent);
    add("seaway.model.name", &noted.model);
    add("seaway.model.label", &noted.label);
    add("seaway.model.signature", &noted.signature);
    add("seaway.status", end.code.name());
    if is_error(exchange.api, end) {
        let by_http = end.http.filter(|_| exchange.api == Api::Rest).map(|status| status.to_string());
        add("error.type", by_http.as_deref().unwrap_or(end.code.name()));
    }
    if let Some(id) = noted.operation {
        add("seaway.operation.id", &id.to_string());
    }
    let numbers = [
        ("seaway.model.version", noted.version),
        ("network.peer.port", head.peer.map(|peer| i64::from(peer.port()))),
        ("http.response.status_code", end.http.map(i64::from)),
        ("rpc.grpc.status_code", (exchange.api == Api::Grpc).then_some(end.code as i64)),
    ];
    found.extend(numbers.into_iter().filter_map(|(key, value)| Some(KeyValue::new(key, value?))));
    found
}

fn run_attributes(ran: &Ran) -> Vec<KeyValue> {
    let mut found = vec![
        KeyValue::new("seaway.rows", count_of(ran.rows)),
        KeyValue::new("seaway.tensor_bytes_in", count_of(ran.bytes[0])),
        KeyValue::new("seaway.tensor_bytes_out", count_of(ran.bytes[1])),
    ];
    if let Some(shared) = ran.shared {
        found.push(KeyValue::new("seaway.batch.requests", count_of(shared.requests as u64)));
        found.push(KeyValue::new("seaway.batch.rows", count_of(shared.padded as u64)));
    }
    found
}

/// Name, begin and end of a run's stages, in order.
fn stages(ran: &Ran) -> impl Iterator<Item = (&'static str, Instant, Instant)> {
    let joined = ran.started + ran.queue;
    let launched = (joined + ran.batch).min(ran.ran);
    // The worker says how long it ran, not when; its answer came right after.
    let run = ran.ran.checked_sub(ran.run).map_or(launched, |begun| begun.max(launched));
    let all = [
        ("decode", ran.received, ran.started),
        ("queue", ran.started, joined),
        ("batch", joined, launched),
        ("run", run, ran.ran.min(run + ran.run)),
        ("encode", ran.ran, ran.ended),
    ];
    all.into_iter().filter(|(name, from, to)| to > from || !matches!(*name, "queue" | "batch"))
}

/// Whether whoever looks for what went wrong with this server should find the call.
fn is_error(api: Api, end: &End) -> bool {
    match (api, end.http) {
        (Api::Rest, Some(status)) => status >= 500,
        _ => matches!(
            end.code,
            Code::Unknown
                | Code::DeadlineExceeded
                | Code::Unimplemented
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss
        ),
    }
}

/// Tells the time on the wall of moments of a call.
struct Clock<'a> {
    exchange: &'a Exchange,
    end: Instant,
}

impl Clock<'_> {
    fn nanos(&self, moment: Instant) -> u64 {
        let since: Duration = moment.min(self.end).saturating_duration_since(self.exchange.begun);
        let begun = self.exchange.begun_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from((begun + since).as_nanos()).unwrap_or(u64::MAX)
    }
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    }
}

fn count_of(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "spans_tests.rs"]
mod tests;
