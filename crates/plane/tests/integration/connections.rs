//! Listeners, TLS, health, reflection and the way down, over real connections.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use crate::support::client::{eventually, framed, full, request, unfinished, Body, Client, PREDICT};
use crate::support::served::{answer, grpc_settings, Served};
use crate::support::worker::{half_plus_two, Gate};
use http_body_util::BodyExt;
use prost::Message;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use seaway_plane::pb::grpc::health::v1::{HealthCheckRequest, HealthCheckResponse};
use seaway_plane::plane::Plane;
use seaway_plane::settings::{PlaneSettings, TlsSettings};
use seaway_plane::status::Code;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const CHECK: &str = "/grpc.health.v1.Health/Check";

fn asked() -> seaway_plane::pb::tensorflow::serving::PredictRequest {
    request("", &[("x", &[1.0])])
}

async fn health(client: &Client, service: &str) -> Result<i32, i32> {
    let answer = client.call(CHECK, &HealthCheckRequest { service: service.into() }).await;
    match answer.code {
        0 => Ok(answer.decoded::<HealthCheckResponse>().status),
        code => Err(code),
    }
}

#[test]
fn health_tells_the_truth_of_the_server_and_of_each_model() {
    const SERVING: i32 = 1;
    const NOT_SERVING: i32 = 2;
    let served = Served::start();
    let ask = || {
        served.run(async |client: Client| {
            let mut answers = Vec::new();
            for service in ["", "PredictionService", "tensorflow.serving.ModelService", "m"] {
                answers.push(health(&client, service).await.unwrap());
            }
            assert_eq!(health(&client, "none").await, Err(Code::NotFound as i32));
            answers
        })
    };
    assert_eq!(ask(), [SERVING; 4]);
    served.publish("LOADING");
    assert_eq!(ask(), [NOT_SERVING; 4]);
    served.publish("AVAILABLE");
    served.plane().set_ready(false);
    assert_eq!(ask(), [NOT_SERVING; 4]);
}

/// The status of a REST reply on a connection of its own.
fn rest_status(served: &Served, method: &str, path: &str, body: &str) -> u16 {
    let address = served.addresses.rest_address.as_ref().unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let length = body.len();
    let asked =
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(asked.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn until_it_drains_a_server_that_is_not_ready_any_more_says_so_and_answers_new_connections() {
    let settings = PlaneSettings { rest_address: Some("127.0.0.1:0".into()), ..grpc_settings() };
    let served = Served::with(settings, 2, 100, answer);
    let probes = || ["/readyz", "/readyz/m", "/livez"].map(|path| rest_status(&served, "GET", path, ""));
    assert_eq!(probes(), [200; 3]);
    served.plane().set_ready(false);
    for _ in 0..3 {
        assert_eq!(probes(), [503, 503, 200]);
        assert_eq!(rest_status(&served, "POST", "/v1/models/m:predict", r#"{"instances": [1.0]}"#), 200);
        served.run(async |client: Client| {
            assert_eq!((health(&client, "").await, health(&client, "m").await), (Ok(2), Ok(2)));
            assert_eq!(client.predict(&asked()).await.predicted().0["y"], [2.5]);
        });
    }
    assert!(served.plane().drain(Duration::from_secs(20)));
    let address = served.addresses.rest_address.as_ref().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err(), "now nothing new is accepted");
}

#[test]
fn a_watch_sees_each_change_once_and_ends_with_the_server() {
    let served = Served::start();
    let address = served.addresses.grpc_address.clone().unwrap();
    let (sender, changes) = std::sync::mpsc::channel();
    let watching = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let stream = tokio::net::TcpStream::connect(&address).await.unwrap();
            let (mut requests, connection) = hyper::client::conn::http2::handshake(
                hyper_util::rt::TokioExecutor::new(),
                hyper_util::rt::TokioIo::new(stream),
            )
            .await
            .unwrap();
            tokio::spawn(connection);
            let body = full(framed(0, &HealthCheckRequest { service: "m".into() }.encode_to_vec()));
            let request = hyper::Request::post("http://localhost/grpc.health.v1.Health/Watch")
                .header("content-type", "application/grpc")
                .body(body)
                .unwrap();
            let mut body = requests.send_request(request).await.unwrap().into_body();
            while let Some(Ok(frame)) = body.frame().await {
                if let Ok(data) = frame.into_data() {
                    sender.send(HealthCheckResponse::decode(&data[5..]).unwrap().status).unwrap();
                }
            }
        });
    });
    let next = || changes.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(next(), 1);
    served.publish("AVAILABLE");
    served.publish("END");
    assert_eq!(next(), 2);
    served.publish("AVAILABLE");
    assert_eq!(next(), 1);
    served.plane().set_ready(false);
    assert_eq!(next(), 2);
    assert!(served.plane().drain(Duration::from_secs(20)));
    watching.join().unwrap();
    assert!(changes.recv().is_err(), "nothing after the last change");
}

