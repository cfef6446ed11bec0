//! The REST service: one HTTP request in, one reply out, for the listeners of [`crate::server`].
//!
//! Everything here is about HTTP: limits, encodings, headers, the time a request may take. What a request means is decided
//! in [`super::path`], and answered by the same [`Dataplane`] that gRPC asks.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{
    HeaderValue, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    CONTENT_ENCODING, CONTENT_TYPE, ORIGIN, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::service::{service_fn, Service};

use super::batching::{batching_body, set_batching};
use super::body::{self, Limits};
use super::error::{error_body, http_status, retry_after_seconds, Refusal};
use super::example::parse_examples;
use super::example_response::{write_classifications, write_regressions};
use super::metadata::metadata_body;
use super::model_status::{list_body, status_body};
use super::path::{self, RestCall};
use super::predict::{parse_predict, PredictBody};
use super::predict_response::write_predict;
use super::reply::{off_the_runtime, Reply};
use crate::dataplane::Dataplane;
use crate::exchange::Exchange;
use crate::inference::{find_signature, Call, Examples};
use crate::metrics::Api;
use crate::routes::{Route, Servable};
use crate::signature::DEFAULT_SIGNATURE;
use crate::status::{Result as StatusResult, Status};

/// What a client is told to wait for a server that is not ready.
const NOT_READY_RETRY: Duration = Duration::from_secs(1);

/// Which version answered: TensorFlow Serving's body has no place for it, as gRPC's `model_spec` has.
const MODEL_VERSION: HeaderName = HeaderName::from_static("x-model-version");

/// What an inference call answers.
#[derive(Clone, Debug)]
pub struct Inferred {
    /// The reply's body.
    pub body: Vec<u8>,
    /// Who answered.
    pub version: i64,
}

impl From<Inferred> for Reply {
    fn from(Inferred { body, version }: Inferred) -> Reply {
        Reply { headers: vec![(MODEL_VERSION, version.into())], ..Reply::json(body) }
    }
}

/// The service that answers REST requests from `dataplane`.
pub fn service(
    dataplane: &Arc<Dataplane>,
) -> impl Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
       + Clone
       + Send
       + Sync
       + 'static {
    let dataplane = Arc::clone(dataplane);
    service_fn(move |request| {
        let dataplane = Arc::clone(&dataplane);
        async move { Ok(handle(&dataplane, request).await) }
    })
}

/// Answers one request; every error is a reply too.
pub async fn handle<B>(dataplane: &Dataplane, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let answer = answer(dataplane, &parts, body);
    let outcome = match dataplane.settings.rest_timeout_ms {
        0 => answer.await,
        limit => match tokio::time::timeout(Duration::from_millis(limit), answer).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Status::deadline_exceeded(format!(
                "the request took longer than {limit} ms, the limit of this server"
            ))
            .into()),
        },
    };
    respond(dataplane, &parts.headers, outcome)
}

async fn answer<B>(dataplane: &Dataplane, parts: &Parts, body: B) -> Result<Reply, Refusal>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let metrics_path = dataplane.settings.metrics_path.as_deref();
    let wanted = path::parse(parts.method.as_str(), parts.uri.path(), metrics_path);
    let exchange = parts.extensions.get::<Arc<Exchange>>();
    if let (Some(exchange), Ok(wanted)) = (exchange, &wanted) {
        wanted.describe(exchange);
    }
    if !wanted.as_ref().is_ok_and(RestCall::is_open) {
        let checked = dataplane.tokens.check(&parts.headers);
        checked.inspect_err(|status| dataplane.metrics.refused(Api::Rest, status))?;
    }
    match wanted? {
        wanted @ (RestCall::Predict(_) | RestCall::Classify(_) | RestCall::Regress(_)) => {
            let (call, body) = open(dataplane, parts, body).await?;
            if let Some(operations) = super::operations::wanted(dataplane, &parts.headers)? {
                let check = |body: &Bytes| check(dataplane, &wanted, body, &call);
                return super::operations::accept(operations, parts, &wanted, body, check).await;
            }
            infer(dataplane, &wanted, &parts.headers, &body, &call).await.map(Reply::from).map_err(Refusal::from)
        }
        RestCall::Metadata(address) => {
            let servable = dataplane.resolve(&address)?;
            Ok(Reply::json(metadata_body(&servable.model, servable.version, &servable.signatures)))
        }
        RestCall::Batching(model) => Ok(Reply::json(batching_body(dataplane, &model)?)),
        RestCall::SetBatching(model) => set_batching(dataplane, &parts.headers, body, &model).await.map(Reply::json),
        RestCall::Status(address) => Ok(Reply::json(status_body(&dataplane.model_status(&address)?))),
        RestCall::List => Ok(Reply::json(list_body(dataplane.routes().document()))),
        RestCall::Report => match dataplane.report() {
            Some(report) => Ok(Reply::json(report.into())),
            None => {
                Err(Status::not_found("this server has not reported yet: it reports when it follows a deployment")
                    .into())
            }
        },
        RestCall::Operations => super::operations::list(dataplane, parts.uri.query()),
        RestCall::Operation(id) => super::operations::get(dataplane, id).await,
        RestCall::CancelOperation(id) => super::operations::cancel(dataplane, id).await,
        RestCall::Live => Ok(Reply::json(b"{ \"live\": true }".to_vec())),
        RestCall::Ready(name) => ready(dataplane, name.as_deref()).map_err(Refusal::from),
        RestCall::Metrics => Ok(Reply {
            content_type: HeaderValue::from_static("text/plain; version=0.0.4"),
            ..Reply::json(dataplane.metrics_text().into_bytes())
        }),
        RestCall::Options => preflight(&parts.headers).map_err(Refusal::from),
    }
}

