//! Which call a request line means.
//!
//! Source: tensorflow_serving/model_servers/http_rest_api_util.cc (both regular expressions, ParseModelInfo); beyond it are the
//! list of models, `/v1/operations`, `/v1/report`, `/livez`, `/readyz` and `HEAD`.

use crate::operations::operation::Id;
use crate::routes::ModelAddress;
use crate::status::{Result, Status};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestCall {
    /// `POST …:predict`
    Predict(ModelAddress),
    /// `POST …:classify`
    Classify(ModelAddress),
    /// `POST …:regress`
    Regress(ModelAddress),
    /// `GET …/metadata`
    Metadata(ModelAddress),
    /// `GET /v1/models/NAME…`
    Status(ModelAddress),
    /// `GET /v1/models/NAME/batching`
    Batching(String),
    /// `PUT /v1/models/NAME/batching`
    SetBatching(String),
    /// `GET /v1/models`
    List,
    /// `GET /v1/report`
    Report,
    /// `GET /v1/operations`
    Operations,
    /// `GET /v1/operations/ID`
    Operation(Id),
    /// `DELETE /v1/operations/ID`
    CancelOperation(Id),
    /// `GET /livez`
    Live,
    /// `GET /readyz`, `GET /readyz/NAME`
    Ready(Option<String>),
    /// `GET` of the metrics' path
    Metrics,
    /// `OPTIONS` of anything: a browser asks whether another origin may call
    Options,
}

impl RestCall {
    /// Whether it is answered without a token: probes, metrics, and a browser's question before it sends one.
    pub fn is_open(&self) -> bool {
        matches!(self, RestCall::Live | RestCall::Ready(_) | RestCall::Metrics | RestCall::Options)
    }
}

/// Longest part of a path that an error repeats, in bytes.
const SHOWN_PATH_BYTES: usize = 512;

/// Reads a request line. `path` is as the client sent it, without the query.
pub fn parse(method: &str, path: &str, metrics_path: Option<&str>) -> Result<RestCall> {
    let is_get = matches!(method, "GET" | "HEAD");
    match path {
        _ if method == "OPTIONS" => return Ok(RestCall::Options),
        "/livez" if is_get => return Ok(RestCall::Live),
        "/readyz" if is_get => return Ok(RestCall::Ready(None)),
        _ if is_get && Some(path) == metrics_path => return Ok(RestCall::Metrics),
        _ => {}
    }
    if let Some(name) = path.strip_prefix("/readyz/").filter(|name| is_get && is_segment(name)) {
        return Ok(RestCall::Ready(Some(decode(name, "model name")?)));
    }
    let Some(rest) = strip_prefix_ignoring_case(path, "/v1/") else {
        return Err(Status::not_found(format!("No such path: {method} {}", shown(path))));
    };
    let malformed = || Status::invalid_argument(format!("Malformed request: {method} {}", shown(path)));
    let call = match method {
        "GET" | "HEAD" | "DELETE" if is_operations(rest) => operations(method, &rest["operations".len()..]),
        "GET" | "HEAD" if rest.eq_ignore_ascii_case("report") => Some(Ok(RestCall::Report)),
        "POST" => prediction(rest),
        "PUT" => batching(rest).map(|name| name.map(RestCall::SetBatching)),
        _ if is_get && batching(rest).is_some() => batching(rest).map(|name| name.map(RestCall::Batching)),
        _ if is_get => question(rest),
        _ => None,
    };
    call.unwrap_or_else(|| Err(malformed()))
}

fn is_operations(rest: &str) -> bool {
    strip_prefix_ignoring_case(rest, "operations").is_some_and(|tail| tail.is_empty() || tail.starts_with('/'))
}