#[test]
fn reflection_lists_every_service_unless_it_is_off() {
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
    let asked = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..ServerReflectionRequest::default()
    };
    Served::start().run(async |client: Client| {
        for version in ["v1", "v1alpha"] {
            let method = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
            let response: ServerReflectionResponse = client.call(&method, &asked).await.decoded();
            let Some(MessageResponse::ListServicesResponse(list)) = response.message_response else {
                panic!("{response:?}")
            };
            let mut names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
            names.retain(|name| !name.starts_with("grpc.reflection"));
            names.sort();
            assert_eq!(
                names,
                ["grpc.health.v1.Health", "tensorflow.serving.ModelService", "tensorflow.serving.PredictionService"]
            );
        }
    });
    let off = PlaneSettings { reflection: false, ..grpc_settings() };
    Served::with(off, 1, 1, answer).run(async |client: Client| {
        let answer = client.call("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", &asked).await;
        assert_eq!(answer.code, Code::Unimplemented as i32);
    });
}

#[test]
fn a_client_of_http_1_is_hung_up_on() {
    let served = Served::start();
    let mut stream = std::net::TcpStream::connect(served.addresses.grpc_address.as_ref().unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"POST /v1/models/m:predict HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // It may be told why in HTTP/2, or be cut off: what counts is that it does not wait.
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1"), "{answer:?}");
}

#[test]
fn a_client_that_says_nothing_is_hung_up_on() {
    let impatient =
        PlaneSettings { header_read_timeout_ms: 50, rest_address: Some("127.0.0.1:0".into()), ..grpc_settings() };
    let served = Served::with(impatient, 1, 1, answer);
    let addresses = [&served.addresses.grpc_address, &served.addresses.rest_address];
    for address in addresses {
        for said in [b"".as_slice(), b"PRI * HTTP/2.0\r\n", b"P"] {
            let mut stream = std::net::TcpStream::connect(address.as_ref().unwrap()).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream.write_all(said).unwrap();
            let ended = stream.read_to_end(&mut Vec::new());
            let timed_out = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
            assert!(!timed_out, "{said:?} on {address:?}");
        }
    }
    served.run(async |client: Client| {
        assert_eq!(client.predict(&asked()).await.predicted().0["y"], [2.5]);
    });
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let plane = Plane::new(PlaneSettings { grpc_address: Some(address.clone()), ..PlaneSettings::default() }).unwrap();
    let error = plane.start().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert_eq!(error.to_string(), format!("cannot listen on {address}: Address already in use (os error 98)"));
    plane.stop();
}

/// A folder of a test's own, removed at its end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("seaway-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn on_socket(path: &str) -> PlaneSettings {
    PlaneSettings { grpc_socket: path.to_owned(), ..PlaneSettings::default() }
}

