//! What the access log says of a call: one JSON object on one line. Pure.
//!
//! Every text that a client chose is bounded and escaped, so that none can break a line or forge another; bodies, tensors and
//! tokens are not among them.

use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

use crate::exchange::random::write_hex;
use crate::exchange::{End, Exchange, Noted};
use crate::metrics::Api;
use crate::operations::operation::rfc3339;

/// One line; what is not known is left out.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    request_id: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    trace_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    span_id: String,
    api: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    method: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    label: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    signature: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    operation: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
    duration_ms: f64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    stages: Option<Stages>,
    #[serde(skip_serializing_if = "str::is_empty")]
    http_method: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    path: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    peer: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_agent: &'a str,
}

/// Where the time of an inference went, and how much it was about; sums where a call has several runs.
#[derive(Serialize)]
struct Stages {
    receive_ms: f64,
    decode_ms: f64,
    queue_ms: f64,
    batch_ms: f64,
    run_ms: f64,
    encode_ms: f64,
    rows: u64,
    tensor_bytes_in: u64,
    tensor_bytes_out: u64,
}

/// Appends the line of a call, with its end of line.
pub fn write(exchange: &Exchange, end: &End, out: &mut Vec<u8>) {
    let begun = out.len();
    let written = exchange.with_noted(|noted| serde_json::to_writer(&mut *out, &line(exchange, noted, end)));
    match written {
        Ok(()) => out.push(b'\n'),
        // Memory takes everything; and half a line would be worse than none.
        Err(_) => out.truncate(begun),
    }
}

fn line<'a>(exchange: &'a Exchange, noted: &'a Noted, end: &End) -> Line<'a> {
    let head = &exchange.request;
    let since = exchange.begun_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let trace = exchange.trace.as_ref();
    Line {
        time: rfc3339(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
        request_id: exchange.id.as_str(),
        trace_id: trace.map_or_else(String::new, |trace| hex(&trace.trace_id)),
        span_id: trace.and_then(|trace| trace.span_id).map_or_else(String::new, |id| hex(&id)),
        api: exchange.api.label(),
        method: noted.call,
        model: &noted.model,
        version: noted.version,
        label: &noted.label,
        signature: &noted.signature,
        operation: noted.operation.map_or_else(String::new, |id| id.to_string()),
        status: end.code.name(),
        http_status: end.http,
        error: &noted.message,
        duration_ms: millis(end.at.saturating_duration_since(exchange.begun)),
        stages: stages(exchange, noted),
        http_method: if exchange.api == Api::Rest { &head.method } else { "" },
        path: &head.path,
        peer: head.peer.map_or_else(String::new, |peer| peer.to_string()),
        user_agent: &head.user_agent,
    }
}

fn stages(exchange: &Exchange, noted: &Noted) -> Option<Stages> {
    let first = noted.runs.first()?;
    let sum = |time: fn(&crate::exchange::Ran) -> Duration| millis(noted.runs.iter().map(time).sum());
    let count = |count: fn(&crate::exchange::Ran) -> u64| noted.runs.iter().map(count).sum();
    Some(Stages {
        receive_ms: millis(first.received.saturating_duration_since(exchange.begun)),
        // What comes before a later run is the run before.
        decode_ms: millis(first.started.saturating_duration_since(first.received)),
        queue_ms: sum(|ran| ran.queue),
        batch_ms: sum(|ran| ran.batch),
        run_ms: sum(|ran| ran.run),
        encode_ms: sum(|ran| ran.ended.saturating_duration_since(ran.ran)),
        rows: count(|ran| ran.rows),
        tensor_bytes_in: count(|ran| ran.bytes[0]),
        tensor_bytes_out: count(|ran| ran.bytes[1]),
    })
}

/// Milliseconds with three places.
fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

fn hex(bytes: &[u8]) -> String {
    let mut digits = Vec::with_capacity(2 * bytes.len());
    write_hex(bytes, &mut digits);
    String::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};

    use super::*;
    use crate::exchange::{examples, Head, RequestId};
    use crate::routes::ModelAddress;
    use crate::status::{Code, Status};
    use crate::traces::context::Trace;

    fn written(exchange: &Exchange, end: &End) -> String {
        let mut out = Vec::new();
        write(exchange, end, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_says_who_asked_for_what_and_where_the_time_went() {
        let trace = Trace { trace_id: [0xab; 16], parent_id: None, span_id: Some([1; 8]), state: String::new() };
        let (exchange, end) = examples::predict(Api::Rest, Some(trace));
        let expected = concat!(
            r#"{"time":"2023-11-14T22:13:20.123Z","request_id":"r-1","trace_id":"abababababababababababababababab","#,
            r#""span_id":"0101010101010101","api":"rest","method":"Predict","model":"two","version":7,"#,
            r#""signature":"serving_default","status":"OK","http_status":200,"duration_ms":26.0,"receive_ms":1.0,"#,
            r#""decode_ms":2.0,"queue_ms":3.0,"batch_ms":4.0,"run_ms":10.0,"encode_ms":5.0,"rows":2,"#,
            r#""tensor_bytes_in":8,"tensor_bytes_out":16,"http_method":"POST","path":"/v1/models/two:predict","#,
            r#""peer":"127.0.0.1:4711","user_agent":"curl/8"}"#,
            "\n"
        );
        assert_eq!(written(&exchange, &end), expected);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let exchange = Exchange::begin(RequestId::kept("r-2"), Api::Grpc, None, Head::default());
        let line = written(&exchange, &End { code: Code::Cancelled, http: None, at: exchange.begun });
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let mut names: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["api", "duration_ms", "request_id", "status", "time"]);
        assert_eq!((&line["status"], &line["duration_ms"]), (&"CANCELLED".into(), &0.0.into()));
    }

    #[test]
    fn hostile_names_and_headers_neither_break_a_line_nor_forge_one() {
        let evil = "x\"}\n{\"api\":\"grpc\"}\r\u{0}\u{1b}[31m\\";
        let request = Request::get(format!("/v1/{}", "%0A".repeat(1000)));
        let request = request.header("user-agent", HeaderValue::from_bytes(b"\"}\t\xff\xfe{").unwrap());
        let head = Head::of(None, &request.body(()).unwrap());
        let exchange = Exchange::begin(RequestId::kept("{\"r\":\\"), Api::Rest, None, head);
        let address = ModelAddress { name: evil.repeat(100), version: None, label: Some(evil.into()) };
        exchange.asks(&address, evil);
        exchange.failed(&Status::internal(evil));
        let line = written(&exchange, &End { code: Code::NotFound, http: Some(404), at: exchange.begun });
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.ends_with('\n') && line.bytes().all(|byte| byte >= b' ' || byte == b'\n'), "{line:?}");
        assert!(line.len() < 16 << 10, "{}", line.len());
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&read["label"], &read["error"]), (&evil.into(), &evil.into()));
        assert_eq!(read["request_id"], "{\"r\":\\");
        assert_eq!(read["user_agent"], "\"}\t\u{fffd}\u{fffd}{");
    }
}
