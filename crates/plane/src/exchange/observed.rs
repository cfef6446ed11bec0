//! The layer around both APIs: names each call, and sees it end.
//!
//! A call ends when the last byte of its answer was taken, or with its client. What a code is depends on the API: gRPC says it in
//! headers or trailers, REST puts the [`Status`] into the response's extensions, from where it is taken out here.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{ready, Context, Poll};
use std::time::Instant;

use http::{HeaderMap, Method, StatusCode, Uri};
use hyper::body::{Body, Frame, SizeHint};
use hyper::service::Service;
use hyper::{Request, Response};

use super::request_id::REQUEST_ID;
use super::{End, Exchange, Observer, RequestId};
use crate::metrics::Api;
use crate::status::{Code, Status};

/// A service whose calls have names and are told of.
#[derive(Clone)]
pub struct Observed<S> {
    /// What answers.
    pub service: S,
    /// Who is told.
    pub observer: Arc<Observer>,
    /// What is spoken.
    pub api: Api,
    /// Who is at the other end; none over a unix socket.
    pub peer: Option<SocketAddr>,
}

impl<S, R, B> Service<Request<R>> for Observed<S>
where
    S: Service<Request<R>, Response = Response<B>>,
    B: Body,
{
    type Response = Response<ObservedBody<B>>;
    type Error = S::Error;
    type Future = ObservedFuture<S::Future>;

    fn call(&self, mut request: Request<R>) -> Self::Future {
        let id = RequestId::of(request.headers());
        let exchange = self.observer.begin(&id, self.api, self.peer, &request);
        let open = exchange.map(|exchange| {
            request.extensions_mut().insert(Arc::clone(&exchange));
            Open::new(exchange, &self.observer)
        });
        let (is_head, uri) = (request.method() == Method::HEAD, request.uri().clone());
        let named = Named { id, uri, is_head, api: self.api, observer: Arc::clone(&self.observer) };
        ObservedFuture { future: self.service.call(request), named: Some(named), open }
    }
}

/// What is said of a call whether anybody wants to know of it or not.
struct Named {
    id: RequestId,
    uri: Uri,
    is_head: bool,
    api: Api,
    observer: Arc<Observer>,
}

/// A call that has not ended; dropping it means that its client went away.
pub struct Open {
    call: Option<Arc<Exchange>>,
    observer: Arc<Observer>,
}

impl Open {
    /// A call that `observer` is told of when it ends.
    pub fn new(call: Arc<Exchange>, observer: &Arc<Observer>) -> Open {
        Open { call: Some(call), observer: Arc::clone(observer) }
    }

    /// Says how it ended; what comes later counts no more.
    pub fn end(&mut self, code: Code, http: Option<u16>) {
        if let Some(exchange) = self.call.take() {
            self.observer.end(exchange, End { code, http, at: Instant::now() });
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.end(Code::Cancelled, None);
    }
}

pin_project_lite::pin_project! {
    /// A call on its way to its answer.
    pub struct ObservedFuture<F> {
        #[pin]
        future: F,
        named: Option<Named>,
        open: Option<Open>,
    }
}

impl<F: Future<Output = Result<Response<B>, E>>, B: Body, E> Future for ObservedFuture<F> {
    type Output = Result<Response<ObservedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answered = ready!(this.future.poll(cx));
        let (named, open) = (this.named.take(), this.open.take());
        Poll::Ready(answered.map(|response| match named {
            Some(named) => named.answer(response, open),
            // Polled again after its end, which nobody does.
            None => response.map(|body| ObservedBody { body, open: None }),
        }))
    }
}

impl Named {
    fn answer<B: Body>(self, mut response: Response<B>, open: Option<Open>) -> Response<ObservedBody<B>> {
        let http = response.status();
        let failed = match self.api {
            Api::Grpc if http != StatusCode::OK => Some(Status::invalid_argument("what came is not gRPC")),
            Api::Grpc => grpc_status(response.headers()),
            _ => response.extensions_mut().remove::<Status>(),
        };
        if let Some(status) = &failed {
            self.observer.server_error(&self.id, self.uri.path(), status.code, &status.message);
            if let Some(exchange) = open.as_ref().and_then(|open| open.call.as_ref()) {
                exchange.failed(status);
            }
        }
        response.headers_mut().insert(REQUEST_ID, self.id.into_header());
        // A gRPC answer that does not fail at once says in its trailers how it went.
        let code = failed.map_or(Code::Ok, |status| status.code);
        let http = (self.api != Api::Grpc || http != StatusCode::OK).then_some(http.as_u16());
        let open = open.map(|open| Outcome { open, code, http, is_head: self.is_head });
        response.map(|body| ObservedBody { body, open })
    }
}

/// An answer that is being taken.
struct Outcome {
    open: Open,
    code: Code,
    http: Option<u16>,
    is_head: bool,
}

impl Outcome {
    fn end(mut self) {
        self.open.end(self.code, self.http);
    }
}

pin_project_lite::pin_project! {
    /// An answer's body; its end is the call's.
    pub struct ObservedBody<B: Body> {
        #[pin]
        body: B,
        open: Option<Outcome>,
    }

    impl<B: Body> PinnedDrop for ObservedBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(mut open) = this.open.take() {
                // Nobody asks a body that says that it has ended, and nobody takes the one of a HEAD.
                if !open.is_head && !this.body.is_end_stream() {
                    open.code = Code::Cancelled;
                }
                open.end();
            }
        }
    }
}

impl<B: Body> Body for ObservedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(cx));
        if let Some(open) = this.open.as_mut() {
            match &frame {
                Some(Ok(frame)) => {
                    if let Some(status) = frame.trailers_ref().and_then(grpc_status) {
                        open.code = status.code;
                    }
                }
                // The connection is broken.
                Some(Err(_)) => open.code = Code::Cancelled,
                None => {}
            }
            let has_ended = !matches!(&frame, Some(Ok(frame)) if frame.is_data());
            if let Some(open) = this.open.take_if(|_| has_ended) {
                open.end();
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The error that gRPC's headers or trailers say.
fn grpc_status(headers: &HeaderMap) -> Option<Status> {
    let code = headers.get("grpc-status")?;
    if code == "0" {
        return None;
    }
    let status = tonic::Status::from_header_map(headers)?;
    Some(Status::new(Code::from_number(status.code() as u32), status.message()))
}

#[cfg(test)]
#[path = "observed_tests.rs"]
mod tests;
