//! Tokens over real connections: what needs one, what does not, and what a client without one is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::client::{framed, full, request, spec, Answer, Client, PREDICT};
use crate::support::served::{answer, grpc_settings, Served};
use prost::Message;
use seaway_plane::pb::grpc::health::v1::HealthCheckRequest;
use seaway_plane::pb::tensorflow::serving as pb;
use seaway_plane::settings::PlaneSettings;
use seaway_plane::status::Code;
use seaway_plane::tokens::Secret;

const PREDICT_PATH: &str = "/v1/models/m:predict";
const BODY: &str = r#"{"instances": [1.0]}"#;

fn served(tokens: &[&str]) -> Served {
    let settings = PlaneSettings {
        rest_address: Some("127.0.0.1:0".into()),
        tokens: secrets(tokens),
        cors: true,
        ..grpc_settings()
    };
    Served::with(settings, 2, 100, answer)
}

fn secrets(tokens: &[&str]) -> Vec<Secret> {
    tokens.iter().map(|token| Secret::from(*token)).collect()
}

/// One connection for several requests.
struct Rest(BufReader<TcpStream>);

impl Rest {
    fn connect(served: &Served) -> Rest {
        let stream = TcpStream::connect(served.addresses.rest_address.as_ref().unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Rest(BufReader::new(stream))
    }

    /// The status, the headers in lower case, and the body.
    fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String, String) {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let asked = format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        self.0.get_mut().write_all(asked.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.0.read_line(&mut head).unwrap() > 0, "the connection ended after {head:?}");
        }
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head, String::from_utf8(body).unwrap())
    }
}

async fn call(client: &Client, method: &str, token: Option<&str>, message: &impl Message) -> Answer {
    let value = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<(&str, &str)> = value.iter().map(|value| ("authorization", value.as_str())).collect();
    client.call_with(method, &headers, full(framed(0, &message.encode_to_vec()))).await
}

#[test]
fn grpc_calls_need_a_token_and_health_does_not() {
    let served = served(&["first", "second"]);
    served.run(async |client: Client| {
        let predict = request("", &[("x", &[1.0])]);
        for token in ["first", "second"] {
            assert_eq!(call(&client, PREDICT, Some(token), &predict).await.predicted().0["y"], [2.5]);
        }
        let refused = Code::Unauthenticated as i32;
        let wrong = call(&client, PREDICT, Some("third"), &predict).await;
        let told = "the bearer token is not one of this server's; send `authorization: Bearer TOKEN`";
        assert_eq!((wrong.code, wrong.message.as_str()), (refused, told));
        let status = pb::GetModelStatusRequest { model_spec: Some(spec("m", "")) };
        for method in [
            PREDICT,
            "/tensorflow.serving.PredictionService/GetModelMetadata",
            "/tensorflow.serving.ModelService/GetModelStatus",
            "/tensorflow.serving.ModelService/HandleReloadConfigRequest",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            "/grpc.health.v1.Healthy/Check",
            "/none/None",
        ] {
            let answer = call(&client, method, None, &status).await;
            let told = "the request carries no token; send `authorization: Bearer TOKEN`";
            assert_eq!((answer.code, answer.message.as_str()), (refused, told), "{method}");
        }
        let status = call(&client, "/tensorflow.serving.ModelService/GetModelStatus", Some("first"), &status).await;
        assert_eq!(status.code, 0);
        let health = HealthCheckRequest { service: "m".into() };
        assert_eq!(call(&client, "/grpc.health.v1.Health/Check", None, &health).await.code, 0);
    });
    let series = "seaway_requests_total{api=\"grpc\",code=\"UNAUTHENTICATED\",model=\"(unknown)\",signature=\"\",version=\"\"} 8";
    assert!(served.plane().metrics_text().contains(series), "{}", served.plane().metrics_text());
}

