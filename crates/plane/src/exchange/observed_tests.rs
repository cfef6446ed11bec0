use std::convert::Infallible;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::service::service_fn;

use super::*;
use crate::log;
use crate::metrics::Metrics;
use crate::settings::{AccessLogSettings, PlaneSettings};

/// An observer that writes a file of this test's own.
struct Watched {
    observer: Arc<Observer>,
    path: std::path::PathBuf,
}

impl Watched {
    fn new(name: &str) -> Watched {
        let path = std::env::temp_dir().join(format!("seaway-observed-{name}-{}.log", std::process::id()));
        let access_log = AccessLogSettings { path: path.display().to_string(), sampling: 1.0 };
        let settings = PlaneSettings { access_log, ..PlaneSettings::default() };
        let dispatch = log::dispatch(mpsc::channel().0);
        Watched { observer: Arc::new(Observer::new(&settings, &Arc::new(Metrics::new()), &dispatch).unwrap()), path }
    }

    fn around<S>(&self, api: Api, service: S) -> Observed<S> {
        Observed { service, observer: Arc::clone(&self.observer), api, peer: None }
    }

    fn lines(self) -> Vec<serde_json::Value> {
        self.observer.close(&tokio::runtime::Handle::current(), Duration::from_secs(10));
        let text = std::fs::read_to_string(&self.path).unwrap();
        std::fs::remove_file(&self.path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn request(id: &str) -> Request<String> {
    Request::post("/p").header(REQUEST_ID, id).body(String::new()).unwrap()
}

fn outcome(line: &serde_json::Value) -> (&str, &str, Option<u64>) {
    let text = |name: &str| line[name].as_str().unwrap();
    (text("request_id"), text("status"), line["http_status"].as_u64())
}

#[tokio::test]
async fn every_call_has_a_name_which_its_answer_says() {
    let service = service_fn(|_: Request<String>| async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) });
    let observed = Observed { service, observer: Arc::default(), api: Api::Rest, peer: None };
    let answer = observed.call(request("mine")).await.unwrap();
    assert_eq!(answer.headers()[REQUEST_ID], "mine");
    let answer = observed.call(request("not mine")).await.unwrap();
    assert_eq!(answer.headers()[REQUEST_ID].len(), 32);
}

#[tokio::test]
async fn a_rest_call_ends_with_its_body_and_says_what_went_wrong() {
    let watched = Watched::new("rest");
    let service = service_fn(|request: Request<String>| async move {
        let mut response = Response::new(Full::new(Bytes::from_static(b"answer")));
        if request.headers()[REQUEST_ID] == "bad" {
            *response.status_mut() = StatusCode::NOT_FOUND;
            response.extensions_mut().insert(Status::not_found("there is none"));
        }
        Ok::<_, Infallible>(response)
    });
    let observed = watched.around(Api::Rest, service);
    let answer = observed.call(request("good")).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "answer");
    let answer = observed.call(request("bad")).await.unwrap();
    assert!(answer.extensions().get::<Status>().is_none());
    answer.into_body().collect().await.unwrap();
    drop(observed.call(request("hung-up")).await.unwrap());
    let head = Request::head("/p").header(REQUEST_ID, "head").body(String::new()).unwrap();
    drop(observed.call(head).await.unwrap());
    drop(observed.call(request("unpolled")));
    let lines = watched.lines();
    let expected = [
        ("good", "OK", Some(200)),
        ("bad", "NOT_FOUND", Some(404)),
        ("hung-up", "CANCELLED", Some(200)),
        ("head", "OK", Some(200)),
        ("unpolled", "CANCELLED", None),
    ];
    assert_eq!(lines.iter().map(outcome).collect::<Vec<_>>(), expected);
    assert_eq!(lines[1]["error"], "there is none");
}

#[tokio::test]
async fn a_grpc_call_ends_as_its_headers_or_its_trailers_say() {
    let watched = Watched::new("grpc");
    let service = service_fn(|request: Request<String>| async move {
        let trailers = |status: &'static str| {
            let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), status.parse().unwrap())]);
            let frames: [Result<Frame<Bytes>, Infallible>; 2] =
                [Ok(Frame::data(Bytes::from_static(b"m"))), Ok(Frame::trailers(trailers))];
            StreamBody::new(tokio_stream::iter(frames)).boxed()
        };
        let none = || StreamBody::new(tokio_stream::iter([])).boxed();
        Ok::<_, Infallible>(match request.headers()[REQUEST_ID].to_str().unwrap() {
            "fine" => Response::new(trailers("0")),
            "late" => Response::new(trailers("8")),
            "odd" => Response::builder().status(415).body(none()).unwrap(),
            _ => tonic::Status::invalid_argument("no").into_http::<()>().map(|()| none()),
        })
    });
    let observed = watched.around(Api::Grpc, service);
    for id in ["fine", "late", "failed", "odd"] {
        let answer = observed.call(request(id)).await.unwrap();
        assert_eq!(answer.headers()[REQUEST_ID], id);
        answer.into_body().collect().await.unwrap();
    }
    let lines = watched.lines();
    let expected = [
        ("fine", "OK", None),
        ("late", "RESOURCE_EXHAUSTED", None),
        ("failed", "INVALID_ARGUMENT", None),
        ("odd", "INVALID_ARGUMENT", Some(415)),
    ];
    assert_eq!(lines.iter().map(outcome).collect::<Vec<_>>(), expected);
    assert_eq!(lines[2]["error"], "no");
}

#[tokio::test]
async fn a_fault_of_the_servers_is_told_of_with_the_calls_name() {
    let (sender, events) = mpsc::channel();
    let service = service_fn(|_: Request<String>| async {
        let mut response = Response::new(Empty::<Bytes>::new());
        response.extensions_mut().insert(Status::internal("it broke"));
        Ok::<_, Infallible>(response)
    });
    let observed = Observed { service, observer: Arc::default(), api: Api::Rest, peer: None };
    let guard = tracing::dispatcher::set_default(&log::dispatch(sender));
    observed.call(request("r-9")).await.unwrap();
    drop(guard);
    let crate::plane::Event::Log { level, message } = events.recv().unwrap() else { panic!("no line") };
    assert_eq!(level, "error");
    assert!(message.contains("it broke") && message.contains("r-9"), "{message}");
}
