use super::super::otlp::Value;
use super::*;
use crate::exchange::{examples, Head, RequestId};

const MS: u64 = 1_000_000;
const BEGUN: u64 = 1_700_000_000_123 * MS;

fn trace(parent_id: Option<[u8; 8]>, span_id: Option<[u8; 8]>) -> Option<Trace> {
    Some(Trace { trace_id: [0xab; 16], parent_id, span_id, state: "a=1".into() })
}

fn spans(exchange: &Exchange, end: &End) -> Vec<Span> {
    let mut next = 0;
    let mut spans = Vec::new();
    let new_id = || {
        next += 1;
        [next; 8]
    };
    append(exchange, end, new_id, &mut spans);
    spans
}

fn value(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.clone()?.value? {
        Value::Text(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
    }
}

#[test]
fn a_call_has_a_span_and_each_stage_one_below_it_in_order_and_within_it() {
    let (exchange, end) = examples::predict(Api::Grpc, trace(Some([9; 8]), Some([8; 8])));
    let spans = spans(&exchange, &end);
    let times = |span: &Span| (span.name.clone(), span.start_time_unix_nano - BEGUN, span.end_time_unix_nano - BEGUN);
    let stages: Vec<(String, u64, u64)> = spans[1..].iter().map(times).collect();
    let expected = [("decode", 1, 3), ("queue", 3, 6), ("batch", 6, 10), ("run", 10, 20), ("encode", 20, 25)];
    assert_eq!(stages, expected.map(|(name, from, to)| (name.to_owned(), from * MS, to * MS)));
    let call = &spans[0];
    assert_eq!((call.start_time_unix_nano, call.end_time_unix_nano), (BEGUN, BEGUN + 26 * MS));
    assert_eq!((call.kind(), &call.parent_span_id[..], call.flags), (Kind::Server, &[9; 8][..], 0x301));
    for (index, stage) in spans[1..].iter().enumerate() {
        assert_eq!((&stage.trace_id, &stage.parent_span_id), (&call.trace_id, &call.span_id));
        assert_eq!(stage.span_id, [index as u8 + 1; 8]);
        assert_eq!((stage.kind(), stage.flags, stage.trace_state.as_str()), (Kind::Internal, 0x101, "a=1"));
    }
    assert_eq!(count(&exchange), 6);
    assert_eq!(value(&spans[4], "seaway.rows").as_deref(), Some("2"));
    assert_eq!(value(&spans[4], "seaway.batch.requests").as_deref(), Some("3"));
}

#[test]
fn a_wait_that_did_not_happen_has_no_span_and_clocks_that_disagree_break_no_order() {
    let (exchange, end) = examples::predict(Api::Grpc, trace(None, Some([8; 8])));
    let mut ran = exchange.noted().runs[0];
    (ran.queue, ran.batch) = (Duration::ZERO, Duration::ZERO);
    let names: Vec<&str> = stages(&ran).map(|(name, ..)| name).collect();
    assert_eq!(names, ["decode", "run", "encode"]);
    // A worker that says that it ran for longer than there was time.
    ran.run = Duration::from_secs(100_000_000);
    ran.queue = Duration::from_secs(1);
    exchange.ran(ran);
    for span in spans(&exchange, &end) {
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
        assert!((BEGUN..=BEGUN + 26 * MS).contains(&span.start_time_unix_nano), "{span:?}");
        assert!(span.end_time_unix_nano <= BEGUN + 26 * MS, "{span:?}");
    }
}

#[test]
fn a_trace_that_is_not_kept_has_no_span() {
    for trace in [None, trace(Some([9; 8]), None)] {
        let (exchange, end) = examples::predict(Api::Rest, trace);
        assert_eq!(spans(&exchange, &end), []);
    }
}

#[test]
fn the_attributes_are_those_of_the_conventions() {
    let (mut exchange, end) = examples::predict(Api::Grpc, trace(None, Some([8; 8])));
    exchange.request.path = "/tensorflow.serving.PredictionService/Predict".into();
    exchange.request.version = Version::HTTP_2;
    let call = spans(&exchange, &end).remove(0);
    assert_eq!(call.name, "tensorflow.serving.PredictionService/Predict");
    let expected = [
        ("rpc.system", Some("grpc")),
        ("rpc.service", Some("tensorflow.serving.PredictionService")),
        ("rpc.method", Some("Predict")),
        ("rpc.grpc.status_code", Some("0")),
        ("network.protocol.version", Some("2")),
        ("network.peer.address", Some("127.0.0.1")),
        ("network.peer.port", Some("4711")),
        ("user_agent.original", Some("curl/8")),
        ("seaway.request_id", Some("r-1")),
        ("seaway.model.name", Some("two")),
        ("seaway.model.version", Some("7")),
        ("seaway.model.signature", Some("serving_default")),
        ("seaway.status", Some("OK")),
        ("error.type", None),
        ("http.request.method", None),
    ];
    for (key, expected) in expected {
        assert_eq!(value(&call, key).as_deref(), expected, "{key}");
    }
    let (exchange, end) = examples::predict(Api::Rest, trace(None, Some([8; 8])));
    let call = spans(&exchange, &end).remove(0);
    assert_eq!(call.name, "POST /v1/models/{model}:predict");
    let expected = [
        ("http.request.method", Some("POST")),
        ("http.route", Some("/v1/models/{model}:predict")),
        ("url.path", Some("/v1/models/two:predict")),
        ("http.response.status_code", Some("200")),
        ("rpc.system", None),
    ];
    for (key, expected) in expected {
        assert_eq!(value(&call, key).as_deref(), expected, "{key}");
    }
}

#[test]
fn the_name_of_a_span_is_not_the_clients_to_choose() {
    let call = |api, uri: &str| {
        let head = Head { path: uri.into(), method: "SURPRISINGLYLONGNAME".into(), ..Head::default() };
        let exchange = Exchange::begin(RequestId::new(), api, trace(None, Some([8; 8])), head);
        let end = End { code: Code::NotFound, http: None, at: exchange.begun };
        spans(&exchange, &end).remove(0)
    };
    let unknown = call(Api::Grpc, "/made.up/Thing");
    assert_eq!((unknown.name.as_str(), value(&unknown, "rpc.method")), ("unknown method", None));
    assert_eq!(call(Api::Rest, "/made/up").name, "SURPRISINGLYLONG");
}

#[test]
fn only_what_is_the_servers_fault_is_an_error() {
    let cases = [
        (Api::Grpc, Code::Ok, None, None),
        (Api::Grpc, Code::InvalidArgument, None, None),
        (Api::Grpc, Code::ResourceExhausted, None, None),
        (Api::Grpc, Code::Cancelled, None, None),
        (Api::Grpc, Code::Unavailable, None, Some("UNAVAILABLE")),
        (Api::Operation, Code::Internal, None, Some("INTERNAL")),
        (Api::Rest, Code::NotFound, Some(404), None),
        (Api::Rest, Code::Cancelled, None, None),
        (Api::Rest, Code::DeadlineExceeded, Some(504), Some("504")),
    ];
    for (api, code, http, expected) in cases {
        let (exchange, end) = examples::predict(api, trace(None, Some([8; 8])));
        exchange.failed(&crate::status::Status::internal("why"));
        let call = spans(&exchange, &End { code, http, ..end }).remove(0);
        assert_eq!(value(&call, "error.type").as_deref(), expected, "{api:?} {code:?}");
        assert_eq!(call.status.is_some(), expected.is_some(), "{api:?} {code:?}");
    }
}