#[test]
fn rest_calls_need_a_token_and_probes_metrics_and_preflights_do_not() {
    let served = served(&["first"]);
    served.plane().set_report("{}").unwrap();
    let mut rest = Rest::connect(&served);
    let token = [("Authorization", "Bearer first")];
    let told = "{\n    \"error\": \"the request carries no token; send `authorization: Bearer TOKEN`\"\n}";
    for (method, path, body, expected) in [
        ("POST", PREDICT_PATH, BODY, 200),
        ("GET", "/v1/models", "", 200),
        ("GET", "/V1/MODELS/m", "", 200),
        ("GET", "/v1/models/m/metadata", "", 200),
        ("GET", "/v1/operations", "", 400),
        ("GET", "/v1/report", "", 200),
        ("GET", "/v1/none", "", 400),
        ("GET", "/none", "", 404),
    ] {
        let (status, head, said) = rest.ask(method, path, &[], body);
        assert_eq!((status, said.as_str()), (401, told), "{method} {path}");
        assert!(head.contains("\r\nwww-authenticate: bearer\r\n"), "{head}");
        assert_eq!(rest.ask(method, path, &token, body).0, expected, "{method} {path}");
    }
    for path in ["/livez", "/readyz", "/readyz/m", "/monitoring/prometheus/metrics"] {
        let (status, head, _) = rest.ask("GET", path, &[], "");
        assert_eq!(status, 200, "{path}");
        assert!(!head.contains("www-authenticate"), "{head}");
    }
    let (status, head, _) = rest.ask("OPTIONS", PREDICT_PATH, &[("Origin", "https://example.com")], "");
    assert!(status == 200 && head.contains("access-control-allow-headers: content-type, authorization"), "{head}");
    assert_eq!(rest.ask("POST", "/readyz", &[], "").0, 401, "only to look is open");
}

#[test]
fn tokens_are_replaced_while_the_server_runs() {
    let served = served(&["old"]);
    let mut rest = Rest::connect(&served);
    let mut ask = |token: &str| rest.ask("POST", PREDICT_PATH, &[("Authorization", token)], BODY).0;
    assert_eq!((ask("Bearer old"), ask("Bearer new")), (200, 401));
    served.plane().set_tokens(&secrets(&["new", "old"])).unwrap();
    assert_eq!((ask("Bearer old"), ask("Bearer new")), (200, 200));
    served.plane().set_tokens(&secrets(&["new"])).unwrap();
    assert_eq!((ask("Bearer old"), ask("Bearer new")), (401, 200));
    assert!(served.plane().set_tokens(&[]).is_err());
    assert_eq!((ask("Bearer old"), ask("Bearer new")), (401, 200), "and never by none");
}

#[test]
fn a_token_that_cannot_be_sent_is_refused_at_the_start() {
    let settings = PlaneSettings { tokens: secrets(&["good", "not good"]), ..PlaneSettings::default() };
    let Err(error) = seaway_plane::plane::Plane::new(settings) else { panic!("it was taken") };
    let message = "token 2 of 2 is none: it is empty, or has characters other than visible ASCII";
    assert_eq!(error.to_string(), message);
}

#[test]
fn the_report_is_what_was_given_last() {
    let served = served(&[]);
    let mut rest = Rest::connect(&served);
    let told = "this server has not reported yet: it reports when it follows a deployment";
    let none = rest.ask("GET", "/v1/report", &[], "");
    assert_eq!((none.0, none.2), (404, format!("{{\n    \"error\": \"{told}\"\n}}")));
    for report in [r#"{"replica": "web-1"}"#, r#"{"replica": "web-1", "generation": 2}"#] {
        served.plane().set_report(report).unwrap();
        let (status, head, body) = rest.ask("GET", "/v1/report", &[], "");
        assert_eq!((status, body.as_str()), (200, report));
        assert!(head.contains("content-type: application/json"), "{head}");
    }
    assert!(served.plane().set_report("{").is_err());
    assert_eq!(rest.ask("GET", "/v1/report", &[], "").0, 200, "the one before stays");
}