/// Reads the body of a call; its deadline counts from its first byte.
async fn open<B>(dataplane: &Dataplane, parts: &Parts, body: B) -> Result<(Call, Bytes), Refusal>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let settings = &dataplane.settings;
    let limit = Duration::from_millis(settings.rest_timeout_ms);
    let deadline = (!limit.is_zero()).then(|| tokio::time::Instant::now() + limit);
    let limits = Limits { message: settings.max_message_bytes, unpacked: settings.max_decompressed_bytes };
    let body = body::read(&parts.headers, body, limits).await;
    let body = body.inspect_err(|refusal| dataplane.metrics.refused(Api::Rest, &refusal.status))?;
    let exchange = parts.extensions.get().cloned();
    Ok((Call { api: Api::Rest, deadline, received: Instant::now(), exchange }, body))
}

/// Answers one inference call, now or as an operation, which has no headers.
///
/// Errors: what the call's reply says; INVALID_ARGUMENT for what is no inference call.
pub async fn infer(
    dataplane: &Dataplane,
    wanted: &RestCall,
    headers: &HeaderMap,
    body: &Bytes,
    call: &Call,
) -> StatusResult<Inferred> {
    match wanted {
        RestCall::Predict(address) => {
            let (route, parsed) = parsed(dataplane, || dataplane.route(address, headers), body, call)?;
            predict(dataplane, &route, parsed, call).await
        }
        RestCall::Classify(address) => {
            let (route, signature, examples) = examples(dataplane, || dataplane.route(address, headers), body, call)?;
            let classes = dataplane.classify(&route, &signature, examples, call).await?;
            written(&route.servable, |out| write_classifications(&classes, out))
        }
        RestCall::Regress(address) => {
            let (route, signature, examples) = examples(dataplane, || dataplane.route(address, headers), body, call)?;
            let values = dataplane.regress(&route, &signature, examples, call).await?;
            written(&route.servable, |out| write_regressions(&values, out))
        }
        _ => Err(Status::invalid_argument("this is no inference call")),
    }
}

/// Refuses an inference call that could not be run: its model, its JSON and its signature are looked at.
///
/// It takes no version's turn: the run will.
fn check(dataplane: &Dataplane, wanted: &RestCall, body: &Bytes, call: &Call) -> StatusResult<()> {
    let find = |address| move || dataplane.resolve(address).map(Route::from);
    match wanted {
        RestCall::Predict(address) => parsed(dataplane, find(address), body, call).map(drop),
        RestCall::Classify(address) | RestCall::Regress(address) => {
            let (route, signature, _) = examples(dataplane, find(address), body, call)?;
            find_signature(&route.servable, &signature).map(drop)
        }
        _ => Ok(()),
    }
}

/// A predict call's route, which `find` gives once, and its body for the version there.
fn parsed(
    dataplane: &Dataplane,
    find: impl Fn() -> StatusResult<Route>,
    body: &Bytes,
    call: &Call,
) -> StatusResult<(Route, PredictBody)> {
    let mut found = None;
    let parsed = off_the_runtime(body.len(), || {
        parse_predict(body, |name| {
            let route: &Route = match &mut found {
                Some(found) => found,
                none => none.insert(find()?),
            };
            route.servable.signatures.get(name).cloned().ok_or_else(|| {
                let name = if name.is_empty() { DEFAULT_SIGNATURE } else { name };
                Status::invalid_argument(format!("Serving signature name: \"{name}\" not found in signature def"))
            })
        })
    });
    match (found, parsed) {
        (Some(route), Ok(parsed)) => Ok((route, parsed)),
        (found, parsed) => {
            let status = parsed.err().unwrap_or_else(|| Status::internal("a body was parsed without its signature"));
            refused(dataplane, found.as_ref(), call, &status);
            Err(status)
        }
    }
}