/// `operations[/ID]`, of which `tail` is what follows the first word.
fn operations(method: &str, tail: &str) -> Option<Result<RestCall>> {
    let Some(id) = tail.strip_prefix('/') else {
        return (method != "DELETE").then_some(Ok(RestCall::Operations));
    };
    let call = if method == "DELETE" { RestCall::CancelOperation } else { RestCall::Operation };
    let unknown = || Status::not_found(format!("there is no operation {}: an id is 32 hexadecimal digits", shown(id)));
    Some(Id::parse(id).map(call).ok_or_else(unknown))
}

/// `models/NAME[/versions/V|/labels/L]:METHOD`
fn prediction(rest: &str) -> Option<Result<RestCall>> {
    let (address, method) = strip_prefix_ignoring_case(rest, "models/")?.rsplit_once(':')?;
    let (name, selector) = split_segment(address)?;
    let (selected, "") = split_selector(selector) else { return None };
    // The expression ignores case, but what it finds is compared exactly.
    let call = match method {
        "predict" => RestCall::Predict,
        "classify" => RestCall::Classify,
        "regress" => RestCall::Regress,
        _ => return None,
    };
    Some(model(name, selected).map(call))
}

/// The name in `models/NAME/batching`
fn batching(rest: &str) -> Option<Result<String>> {
    let (name, "/batching") = split_segment(strip_prefix_ignoring_case(rest, "models/")?)? else { return None };
    Some(decode(name, "model name"))
}

/// `models[/NAME][/versions/V|/labels/L][/metadata]`
fn question(rest: &str) -> Option<Result<RestCall>> {
    let rest = strip_prefix_ignoring_case(rest, "models")?;
    if rest.is_empty() {
        return Some(Ok(RestCall::List));
    }
    if let Some((name, tail)) = rest.strip_prefix('/').and_then(split_segment) {
        let (selected, tail) = split_selector(tail);
        if let Some(call) = question_call(tail) {
            return Some(model(name, selected).map(call));
        }
    }
    // Without a name, `versions`, `labels` or `metadata` may follow at once.
    let (_, tail) = split_selector(rest);
    question_call(tail).map(|_| Err(Status::invalid_argument("Missing model name in request.")))
}

fn question_call(tail: &str) -> Option<fn(ModelAddress) -> RestCall> {
    match tail {
        "" => Some(RestCall::Status),
        "/metadata" => Some(RestCall::Metadata),
        // Not compared exactly here either, so that it falls to the other question.
        _ if tail.eq_ignore_ascii_case("/metadata") => Some(RestCall::Status),
        _ => None,
    }
}

/// Which of a model's versions, undecoded.
enum Selected<'a> {
    Latest,
    Version(&'a str),
    Label(&'a str),
}

/// Takes `/versions/V` or `/labels/L` off the front.
fn split_selector(tail: &str) -> (Selected<'_>, &str) {
    if let Some((version, rest)) = strip_prefix_ignoring_case(tail, "/versions/").and_then(split_segment) {
        if version.bytes().all(|byte| byte.is_ascii_digit()) {
            return (Selected::Version(version), rest);
        }
    }
    if let Some((label, rest)) = strip_prefix_ignoring_case(tail, "/labels/").and_then(split_segment) {
        return (Selected::Label(label), rest);
    }
    (Selected::Latest, tail)
}

fn model(name: &str, selected: Selected<'_>) -> Result<ModelAddress> {
    let mut address = ModelAddress { name: decode(name, "model name")?, version: None, label: None };
    match selected {
        Selected::Latest => {}
        Selected::Label(label) => address.label = Some(decode(label, "model version label")?),
        Selected::Version(version) => {
            let number = version.parse().map_err(|_| {
                Status::invalid_argument(format!("Failed to convert version: {} to numeric.", shown(version)))
            })?;
            address.version = Some(number);
        }
    }
    Ok(address)
}

/// Splits after the characters up to the next slash or colon, of which there is one at least.
fn split_segment(text: &str) -> Option<(&str, &str)> {
    let end = text.find(['/', ':']).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn is_segment(text: &str) -> bool {
    split_segment(text).is_some_and(|(_, rest)| rest.is_empty())
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Undoes the URL's `%` escapes; one that is broken stays as it is.
fn decode(text: &str, what: &str) -> Result<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| byte == b'%').and_then(hex_pair);
        decoded.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(decoded).map_err(|_| Status::invalid_argument(format!("Failed to decode {what}:{}", shown(text))))
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8)
}