#[test]
fn a_unix_socket_serves_and_is_removed_in_the_end() {
    let folder = Folder::new("serves");
    let path = folder.path("grpc.sock");
    // What a server that was killed left behind.
    drop(UnixListener::bind(&path).unwrap());
    let served = Served::with(on_socket(&path), 1, 8, answer);
    assert_eq!((served.addresses.grpc_socket.as_deref(), &served.addresses.grpc_address), (Some(path.as_str()), &None));
    served.runtime.block_on(async {
        let client = Client::over(tokio::net::UnixStream::connect(&path).await.unwrap()).await.unwrap();
        assert_eq!(client.predict(&asked()).await.predicted().0["y"], [2.5]);
    });
    drop(served);
    assert!(!std::fs::exists(&path).unwrap());
}

#[test]
fn neither_a_live_socket_nor_a_file_is_replaced() {
    let folder = Folder::new("kept");
    let (socket, file) = (folder.path("live.sock"), folder.path("notes.txt"));
    let live = UnixListener::bind(&socket).unwrap();
    std::fs::write(&file, "mine").unwrap();
    for path in [&socket, &file] {
        let plane = Plane::new(on_socket(path)).unwrap();
        let error = plane.start().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot listen on the socket {path}: Address already in use (os error 98)")
        );
        plane.stop();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    drop(live);
}

#[test]
fn a_request_in_flight_finishes_while_the_server_drains_and_nobody_new_gets_in() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let served = Served::with(grpc_settings(), 1, 8, move |seen| {
        held.pass();
        half_plus_two(seen)
    });
    let address = served.addresses.grpc_address.clone().unwrap();
    std::thread::scope(|scope| {
        let calling = scope.spawn(|| served.run(async |client: Client| client.predict(&asked()).await.predicted().0));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(eventually("it is in flight", || {
            served.plane().metrics_text().contains("seaway_requests_in_flight{model=\"m\",version=\"1\"} 1")
        }));
        assert!(!served.plane().drain(Duration::from_millis(20)), "it is still in flight");
        runtime.block_on(eventually("the port is closed", || std::net::TcpStream::connect(&address).is_err()));
        let draining = scope.spawn(|| served.plane().drain(Duration::from_secs(20)));
        gate.open();
        assert_eq!(calling.join().unwrap()["y"], [2.5]);
        assert!(draining.join().unwrap());
    });
}

