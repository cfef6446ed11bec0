use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};

use super::service::handle;
use crate::dataplane::{BatchingRequest, Dataplane};
use crate::routes::{Routes, RoutesDocument};
use crate::settings::PlaneSettings;
use crate::status::Status;

/// A plane that knows one model, none of whose versions is loaded.
fn dataplane(settings: PlaneSettings) -> Arc<Dataplane> {
    let dataplane = Dataplane::new(settings);
    let document: RoutesDocument = serde_json::from_str(
        r#"{"models": [{"name": "half", "labels": {"stable": 3}, "versions": [
            {"version": 3, "state": "END", "error_code": 9, "error_message": "it is broken"}]}]}"#,
    )
    .unwrap();
    dataplane.publish(Routes::new(document, &Routes::default(), |_| None).unwrap());
    Arc::new(dataplane)
}

async fn ask(dataplane: &Dataplane, method: &str, path: &str, body: &str) -> (u16, String) {
    let (response, body) = send(dataplane, method, path, &[], body).await;
    (response.as_u16(), body)
}

async fn send(
    dataplane: &Dataplane,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (StatusCode, String) {
    let response = respond(dataplane, method, path, headers, body).await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn respond(
    dataplane: &Dataplane,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response<Full<Bytes>> {
    let mut request = Request::builder().method(method.parse::<Method>().unwrap()).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    handle(dataplane, request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap()).await
}

async fn headers(dataplane: &Dataplane, method: &str, path: &str, sent: &[(&str, &str)]) -> (u16, HeaderMap) {
    let response = respond(dataplane, method, path, sent, "").await;
    (response.status().as_u16(), response.headers().clone())
}

fn error(message: &str) -> String {
    format!("{{\n    \"error\": \"{message}\"\n}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_tensorflow_servings() {
    let dataplane = dataplane(PlaneSettings::default());
    dataplane.set_ready(true);
    let cases = [
        ("GET", "/v1/foo", "", 400, "Malformed request: GET /v1/foo"),
        ("POST", "/v1/foo?x=1", "", 400, "Malformed request: POST /v1/foo"),
        ("PUT", "/v1/models/half", "", 400, "Malformed request: PUT /v1/models/half"),
        ("GET", "/", "", 404, "No such path: GET /"),
        ("GET", "/v1/models/versions/1", "", 400, "Missing model name in request."),
        ("GET", "/v1/models/none", "", 404, "Could not find any versions of model none"),
        ("GET", "/v1/models/half/versions/9", "", 404, "Could not find version 9 of model half"),
        ("GET", "/v1/models/half/labels/x", "", 400, "Unrecognized servable version label: x"),
        ("GET", "/v1/models/half/metadata", "", 404, "Servable not found for request: Latest(half)"),
        ("GET", "/v1/models/none/batching", "", 404, "Could not find any versions of model none"),
        (
            "PUT",
            "/v1/models/half/batching",
            "{}",
            403,
            "calls may not change batching parameters: network.admin_calls is off; start the server with --admin-calls",
        ),
        ("POST", "/v1/models/half:predict", "{}", 404, "Servable not found for request: Latest(half)"),
        ("POST", "/v1/models/half/versions/9:predict", "{}", 404, "Servable not found for request: Specific(half, 9)"),
        ("POST", "/v1/models/half:predict", "", 400, "JSON Parse error: The document is empty"),
        ("POST", "/v1/models/none:predict", "oops", 400, "JSON Parse error: Invalid value. at offset: 0"),
        (
            "POST",
            "/v1/models/half:regress",
            r#"{"examples": [{}]}"#,
            404,
            "Servable not found for request: Latest(half)",
        ),
        (
            "POST",
            "/v1/models/half:classify",
            r#"{"examples": [5]}"#,
            400,
            "Example must be JSON object but got JSON Number",
        ),
    ];
    for (method, path, body, status, message) in cases {
        assert_eq!(ask(&dataplane, method, path, body).await, (status, error(message)), "{method} {path} {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_only_not_be_loaded_yet_is_unavailable() {
    let dataplane = dataplane(PlaneSettings::default());
    let predict = "/v1/models/half:predict";
    let starting = error("model half cannot be asked: the server is still starting");
    assert_eq!(ask(&dataplane, "POST", predict, "{}").await, (503, starting));
    dataplane.set_ready(true);
    dataplane.set_ready(false);
    assert_eq!(ask(&dataplane, "POST", predict, "{}").await.0, 404, "a server that drains has started once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_whose_worker_is_on_its_way_back_is_unavailable() {
    let dataplane = dataplane(PlaneSettings::default());
    dataplane.set_ready(true);
    let document = r#"{"models": [{"name": "half", "labels": {}, "versions": [
        {"version": 3, "state": "LOADING", "error_code": 14, "error_message": "killed by signal 9", "channel": null}]}]}"#;
    dataplane.publish(Routes::new(serde_json::from_str(document).unwrap(), &Routes::default(), |_| None).unwrap());
    let lost = error("version 3 of model half is being restarted: killed by signal 9");
    for path in ["/v1/models/half:predict", "/v1/models/half/versions/3:predict"] {
        assert_eq!(ask(&dataplane, "POST", path, "{}").await, (503, lost.clone()), "{path}");
    }
    assert_eq!(ask(&dataplane, "POST", "/v1/models/half/versions/4:predict", "{}").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn states_are_told() {
    let dataplane = dataplane(PlaneSettings::default());
    for path in ["/v1/models/half", "/v1/models/half/versions/3", "/v1/models/half/labels/stable", "/V1/MODELS/half"] {
        let (status, body) = ask(&dataplane, "GET", path, "").await;
        assert_eq!(status, 200, "{path}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["model_version_status"][0]["status"]["error_code"], "FAILED_PRECONDITION", "{path}");
    }
    let (status, list) = ask(&dataplane, "GET", "/v1/models", "").await;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!((status, &list["models"][0]["name"]), (200, &"half".into()));
    assert_eq!(ask(&dataplane, "GET", "/livez", "").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_is_true() {
    let dataplane = dataplane(PlaneSettings::default());
    dataplane.set_ready(true);
    for path in ["/readyz", "/readyz/half"] {
        let (status, headers) = headers(&dataplane, "GET", path, &[]).await;
        assert_eq!((status, headers["retry-after"].to_str().unwrap()), (503, "1"), "{path}");
    }
    assert_eq!(ask(&dataplane, "GET", "/readyz/none", "").await, (404, error("there is no model none")));
    dataplane.publish(Routes::default());
    assert_eq!(ask(&dataplane, "GET", "/readyz", "").await.0, 200);
    dataplane.set_ready(false);
    assert_eq!(ask(&dataplane, "GET", "/readyz", "").await.0, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_where_the_settings_say() {
    let on = dataplane(PlaneSettings { metrics_path: Some("/m".to_owned()), ..PlaneSettings::default() });
    let (status, headers) = headers(&on, "GET", "/m", &[]).await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, "text/plain; version=0.0.4"));
    let off = dataplane(PlaneSettings { metrics_path: None, ..PlaneSettings::default() });
    assert_eq!(ask(&off, "GET", "/monitoring/prometheus/metrics", "").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_answered_when_cors_is_on() {
    let on = dataplane(PlaneSettings { cors: true, ..PlaneSettings::default() });
    let origin = [("origin", "https://example.com")];
    let (status, told) = headers(&on, "OPTIONS", "/v1/models/half:predict", &origin).await;
    assert_eq!(status, 200);
    assert_eq!(told["access-control-allow-origin"], "*");
    assert_eq!(told["access-control-allow-methods"], "POST, GET");
    assert_eq!(told["access-control-allow-headers"], "Content-Type");
    let (status, told) = headers(&on, "GET", "/v1/foo", &[]).await;
    assert_eq!((status, &told["access-control-allow-origin"]), (400, &"*".parse().unwrap()));
    let missing = ask(&on, "OPTIONS", "/v1/models/half:predict", "").await;
    assert_eq!(missing, (400, error("Origin header is missing in CORS preflight")));
    let off = dataplane(PlaneSettings::default());
    let (_, told) = headers(&off, "OPTIONS", "/v1/models/half:predict", &origin).await;
    assert!(!told.contains_key("access-control-allow-origin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reply_says_json() {
    let dataplane = dataplane(PlaneSettings::default());
    for path in ["/v1/models", "/v1/foo"] {
        assert_eq!(headers(&dataplane, "GET", path, &[]).await.1["content-type"], "application/json");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_beyond_the_limits_are_refused() {
    let dataplane = dataplane(PlaneSettings { max_message_bytes: 10, ..PlaneSettings::default() });
    let (status, body) = ask(&dataplane, "POST", "/v1/models/half:predict", r#"{"instances": [1]}"#).await;
    assert_eq!((status, body), (413, error("the request's body is more than 10 bytes, the limit of this server")));
    let encoded = [("content-encoding", "br")];
    let (status, _) = send(&dataplane, "POST", "/v1/models/half:predict", &encoded, "{}").await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

/// A body that never comes.
struct Silence;

impl hyper::body::Body for Silence {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_runs_into_the_time_limit() {
    let dataplane = dataplane(PlaneSettings { rest_timeout_ms: 30_000, ..PlaneSettings::default() });
    let started = tokio::time::Instant::now();
    let request = Request::post("/v1/models/half:predict").body(Silence).unwrap();
    let response = handle(&dataplane, request).await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(started.elapsed(), Duration::from_secs(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn large_replies_are_packed_when_the_client_takes_it() {
    let dataplane = Arc::new(Dataplane::new(PlaneSettings::default()));
    let models: Vec<String> = (0..50).map(|i| format!(r#"{{"name": "m{i}", "versions": []}}"#)).collect();
    let document = serde_json::from_str(&format!(r#"{{"models": [{}]}}"#, models.join(","))).unwrap();
    dataplane.publish(Routes::new(document, &Routes::default(), |_| None).unwrap());
    let response = respond(&dataplane, "GET", "/v1/models", &[("accept-encoding", "gzip")], "").await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let packed = response.into_body().collect().await.unwrap().to_bytes();
    let mut unpacked = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut unpacked).unwrap();
    assert_eq!((StatusCode::OK, unpacked), send(&dataplane, "GET", "/v1/models", &[], "").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn batching_parameters_go_to_the_manager_and_its_answer_comes_back() {
    let dataplane = dataplane(PlaneSettings { admin_calls: true, ..PlaneSettings::default() });
    let path = "/v1/models/half/batching";
    assert_eq!(ask(&dataplane, "PUT", path, "{}").await.0, 501, "nobody manages it");
    let answering = Arc::downgrade(&dataplane);
    dataplane.on_batching(move |BatchingRequest { id, model, parameters }| {
        let outcome = match parameters.as_str() {
            "{}" => Ok(()),
            _ => Err(Status::invalid_argument(format!("not for {model}"))),
        };
        answering.upgrade().unwrap().reloaded(id, outcome);
    });
    let (status, body) = ask(&dataplane, "PUT", path, "{}").await;
    assert_eq!((status, body.as_str()), (200, "{\n \"model\": \"half\",\n \"versions\": []\n}\n"));
    assert_eq!(ask(&dataplane, "PUT", path, "[]").await, (400, error("not for half")));
    assert_eq!(ask(&dataplane, "PUT", "/v1/models/none/batching", "{}").await.0, 404);
    assert_eq!(ask(&dataplane, "PUT", path, &" ".repeat(70_000)).await.0, 413);
}
