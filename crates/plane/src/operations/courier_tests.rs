use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn settings(allow: &[&str]) -> WebhookSettings {
    let allow = allow.iter().map(|entry| (*entry).to_owned()).collect();
    WebhookSettings { secret: SECRET.into(), allow, max_attempts: 3, timeout_ms: 20_000, backoff_ms: 1 }
}

fn courier(allow: &[&str]) -> Courier {
    Courier::trusting(&settings(allow), RootCertStore::empty()).unwrap()
}

fn message() -> Message {
    Message {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek".into(),
        timestamp_s: 1_614_265_330,
        payload: r#"{"test": 2432232314}"#.into(),
    }
}

/// Accepts one connection, answers it so, and gives what was received.
async fn receiver(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let received = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        answered(stream, answer).await
    });
    (url, received)
}

async fn answered(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) -> String {
    let mut received = Vec::new();
    while !received.ends_with(b"2432232314}") {
        let mut part = [0; 1024];
        let len = stream.read(&mut part).await.unwrap();
        assert!(len > 0, "the request broke off");
        received.extend(&part[..len]);
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(received).unwrap()
}

#[test]
fn the_signature_is_that_of_the_specification() {
    let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(signature(&key(SECRET).unwrap(), &message()), expected);
}

#[test]
fn a_secret_of_another_form_is_refused_without_being_shown() {
    for wrong in ["", "secret", "whsec_", "whsec_c2hvcnQ=", "whsec_%%%", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        let why = key(wrong).err().unwrap();
        assert_eq!(why, "operations.webhook_secret must be whsec_ and 24 to 64 bytes in base64");
    }
}

#[tokio::test]
async fn a_result_is_posted_with_its_signature() {
    let (url, received) = receiver("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(courier(&["127.0.0.1"]).deliver(&url, &message()).await, Tried::Taken);
    let received = received.await.unwrap();
    assert!(received.starts_with("POST /hook HTTP/1.1\r\n"), "{received}");
    for line in [
        "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp: 1614265330",
        "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "content-type: application/json",
    ] {
        assert!(received.contains(&format!("{line}\r\n")), "{line} in {received}");
    }
}

#[tokio::test]
async fn an_answer_says_whether_to_try_again() {
    let cases = [
        ("HTTP/1.1 503 x\r\n\r\n", Tried::Missed("127.0.0.1 answered 503".into())),
        (
            "HTTP/1.1 302 x\r\nlocation: http://127.0.0.1:1/\r\n\r\n",
            Tried::Missed("127.0.0.1 answered 302; redirects are not followed".into()),
        ),
        ("HTTP/1.1 410 x\r\n\r\n", Tried::Hopeless("127.0.0.1 answered 410: it wants no more".into())),
    ];
    for (answer, expected) in cases {
        let (url, _) = receiver(answer).await;
        assert_eq!(courier(&["127.0.0.0/8"]).deliver(&url, &message()).await, expected);
    }
}

#[tokio::test]
async fn nobody_is_connected_to_who_must_not_be() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let courier = courier(&["10.0.0.0/8"]);
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0"] {
        let url = format!("http://{host}:{port}/");
        let tried = courier.deliver(&url, &message()).await;
        // A resolver that does not know the odd forms is as good.
        assert!(!matches!(tried, Tried::Taken), "{url}: {tried:?}");
        if host != "2130706433" && host != "0" {
            assert!(matches!(tried, Tried::Hopeless(_)), "{url}: {tried:?}");
        }
    }
    let accepted =
        std::future::poll_fn(|context| std::task::Poll::Ready(listener.poll_accept(context).is_ready())).await;
    assert!(!accepted, "somebody connected");
}

#[tokio::test]
async fn a_receiver_that_says_nothing_or_too_much_is_left() {
    let quick = WebhookSettings { timeout_ms: 50, ..settings(&["127.0.0.1"]) };
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let tried = Courier::trusting(&quick, RootCertStore::empty()).unwrap().deliver(&url, &message()).await;
    assert_eq!(tried, Tried::Missed("no answer within 50 ms".into()));

    let endless: &'static str = format!("HTTP/1.1 200 OK\r\nx: {}", "a".repeat(1 << 20)).leak();
    let (url, _received) = receiver(endless).await;
    assert!(matches!(courier(&["127.0.0.1"]).deliver(&url, &message()).await, Tried::Missed(_)));
}

#[tokio::test]
async fn over_https_the_certificate_must_be_the_hosts() {
    let own = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&own).unwrap();
    let der = CertificateDer::from(certificate.der().to_vec());
    let private = PrivateKeyDer::try_from(own.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der.clone()], private)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answered(stream, "HTTP/1.1 200 OK\r\n\r\n").await;
                }
            });
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(der).unwrap();
    let trusting = Courier::trusting(&settings(&["127.0.0.0/8", "::1"]), roots).unwrap();
    assert_eq!(trusting.deliver(&format!("https://localhost:{port}/"), &message()).await, Tried::Taken);
    for (courier, host) in [(&trusting, "127.0.0.1"), (&courier(&["localhost"]), "localhost")] {
        let tried = courier.deliver(&format!("https://{host}:{port}/"), &message()).await;
        assert!(matches!(&tried, Tried::Missed(why) if why.contains("TLS")), "{host}: {tried:?}");
    }
}

#[test]
fn what_can_be_refused_at_once_is() {
    let courier = courier(&[]);
    assert_eq!(courier.accepts("https://example.com/hook"), Ok(()));
    for wrong in ["http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest", "ftp://example.com"] {
        assert!(courier.accepts(wrong).is_err(), "{wrong}");
    }
}
