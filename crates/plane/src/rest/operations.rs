//! The edge of [`crate::operations`] in HTTP: statuses and headers.

use bytes::Bytes;
use http::header::{HeaderValue, LOCATION, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};

use std::sync::Arc;

use super::error::Refusal;
use super::path::RestCall;
use super::reply::Reply;
use crate::dataplane::Dataplane;
use crate::exchange::Exchange;
use crate::operations::operation::{Id, Operation, Origin, State};
use crate::operations::{api, NotAccepted, Operations, Wanted};
use crate::status::{Result as StatusResult, Status};
use crate::traces::context::Trace;

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// What a client that polls is told to wait, in seconds.
const POLL_SECONDS: u64 = 1;

/// The operations of this server if the client would rather be answered later; none also when there are none to accept it, for
/// a preference that cannot be met is ignored. A webhook is no preference: without operations it is refused.
///
/// Errors: FAILED_PRECONDITION for a webhook that nothing would ever be sent to.
///
/// Source: RFC 7240 section 2.
pub(super) fn wanted<'a>(dataplane: &'a Dataplane, headers: &HeaderMap) -> StatusResult<Option<&'a Arc<Operations>>> {
    if !api::prefers_async(headers) {
        return Ok(None);
    }
    match dataplane.operations() {
        None if headers.contains_key(api::WEBHOOK) => Err(off()),
        operations => Ok(operations),
    }
}

/// Accepts a call, if `check` finds that it makes sense; one that was accepted before need not make sense any more.
pub(super) async fn accept(
    operations: &Arc<Operations>,
    parts: &Parts,
    wanted: &RestCall,
    body: Bytes,
    check: impl FnOnce(&Bytes) -> StatusResult<()>,
) -> Result<Reply, Refusal> {
    let (RestCall::Predict(address) | RestCall::Classify(address) | RestCall::Regress(address)) = wanted else {
        return Err(Status::internal("this is no inference call").into());
    };
    let exchange = parts.extensions.get::<Arc<Exchange>>();
    let wanted = Wanted {
        path: parts.uri.path().to_owned(),
        model: address.name.clone(),
        body,
        key: api::key(&parts.headers)?,
        webhook: api::webhook(&parts.headers)?,
        origin: exchange.map(|exchange| Origin {
            request_id: exchange.id.as_str().to_owned(),
            traceparent: exchange.trace.as_ref().and_then(Trace::traceparent),
        }),
    };
    let operation = match operations.known(&wanted).map_err(refusal)? {
        Some(known) => known,
        None => {
            check(&wanted.body)?;
            operations.accept(wanted).await.map_err(refusal)?
        }
    };
    if let Some(exchange) = exchange {
        exchange.is_operation(operation.id);
    }
    let mut reply = Reply::json(api::document(&operation, operations.expires_ms(&operation), None));
    reply.status = StatusCode::ACCEPTED;
    let location = HeaderValue::try_from(format!("{}/{}", api::PATH, operation.id)).expect("hexadecimal digits");
    reply.headers = vec![
        (LOCATION, location),
        (PREFERENCE_APPLIED, HeaderValue::from_static("respond-async")),
        (RETRY_AFTER, POLL_SECONDS.into()),
    ];
    Ok(reply)
}

fn refusal(why: NotAccepted) -> Refusal {
    match why {
        NotAccepted::OtherRequest(status) => Refusal { status, http: Some(StatusCode::UNPROCESSABLE_ENTITY) },
        NotAccepted::Refused(status) => status.into(),
    }
}

/// One operation, with its result where it has one.
pub(super) async fn get(dataplane: &Dataplane, id: Id) -> Result<Reply, Refusal> {
    let operations = dataplane.operations().ok_or_else(off)?;
    let operation = operations.get(id)?;
    let result = operations.result(&operation).await?;
    // It may have been removed between the two looks.
    if operation.state == State::Done && result.is_none() {
        operations.get(id)?;
    }
    Ok(shown(operations, &operation, result.as_ref()))
}

/// A page of operations.
pub(super) fn list(dataplane: &Dataplane, query: Option<&str>) -> Result<Reply, Refusal> {
    let operations = dataplane.operations().ok_or_else(off)?;
    let page = api::page(query)?;
    let found = operations.list(page.after, page.count, page.state);
    Ok(Reply::json(api::list(&found, &page, |operation| operations.expires_ms(operation))))
}

/// Ends or removes an operation.
pub(super) async fn cancel(dataplane: &Dataplane, id: Id) -> Result<Reply, Refusal> {
    let operations = dataplane.operations().ok_or_else(off)?;
    Ok(match operations.cancel(id).await? {
        Some(operation) => shown(operations, &operation, None),
        None => Reply { status: StatusCode::NO_CONTENT, ..Reply::json(Vec::new()) },
    })
}

fn shown(operations: &Operations, operation: &Operation, result: Option<&Bytes>) -> Reply {
    let mut reply = Reply::json(api::document(operation, operations.expires_ms(operation), result));
    if !operation.state.has_ended() {
        reply.headers.push((RETRY_AFTER, POLL_SECONDS.into()));
    }
    reply
}

fn off() -> Status {
    Status::failed_precondition(
        "this server answers no requests later: it has no directory to keep them in; its operator can set operations.directory",
    )
}
