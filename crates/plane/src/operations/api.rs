//! What REST says about operations: headers in, JSON out. Nothing here waits or decides what becomes of an operation.
//!
//! Source: RFC 7240 (Prefer, Preference-Applied, respond-async); RFC 9110 15.3.3 (202); draft-ietf-httpapi-idempotency-key-header.

use bytes::Bytes;
use http::HeaderMap;
use serde::Serialize;

use super::operation::{rfc3339, Delivery, Millis, Operation, State};
use crate::rest::error::http_status;
use crate::status::{Code, Result, Status};

/// Where operations are found.
pub const PATH: &str = "/v1/operations";
/// The header of a client's name for its request.
pub const KEY: &str = "idempotency-key";
/// The header of where the result goes.
pub const WEBHOOK: &str = "webhook";

/// Longest key, in bytes.
const MAX_KEY_BYTES: usize = 255;
/// Operations on a page, unless asked otherwise, and at most.
const PAGE: usize = 100;
const MAX_PAGE: usize = 1000;

/// Whether the client would rather be answered later.
pub fn prefers_async(headers: &HeaderMap) -> bool {
    let lists = headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|preference| {
        let name = preference.split([';', '=']).next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("respond-async")
    })
}

/// The client's name for its request.
///
/// Errors: INVALID_ARGUMENT for a key that is empty, too long, or not of visible characters.
pub fn key(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get(KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=MAX_KEY_BYTES).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Status::invalid_argument(format!(
            "an Idempotency-Key has 1 to {MAX_KEY_BYTES} visible ASCII characters; a UUID is a good one"
        ))),
    }
}

/// Where the client wants its result sent.
///
/// Errors: INVALID_ARGUMENT for a header that is no text.
pub fn webhook(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get(WEBHOOK) else { return Ok(None) };
    match value.to_str() {
        Ok(url) => Ok(Some(url.trim().to_owned())),
        Err(_) => Err(Status::invalid_argument("the Webhook header is no URL in ASCII")),
    }
}

/// Which operations a list shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Those after this number.
    pub after: u64,
    /// At most so many.
    pub count: usize,
    /// Of this state only.
    pub state: Option<State>,
}

/// Reads a list's query: `page_size`, `page_token`, `state`.
///
/// Errors: INVALID_ARGUMENT that names the parameter and what it may be.
pub fn page(query: Option<&str>) -> Result<Page> {
    let mut page = Page { after: 0, count: PAGE, state: None };
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let wrong = |expected: &str| Status::invalid_argument(format!("{name}={value:?}: {expected}"));
        match name {
            "page_size" => {
                let count = value.parse().ok().filter(|count| (1..=MAX_PAGE).contains(count));
                page.count = count.ok_or_else(|| wrong(&format!("use a number from 1 to {MAX_PAGE}")))?;
            }
            "page_token" => {
                page.after = value.parse().map_err(|_| wrong("use the next_page_token of the page before"))?;
            }
            "state" => {
                let state = State::parse(value);
                page.state = Some(state.ok_or_else(|| wrong("use pending, running, done, failed or cancelled"))?);
            }
            _ => return Err(wrong("a list of operations takes page_size, page_token and state")),
        }
    }
    Ok(page)
}

/// One operation as JSON, with its result where it has one.
pub fn document(operation: &Operation, expires_ms: Option<Millis>, result: Option<&Bytes>) -> Vec<u8> {
    let mut text = serde_json::to_vec(&Shown::of(operation, expires_ms)).expect("plain data");
    let Some(result) = result.filter(|_| matches!(operation.state, State::Done | State::Failed)) else { return text };
    let code = operation.failure.as_ref().map_or(Code::Ok, |failure| Code::from_number(failure.code));
    // As it is: TensorFlow Serving's JSON has numbers (NaN) that a JSON library would not take.
    text.pop();
    text.extend(format!(",\"response\":{{\"status\":{},\"body\":", http_status(code).as_u16()).as_bytes());
    text.extend_from_slice(result);
    text.extend_from_slice(b"}}");
    text
}

/// A page of operations as JSON, without results.
pub fn list(operations: &[Operation], page: &Page, expires: impl Fn(&Operation) -> Option<Millis>) -> Vec<u8> {
    #[derive(Serialize)]
    struct List<'a> {
        operations: Vec<Shown<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_page_token: Option<String>,
    }
    let full = operations.len() == page.count;
    let next_page_token = operations.last().filter(|_| full).map(|last| last.seq.to_string());
    let operations = operations.iter().map(|operation| Shown::of(operation, expires(operation))).collect();
    serde_json::to_vec(&List { operations, next_page_token }).expect("plain data")
}

/// An operation as clients see it.
#[derive(Serialize)]
struct Shown<'a> {
    id: String,
    state: State,
    path: &'a str,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ShownError<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<ShownWebhook<'a>>,
}

#[derive(Serialize)]
struct ShownError<'a> {
    code: &'static str,
    message: &'a str,
}

#[derive(Serialize)]
struct ShownWebhook<'a> {
    url: &'a str,
    state: Delivery,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
}