async fn predict(dataplane: &Dataplane, route: &Route, parsed: PredictBody, call: &Call) -> StatusResult<Inferred> {
    let answer = dataplane.predict(route, &parsed.signature_name, parsed.inputs, &[], call).await?;
    let views = answer.views();
    let bytes = views.iter().map(|view| view.bytes.len()).sum();
    let mut body = Vec::new();
    off_the_runtime(bytes, || write_predict(parsed.format, &views, &mut body))?;
    Ok(Inferred { body, version: route.servable.version })
}

/// A classify or regress call's route, which `find` gives once, the signature's name and the examples.
fn examples(
    dataplane: &Dataplane,
    find: impl FnOnce() -> StatusResult<Route>,
    body: &Bytes,
    call: &Call,
) -> StatusResult<(Route, String, Examples)> {
    let parsed = off_the_runtime(body.len(), || parse_examples(body));
    let (found, status) = match (find(), parsed) {
        (Ok(route), Ok(parsed)) => {
            let examples = Examples { examples: parsed.examples, context: parsed.context };
            return Ok((route, parsed.signature_name, examples));
        }
        // What is wrong with the body is said first.
        (found, Err(status)) => (found.ok(), status),
        (Err(status), Ok(_)) => (None, status),
    };
    refused(dataplane, found.as_ref(), call, &status);
    Err(status)
}

/// Counts a request that never reached its model.
fn refused(dataplane: &Dataplane, route: Option<&Route>, call: &Call, status: &Status) {
    match route {
        Some(Route { servable, .. }) => servable.metrics.failed("", call.api, status, call.received.elapsed()),
        None => dataplane.metrics.refused(call.api, status),
    }
}

fn written(servable: &Servable, write: impl FnOnce(&mut Vec<u8>) -> StatusResult<()>) -> StatusResult<Inferred> {
    let mut body = Vec::new();
    write(&mut body)?;
    Ok(Inferred { body, version: servable.version })
}

fn ready(dataplane: &Dataplane, name: Option<&str>) -> StatusResult<Reply> {
    let not_ready = |what: String| Err(Status { retry_after: Some(NOT_READY_RETRY), ..Status::unavailable(what) });
    match name {
        None if dataplane.is_ready() => Ok(Reply::json(b"{ \"ready\": true }".to_vec())),
        None => {
            not_ready("the server is not ready: it starts or drains, or a model has no AVAILABLE version".to_owned())
        }
        Some(name) => match dataplane.is_model_ready(name) {
            Some(true) => Ok(Reply::json(b"{ \"ready\": true }".to_vec())),
            Some(false) => {
                not_ready(format!("model {name} is not ready: it has no AVAILABLE version, or the server drains"))
            }
            None => Err(Status::not_found(format!("there is no model {name}"))),
        },
    }
}

/// Answers a browser that asks whether another origin may call.
///
/// Source: tensorflow_serving/model_servers/http_server.cc, ProcessRequest.
fn preflight(headers: &HeaderMap) -> StatusResult<Reply> {
    let origin = headers.get(ORIGIN).map(|origin| String::from_utf8_lossy(origin.as_bytes()));
    if origin.is_some_and(|origin| origin.contains("http://") || origin.contains("https://")) {
        return Ok(Reply::json(Vec::new()));
    }
    Err(Status::failed_precondition("Origin header is missing in CORS preflight"))
}

fn respond(dataplane: &Dataplane, asked: &HeaderMap, outcome: Result<Reply, Refusal>) -> Response<Full<Bytes>> {
    let mut response = match outcome {
        Ok(reply) => accepted(asked, reply),
        Err(refusal) => rejected(&refusal),
    };
    let headers = response.headers_mut();
    if dataplane.settings.cors {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, GET"));
        let allowed = if dataplane.tokens.any() { "Content-Type, Authorization" } else { "Content-Type" };
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(allowed));
    }
    response
}

fn accepted(asked: &HeaderMap, reply: Reply) -> Response<Full<Bytes>> {
    let (body, packed) = body::pack(asked, reply.body);
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, reply.content_type);
    headers.extend(reply.headers);
    if let Some(coding) = packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}

fn rejected(refusal: &Refusal) -> Response<Full<Bytes>> {
    let status = &refusal.status;
    let mut response = Response::new(Full::new(error_body(status).into()));
    *response.status_mut() = refusal.http.unwrap_or_else(|| http_status(status.code));
    // For whoever observes the call: taken out before the response goes on.
    response.extensions_mut().insert(status.clone());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    let headers = response.headers_mut();
    if let Some(seconds) = retry_after_seconds(status) {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    response
}
