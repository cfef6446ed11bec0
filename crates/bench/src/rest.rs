//! HTTP/1.1 requests on connections that are kept alive: written from one buffer, answers skipped by their length.

use std::io;
use std::rc::Rc;
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::connect::{Dialer, Protocol, PAUSE};
use crate::failure::Failure;
use crate::load::{self, Place, Progress};
use crate::options::Load;
use crate::problem::Problem;
use crate::stream::Stream;
use crate::turn::Turn;

/// Header lines that an answer may have.
const MAX_HEADERS: usize = 64;
/// How much of an error's body is kept for the report.
const MESSAGE_BYTES: usize = 500;

/// Loads the server that `load` names with POSTs of `bodies` in turn.
pub async fn measure(
    load: &Load,
    bodies: &[Vec<u8>],
    watch: &mut dyn FnMut(Progress) -> bool,
) -> Result<Value, Problem> {
    let dialer = Dialer::new(&load.target, load.allow_remote, load.tls.as_ref(), Protocol::Http1)?;
    let dialer = Rc::new(dialer);
    let requests = bodies.iter().map(|body| request(dialer.authority(), &load.path, body)).collect();
    let turn = Rc::new(Turn::new(requests));
    let mut places = vec![];
    for _ in 0..load.connections {
        let stream = dialer.dial().await.map_err(|error| Problem(format!("{dialer}: {error}")))?;
        let answer = BytesMut::with_capacity(8192);
        places.push(RestPlace { dialer: dialer.clone(), stream, turn: turn.clone(), answer });
    }
    let mut report = load::run(places, load, watch).await?;
    report["api"] = "rest".into();
    report["request_bytes"] = (bodies.iter().map(Vec::len).sum::<usize>() / bodies.len()).into();
    Ok(report)
}

fn request(host: &str, path: &str, body: &[u8]) -> Bytes {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat().into()
}

/// One connection.
struct RestPlace {
    dialer: Rc<Dialer>,
    stream: Stream,
    turn: Rc<Turn>,
    answer: BytesMut,
}

impl Place for RestPlace {
    async fn ask(&mut self, _: Option<Instant>) -> Result<(), Failure> {
        self.stream.write_all(&self.turn.take()).await.map_err(Failure::connection)?;
        // TLS keeps what is written until it is flushed.
        self.stream.flush().await.map_err(Failure::connection)?;
        let head = loop {
            if let Some(head) = parse_head(&self.answer).map_err(Failure::connection)? {
                break head;
            }
            self.read().await?;
        };
        while self.answer.len() < head.length + head.body {
            self.read().await?;
        }
        self.answer.advance(head.length);
        let body = self.answer.split_to(head.body);
        match head.status {
            200 => Ok(()),
            status => {
                let message = String::from_utf8_lossy(&body[..body.len().min(MESSAGE_BYTES)]).into_owned();
                Err(Failure { code: format!("http {status}"), message })
            }
        }
    }

    async fn recover(&mut self) -> bool {
        self.answer.clear();
        match self.dialer.dial().await {
            Ok(stream) => self.stream = stream,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
        true
    }
}

impl RestPlace {
    async fn read(&mut self) -> Result<(), Failure> {
        self.answer.reserve(4096);
        match self.stream.read_buf(&mut self.answer).await {
            Ok(0) => Err(Failure::connection(io::Error::from(io::ErrorKind::UnexpectedEof))),
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::connection(error)),
        }
    }
}

/// What an answer's head says.
#[derive(Debug, PartialEq)]
struct Head {
    /// Bytes of the head itself.
    length: usize,
    status: u16,
    /// Bytes of the body.
    body: usize,
}

/// The head at the start of `bytes`; `None` while it is not complete.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, String> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = response.parse(bytes).map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body = header.and_then(|header| std::str::from_utf8(header.value).ok()?.trim().parse().ok());
    let body = body.ok_or("the answer has no content-length; chunked answers are not measured")?;
    Ok(Some(Head { length, status: response.code.unwrap_or_default(), body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_buffer() {
        let bytes = request("127.0.0.1:8501", "/v1/models/m:predict", b"{}");
        let head = "POST /v1/models/m:predict HTTP/1.1\r\nhost: 127.0.0.1:8501\r\n";
        let rest = "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(bytes, format!("{head}{rest}").as_bytes());
    }

    #[test]
    fn a_head_is_read_once_it_is_complete() {
        let bytes = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nContent-Length: 12\r\n\r\n{\"error\":";
        assert_eq!(parse_head(&bytes[..40]), Ok(None));
        assert_eq!(parse_head(bytes), Ok(Some(Head { length: 72, status: 503, body: 12 })));
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").unwrap_err().contains("content-length"));
        assert!(parse_head(b"SSH-2.0-x\r\n\r\n").is_err());
    }

    #[test]
    fn answers_in_pieces_and_errors_are_told_apart() {
        let outcomes = crate::in_one_thread(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
            let address = listener.local_addr().expect("it is bound").to_string();
            let dialer = Rc::new(Dialer::new(&address, false, None, Protocol::Http1).unwrap());
            let stream = dialer.dial().await.expect("it listens");
            let (mut server, _) = listener.accept().await.expect("somebody connects");
            let pieces: [&[u8]; 3] =
                [b"HTTP/1.1 200 OK\r\ncontent-le", b"ngth: 4\r\n\r\nab", b"cdHTTP/1.1 404 Not Found\r\n"];
            let last = b"content-length: 3\r\n\r\nwho";
            tokio::task::spawn_local(async move {
                for piece in pieces.into_iter().chain([last.as_slice()]) {
                    let _ = server.write_all(piece).await;
                    tokio::task::yield_now().await;
                }
            });
            let mut place =
                RestPlace { dialer, stream, turn: Rc::new(Turn::new(vec![Bytes::new()])), answer: BytesMut::new() };
            Ok((place.ask(None).await, place.ask(None).await, place.ask(None).await))
        });
        let (first, second, third) = outcomes.unwrap();
        assert_eq!(first, Ok(()));
        assert_eq!(second, Err(Failure { code: "http 404".into(), message: "who".into() }));
        assert_eq!(third.unwrap_err().code, "connection");
    }
}