/// The beginning of a text that a client chose.
fn shown(text: &str) -> &str {
    let mut end = text.len().min(SHOWN_PATH_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(name: &str, version: Option<i64>, label: Option<&str>) -> ModelAddress {
        ModelAddress { name: name.to_owned(), version, label: label.map(str::to_owned) }
    }

    fn id() -> Id {
        Id(std::array::from_fn(|index| index as u8))
    }

    #[test]
    fn every_route_is_understood() {
        let half = || address("half", None, None);
        let cases = [
            ("POST", "/v1/models/half:predict", RestCall::Predict(half())),
            ("POST", "/V1/Models/half:predict", RestCall::Predict(half())),
            ("POST", "/v1/models/half:classify", RestCall::Classify(half())),
            ("POST", "/v1/models/half:regress", RestCall::Regress(half())),
            ("POST", "/v1/models/half/versions/007:predict", RestCall::Predict(address("half", Some(7), None))),
            ("POST", "/v1/models/half/VERSIONS/7:predict", RestCall::Predict(address("half", Some(7), None))),
            ("POST", "/v1/models/half/labels/canary:regress", RestCall::Regress(address("half", None, Some("canary")))),
            ("POST", "/v1/models/a%20b%2Fc:predict", RestCall::Predict(address("a b/c", None, None))),
            ("POST", "/v1/models/m/labels/%C3%A9:predict", RestCall::Predict(address("m", None, Some("é")))),
            ("POST", "/v1/models/100%:predict", RestCall::Predict(address("100%", None, None))),
            ("GET", "/v1/models/half", RestCall::Status(half())),
            ("HEAD", "/v1/models/half", RestCall::Status(half())),
            ("GET", "/v1/models/half/versions/3", RestCall::Status(address("half", Some(3), None))),
            ("GET", "/v1/models/half/labels/stable", RestCall::Status(address("half", None, Some("stable")))),
            ("GET", "/v1/models/half/metadata", RestCall::Metadata(half())),
            ("GET", "/v1/models/half/METADATA", RestCall::Status(half())),
            ("GET", "/v1/models/half/versions/3/metadata", RestCall::Metadata(address("half", Some(3), None))),
            ("GET", "/v1/models/metadata", RestCall::Status(address("metadata", None, None))),
            ("GET", "/v1/models/versions/metadata", RestCall::Metadata(address("versions", None, None))),
            ("GET", "/v1/models/a%20b/batching", RestCall::Batching("a b".to_owned())),
            ("PUT", "/v1/models/half/batching", RestCall::SetBatching("half".to_owned())),
            ("GET", "/v1/models/batching", RestCall::Status(address("batching", None, None))),
            ("GET", "/v1/models", RestCall::List),
            ("GET", "/v1/report", RestCall::Report),
            ("GET", "/v1/operations", RestCall::Operations),
            ("GET", "/v1/operations/000102030405060708090a0b0c0d0e0f", RestCall::Operation(id())),
            ("HEAD", "/V1/Operations/000102030405060708090a0b0c0d0e0f", RestCall::Operation(id())),
            ("DELETE", "/v1/operations/000102030405060708090a0b0c0d0e0f", RestCall::CancelOperation(id())),
            ("GET", "/livez", RestCall::Live),
            ("GET", "/readyz", RestCall::Ready(None)),
            ("GET", "/readyz/a%20b", RestCall::Ready(Some("a b".to_owned()))),
            ("GET", "/metrics", RestCall::Metrics),
            ("OPTIONS", "/v1/models/half:predict", RestCall::Options),
        ];
        for (method, path, expected) in cases {
            assert_eq!(parse(method, path, Some("/metrics")), Ok(expected), "{method} {path}");
        }
    }

    #[test]
    fn what_is_no_route_is_refused_in_tensorflow_servings_words() {
        let max = u64::MAX;
        let cases = [
            ("GET", "/v1/foo".to_owned(), "Malformed request: GET /v1/foo"),
            ("POST", "/v1/foo".to_owned(), "Malformed request: POST /v1/foo"),
            ("POST", "/v1/models".to_owned(), "Malformed request: POST /v1/models"),
            ("GET", "/v1/models/foo:predict".to_owned(), "Malformed request: GET /v1/models/foo:predict"),
            ("DELETE", "/v1/models/foo".to_owned(), "Malformed request: DELETE /v1/models/foo"),
            ("POST", "/v1/report".to_owned(), "Malformed request: POST /v1/report"),
            ("GET", "/v1/report/x".to_owned(), "Malformed request: GET /v1/report/x"),
            ("DELETE", "/v1/operations".to_owned(), "Malformed request: DELETE /v1/operations"),
            ("POST", "/v1/operations".to_owned(), "Malformed request: POST /v1/operations"),
            ("GET", "/v1/operationsx".to_owned(), "Malformed request: GET /v1/operationsx"),
            (
                "PUT",
                "/v1/models/foo/versions/3/batching".to_owned(),
                "Malformed request: PUT /v1/models/foo/versions/3/batching",
            ),
            ("POST", "/v1/models/foo/batching".to_owned(), "Malformed request: POST /v1/models/foo/batching"),
            ("PUT", "/v1/models/foo".to_owned(), "Malformed request: PUT /v1/models/foo"),
            ("POST", "/v1/models/foo:Predict".to_owned(), "Malformed request: POST /v1/models/foo:Predict"),
            (
                "POST",
                "/v1/models/foo/version/50:regress".to_owned(),
                "Malformed request: POST /v1/models/foo/version/50:regress",
            ),
            (
                "POST",
                "/v1/models/foo/versions/HELLO:regress".to_owned(),
                "Malformed request: POST /v1/models/foo/versions/HELLO:regress",
            ),
            (
                "POST",
                "/v1/models/foo/versions/:predict".to_owned(),
                "Malformed request: POST /v1/models/foo/versions/:predict",
            ),
            ("POST", "/v1/models/:predict".to_owned(), "Malformed request: POST /v1/models/:predict"),
            ("POST", "/v1/models/a:b:predict".to_owned(), "Malformed request: POST /v1/models/a:b:predict"),
            (
                "POST",
                format!("/v1/models/foo/versions/{max}:regress"),
                "Failed to convert version: 18446744073709551615 to numeric.",
            ),
            ("GET", "/v1/models/versions/3".to_owned(), "Missing model name in request."),
            ("GET", "/v1/models/labels/x/metadata".to_owned(), "Missing model name in request."),
            ("POST", "/v1/models/%FF:predict".to_owned(), "Failed to decode model name:%FF"),
        ];
        for (method, path, message) in cases {
            assert_eq!(parse(method, &path, None), Err(Status::invalid_argument(message)), "{method} {path}");
        }
        for path in ["/", "/index", "/statuspage", "/metrics", "/v1", "/readyz/a/b"] {
            let expected = Status::not_found(format!("No such path: GET {path}"));
            assert_eq!(parse("GET", path, None), Err(expected));
        }
    }

    #[test]
    fn a_long_path_is_cut_where_it_is_repeated() {
        let path = format!("/v1/{}", "é".repeat(10_000));
        let message = parse("GET", &path, None).unwrap_err().message;
        assert!(message.len() < 600 && message.starts_with("Malformed request: GET /v1/é"));
    }
}