#[test]
fn a_request_that_is_still_being_received_is_waited_for() {
    let served = Served::start();
    let bytes = framed(0, &asked().encode_to_vec());
    let address = served.addresses.grpc_address.clone().unwrap();
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    std::thread::scope(|scope| {
        let calling = scope.spawn(|| {
            served.runtime.block_on(async {
                let client = Client::tcp(&address).await;
                let (first, second) = (bytes.slice(..10), bytes.slice(10..));
                let body = async_stream_of(first, told, second);
                client.call_with(PREDICT, &[], body).await.predicted().0
            })
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(eventually("it has begun", || served.plane().load().requests() == 1));
        let draining = scope.spawn(|| served.plane().drain(Duration::from_secs(20)));
        tell.send(()).unwrap();
        assert_eq!(calling.join().unwrap()["y"], [2.5]);
        assert!(draining.join().unwrap());
    });
}

/// A body in two parts, the second of which waits to be told.
fn async_stream_of(first: bytes::Bytes, told: tokio::sync::oneshot::Receiver<()>, second: bytes::Bytes) -> Body {
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    tokio::spawn(async move {
        let _ = sender.send(Ok(Frame::data(first))).await;
        let _ = told.await;
        let _ = sender.send(Ok(Frame::data(second))).await;
    });
    StreamBody::new(tokio_stream::wrappers::ReceiverStream::new(receiver)).boxed()
}

#[test]
fn an_idle_or_unfinished_client_does_not_keep_the_server() {
    let served = Served::start();
    let address = served.addresses.grpc_address.clone().unwrap();
    let idle = served.runtime.block_on(async {
        let client = Client::tcp(&address).await;
        client.predict(&asked()).await;
        let other = client.clone();
        tokio::spawn(async move { other.try_call(PREDICT, &[], unfinished(vec![0, 0])).await.map(drop) });
        tokio::task::yield_now().await;
        client
    });
    assert!(served.plane().drain(Duration::from_millis(300)), "no inference is left");
    drop(idle);
}

/// An authority, and a certificate that it signed for localhost: PEM texts.
struct Certificates {
    authority: String,
    certificate: String,
    key: String,
}

fn certificates() -> Certificates {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    Certificates { authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
}

fn tls(server: &Certificates, client_ca: &str, client_verify: bool) -> TlsSettings {
    TlsSettings {
        key: server.key.clone(),
        cert: server.certificate.clone(),
        client_ca: client_ca.to_owned(),
        client_verify,
    }
}

/// Asks over TLS, trusting `authority`, with a certificate of one's own or not.
async fn ask(address: &str, authority: &str, own: Option<&Certificates>) -> Result<Vec<f32>, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap(),
            )
            .unwrap(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("localhost").unwrap();
    let stream = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
    let client = Client::over(stream).await.map_err(|error| error.to_string())?;
    let body = full(framed(0, &asked().encode_to_vec()));
    let answer = client.try_call(PREDICT, &[], body).await.map_err(|error| error.to_string())?;
    Ok(answer.predicted().0["y"].clone())
}

#[test]
fn tls_serves_those_who_trust_it_and_where_asked_only_those_it_trusts() {
    let (server, client, stranger) = (certificates(), certificates(), certificates());
    for (verify, own, served_to) in
        [(false, None, true), (true, None, false), (true, Some(&client), true), (true, Some(&stranger), false)]
    {
        let settings = PlaneSettings { tls: Some(tls(&server, &client.authority, verify)), ..grpc_settings() };
        let served = Served::with(settings, 1, 8, answer);
        let address = served.addresses.grpc_address.clone().unwrap();
        let outcome = served.runtime.block_on(ask(&address, &server.authority, own));
        assert_eq!(outcome.is_ok(), served_to, "verify {verify}, own {}: {outcome:?}", own.is_some());
        let distrusted = served.runtime.block_on(ask(&address, &stranger.authority, own));
        assert!(distrusted.is_err());
    }
}

#[test]
fn texts_that_are_no_certificates_are_named() {
    let good = certificates();
    let other = certificates();
    let cases = [
        (
            TlsSettings { cert: "no".into(), ..tls(&good, "", false) },
            "TLS: server_cert: no CERTIFICATE block in the PEM text",
        ),
        (TlsSettings { key: "no".into(), ..tls(&good, "", false) }, "TLS: server_key: "),
        (TlsSettings { key: other.key.clone(), ..tls(&good, "", false) }, "TLS: server_key and server_cert: "),
        (tls(&good, "", true), "TLS: custom_ca, which client_verify needs: no CERTIFICATE block in the PEM text"),
    ];
    for (settings, message) in cases {
        let plane = Plane::new(PlaneSettings { tls: Some(settings.clone()), ..grpc_settings() }).unwrap();
        let error = plane.start().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with(message), "{error}");
        assert!(!error.to_string().contains("PRIVATE") && !format!("{settings:?}").contains("PRIVATE"));
        plane.stop();
    }
}

#[test]
fn plain_http_2_on_a_tls_port_is_hung_up_on() {
    let settings = PlaneSettings { tls: Some(tls(&certificates(), "", false)), ..grpc_settings() };
    let served = Served::with(settings, 1, 8, answer);
    let address = served.addresses.grpc_address.clone().unwrap();
    served.runtime.block_on(async {
        let client = Client::tcp(&address).await;
        let body = full(framed(0, &asked().encode_to_vec()));
        let outcome = tokio::time::timeout(Duration::from_secs(20), client.try_call(PREDICT, &[], body)).await;
        assert!(outcome.expect("it does not wait").is_err());
    });
}
