//! What a server carries at the moment, so that a drain knows when everything has been answered.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};
use hyper::service::Service;
use hyper::{Request, Response};

/// Open connections, and requests from their headers until the last byte of their answer was taken.
#[derive(Debug, Default)]
pub struct Load {
    connections: AtomicUsize,
    requests: AtomicUsize,
}

impl Load {
    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }

    /// Requests that are being received or answered.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Acquire)
    }

    /// Counts a connection until the share is dropped.
    pub fn connection(self: &Arc<Self>) -> Share {
        Share::of(self, |load| &load.connections)
    }

    fn request(self: &Arc<Self>) -> Share {
        Share::of(self, |load| &load.requests)
    }
}

/// One connection or request, until dropped.
#[derive(Debug)]
pub struct Share {
    load: Arc<Load>,
    count: fn(&Load) -> &AtomicUsize,
}

impl Share {
    fn of(load: &Arc<Load>, count: fn(&Load) -> &AtomicUsize) -> Share {
        count(load).fetch_add(1, Ordering::AcqRel);
        Share { load: Arc::clone(load), count }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        (self.count)(&self.load).fetch_sub(1, Ordering::AcqRel);
    }
}

/// A service whose requests count.
#[derive(Clone)]
pub struct Counted<S> {
    /// What answers.
    pub service: S,
    /// Where it counts.
    pub load: Arc<Load>,
}

impl<S, R, B> Service<Request<R>> for Counted<S>
where
    S: Service<Request<R>, Response = Response<B>>,
{
    type Response = Response<CountedBody<B>>;
    type Error = S::Error;
    type Future = CountedFuture<S::Future>;

    fn call(&self, request: Request<R>) -> Self::Future {
        let share = Some(self.load.request());
        CountedFuture { future: self.service.call(request), share }
    }
}

pin_project_lite::pin_project! {
    /// A request on its way to its response.
    pub struct CountedFuture<F> {
        #[pin]
        future: F,
        share: Option<Share>,
    }
}

impl<F: Future<Output = Result<Response<B>, E>>, B, E> Future for CountedFuture<F> {
    type Output = Result<Response<CountedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answered = std::task::ready!(this.future.poll(cx));
        let share = this.share.take();
        Poll::Ready(answered.map(|response| response.map(|body| CountedBody { body, _share: share })))
    }
}

pin_project_lite::pin_project! {
    /// A response's body, which counts until it has been taken or dropped.
    pub struct CountedBody<B> {
        #[pin]
        body: B,
        _share: Option<Share>,
    }
}

impl<B: Body> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full};

    #[tokio::test]
    async fn a_request_counts_until_its_answer_has_been_taken() {
        let load = Arc::new(Load::default());
        let answer = |_: Request<String>| async {
            Ok::<_, std::convert::Infallible>(Response::new(Full::<hyper::body::Bytes>::from("answer")))
        };
        let service = Counted { service: hyper::service::service_fn(answer), load: Arc::clone(&load) };
        let future = service.call(Request::new(String::new()));
        assert_eq!(load.requests(), 1);
        let response = future.await.unwrap();
        assert_eq!(load.requests(), 1);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "answer");
        assert_eq!(load.requests(), 0);
        drop(service.call(Request::new(String::new())));
        assert_eq!(load.requests(), 0, "a client that goes away is counted no more");
    }
}