impl<'a> Shown<'a> {
    fn of(operation: &'a Operation, expires_ms: Option<Millis>) -> Shown<'a> {
        let at = |ms: Millis| (ms > 0).then(|| rfc3339(ms));
        let error = operation
            .failure
            .as_ref()
            .map(|failure| ShownError { code: Code::from_number(failure.code).name(), message: &failure.message });
        let webhook = operation.webhook.as_ref().map(|webhook| ShownWebhook {
            url: &webhook.url,
            state: webhook.state,
            attempts: webhook.attempts,
            next_attempt_at: at(webhook.next_ms),
            error: &webhook.error,
        });
        Shown {
            id: operation.id.to_string(),
            state: operation.state,
            path: &operation.path,
            model: &operation.model,
            version: operation.version,
            created_at: rfc3339(operation.created_ms),
            started_at: at(operation.started_ms),
            ended_at: at(operation.ended_ms),
            expires_at: expires_ms.and_then(at),
            attempts: operation.attempts,
            error,
            webhook,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::operation::{Failure, Webhook};
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_preference_is_found_among_others() {
        let cases = [
            (vec![], false),
            (vec![("prefer", "respond-async")], true),
            (vec![("prefer", "Respond-Async; x=1, wait=10")], true),
            (vec![("prefer", "wait=10,respond-async")], true),
            (vec![("prefer", "return=minimal"), ("prefer", "respond-async")], true),
            (vec![("prefer", "respond-asynchronously")], false),
            (vec![("prefer", "handling=respond-async")], false),
            (vec![("accept", "respond-async")], false),
        ];
        for (pairs, expected) in cases {
            assert_eq!(prefers_async(&headers(&pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_key_is_short_visible_text() {
        assert_eq!(key(&headers(&[])), Ok(None));
        assert_eq!(key(&headers(&[(KEY, "a b")])), Ok(Some("a b".into())));
        let long: &'static str = "k".repeat(256).leak();
        for wrong in ["", long, "é"] {
            assert!(key(&headers(&[(KEY, wrong)])).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_query_chooses_the_page() {
        let page_of = |after, count, state| Page { after, count, state };
        let cases = [
            (None, page_of(0, 100, None)),
            (Some(""), page_of(0, 100, None)),
            (Some("page_size=2&page_token=7"), page_of(7, 2, None)),
            (Some("state=failed"), page_of(0, 100, Some(State::Failed))),
        ];
        for (query, expected) in cases {
            assert_eq!(page(query), Ok(expected), "{query:?}");
        }
        for wrong in ["page_size=0", "page_size=1001", "page_token=x", "state=odd", "sort=1", "page_size"] {
            assert!(page(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_operation_is_shown_with_its_result_as_it_is() {
        let mut operation = Operation { created_ms: 1, ..Operation::example(1) };
        let waiting = String::from_utf8(document(&operation, None, None)).unwrap();
        assert_eq!(
            waiting,
            r#"{"id":"00000000000000000000000000000001","state":"pending","path":"/v1/models/m:predict","model":"m","created_at":"1970-01-01T00:00:00.001Z","attempts":0}"#
        );
        operation.state = State::Done;
        operation.version = Some(3);
        let body = Bytes::from_static(br#"{"predictions": [NaN]}"#);
        let done = String::from_utf8(document(&operation, Some(2), Some(&body))).unwrap();
        assert!(
            done.contains(r#""expires_at":"1970-01-01T00:00:00.002Z""#) && done.contains(r#""version":3"#),
            "{done}"
        );
        assert!(done.ends_with(r#","response":{"status":200,"body":{"predictions": [NaN]}}}"#), "{done}");
        operation.state = State::Failed;
        operation.failure = Some(Failure { code: 5, message: "gone".into() });
        let url = "http://x.org".to_owned();
        let webhook = Webhook { url, state: Delivery::Failed, attempts: 2, next_ms: 0, error: "503".into() };
        operation.webhook = Some(webhook);
        let body = Bytes::from_static(br#"{"error": "gone"}"#);
        let failed: serde_json::Value = serde_json::from_slice(&document(&operation, None, Some(&body))).unwrap();
        assert_eq!(failed["error"], serde_json::json!({"code": "NOT_FOUND", "message": "gone"}));
        assert_eq!(failed["response"], serde_json::json!({"status": 404, "body": {"error": "gone"}}));
        assert_eq!(failed["webhook"]["state"], "failed");
    }

    #[test]
    fn a_full_page_names_the_next_one() {
        let operations = [Operation::example(3), Operation::example(9)];
        let shown = |count| {
            let page = Page { after: 0, count, state: None };
            serde_json::from_slice::<serde_json::Value>(&list(&operations, &page, |_| None)).unwrap()
        };
        assert_eq!(shown(2)["next_page_token"], "9");
        assert_eq!(shown(3)["next_page_token"], serde_json::Value::Null);
        assert_eq!(shown(3)["operations"].as_array().unwrap().len(), 2);
    }
}
