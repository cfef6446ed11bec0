//! A request's body: read up to a limit, unpacked up to a limit; and a reply's body, packed where the client takes it.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::Compression;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;

use super::error::Refusal;
use crate::status::Status;

/// Replies up to this many bytes are not worth packing.
const SMALLEST_PACKED_BYTES: usize = 1024;

/// The largest bodies that are taken, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// As sent.
    pub message: usize,
    /// After unpacking.
    pub unpacked: usize,
}

/// Reads the body and undoes its `Content-Encoding`.
///
/// Errors: INVALID_ARGUMENT; its HTTP status is 413 for a body beyond a limit and 415 for an encoding other than gzip.
pub async fn read<B>(headers: &HeaderMap, body: B, limits: Limits) -> Result<Bytes, Refusal>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let encoding = encoding(headers)?;
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limits.message as u64) {
        return Err(too_large(announced, limits.message));
    }
    let body = match Limited::new(body, limits.message).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(too_large(None, limits.message)),
        Err(error) => return Err(Status::invalid_argument(format!("the request's body broke off: {error}")).into()),
    };
    match encoding {
        Encoding::Identity => Ok(body),
        Encoding::Gzip => super::service::off_the_runtime(body.len(), || unpack(&body, limits.unpacked)),
    }
}

enum Encoding {
    Identity,
    Gzip,
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(Encoding::Identity) };
    let name = String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
    match name.as_str() {
        "" | "identity" => Ok(Encoding::Identity),
        "gzip" | "x-gzip" => Ok(Encoding::Gzip),
        _ => Err(Refusal {
            status: Status::invalid_argument(format!("Content-Encoding {name:?} is not supported; send gzip or none")),
            http: Some(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        }),
    }
}

/// Unpacks gzip, and stops as soon as more than `limit` bytes have come out.
fn unpack(packed: &[u8], limit: usize) -> Result<Bytes, Refusal> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(packed)
        .take(limit as u64 + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| Status::invalid_argument(format!("the request's body is not valid gzip: {error}")))?;
    if unpacked.len() > limit {
        return Err(Refusal {
            status: Status::invalid_argument(format!(
                "the request's body is larger than {limit} bytes after decompression, the limit of this server"
            )),
            http: Some(StatusCode::PAYLOAD_TOO_LARGE),
        });
    }
    Ok(unpacked.into())
}

fn too_large(announced: Option<u64>, limit: usize) -> Refusal {
    let size = announced.map_or_else(String::new, |length| format!("{length} bytes, "));
    Refusal {
        status: Status::invalid_argument(format!(
            "the request's body is {size}more than {limit} bytes, the limit of this server"
        )),
        http: Some(StatusCode::PAYLOAD_TOO_LARGE),
    }
}

/// The body as it is sent: packed when the client takes gzip and it is worth it.
pub fn pack(headers: &HeaderMap, body: Vec<u8>) -> (Bytes, bool) {
    if body.len() <= SMALLEST_PACKED_BYTES || !takes_gzip(headers) {
        return (body.into(), false);
    }
    super::service::off_the_runtime(body.len(), || {
        let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 2), Compression::fast());
        match encoder.write_all(&body).and_then(|()| encoder.finish()) {
            Ok(packed) => (packed.into(), true),
            // Writing to memory does not fail; the plain body is right in any case.
            Err(_) => (body.into(), false),
        }
    })
}

/// Whether `Accept-Encoding` names gzip without refusing it.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.filter_map(|part| part.strip_prefix("q=")).any(|q| q.parse() == Ok(0.0));
        is_gzip && !refused
    })
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    const LIMITS: Limits = Limits { message: 1000, unpacked: 5000 };

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn headers(pairs: &[(http::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    async fn read_full(headers: HeaderMap, body: Vec<u8>) -> Result<Bytes, (Option<u16>, String)> {
        let read = read(&headers, Full::new(Bytes::from(body)), LIMITS).await;
        read.map_err(|refusal| (refusal.http.map(|http| http.as_u16()), refusal.status.message))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn plain_and_packed_bodies_are_read() {
        assert_eq!(read_full(headers(&[]), b"{}".to_vec()).await.unwrap(), "{}");
        for name in ["gzip", "GZip", "x-gzip"] {
            let body = gzip(&[b'a'; 5000]);
            assert_eq!(read_full(headers(&[(CONTENT_ENCODING, name)]), body).await.unwrap().len(), 5000);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_body_beyond_the_limit_is_refused_with_or_without_its_length() {
        let message = |size| format!("the request's body is {size}more than 1000 bytes, the limit of this server");
        let announced = read_full(headers(&[(CONTENT_LENGTH, "1001")]), Vec::new()).await;
        assert_eq!(announced, Err((Some(413), message("1001 bytes, "))));
        assert_eq!(read_full(headers(&[]), vec![b' '; 1001]).await, Err((Some(413), message(""))));
        assert!(read_full(headers(&[]), vec![b' '; 1000]).await.is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_gzip_bomb_is_stopped_at_the_limit() {
        let bomb = gzip(&vec![b'a'; 500_000]);
        assert!(bomb.len() < 1000);
        let message = "the request's body is larger than 5000 bytes after decompression, the limit of this server";
        let read = read_full(headers(&[(CONTENT_ENCODING, "gzip")]), bomb).await;
        assert_eq!(read, Err((Some(413), message.to_owned())));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_not_gzip_or_another_encoding_is_refused() {
        let (http, message) = read_full(headers(&[(CONTENT_ENCODING, "gzip")]), b"{}".to_vec()).await.unwrap_err();
        assert!(http.is_none() && message.starts_with("the request's body is not valid gzip: "), "{message}");
        let truncated = gzip(b"{}")[..12].to_vec();
        assert!(read_full(headers(&[(CONTENT_ENCODING, "gzip")]), truncated).await.is_err());
        let other = read_full(headers(&[(CONTENT_ENCODING, "br")]), b"{}".to_vec()).await;
        let message = "Content-Encoding \"br\" is not supported; send gzip or none";
        assert_eq!(other, Err((Some(415), message.to_owned())));
    }

    #[test]
    fn large_replies_are_packed_for_clients_that_take_it() {
        let large = vec![b'1'; 2000];
        let cases = [
            (vec![], 2000, false),
            (vec![(ACCEPT_ENCODING, "gzip")], 2000, true),
            (vec![(ACCEPT_ENCODING, "gzip")], 1024, false),
            (vec![(ACCEPT_ENCODING, "br, GZIP;q=0.5")], 2000, true),
            (vec![(ACCEPT_ENCODING, "gzip;q=0, br")], 2000, false),
            (vec![(ACCEPT_ENCODING, "deflate")], 2000, false),
        ];
        for (pairs, length, expected) in cases {
            let (body, packed) = pack(&headers(&pairs), large[..length].to_vec());
            assert_eq!(packed, expected, "{pairs:?}");
            let plain = if packed { unpack(&body, 5000).map_err(|refusal| refusal.status).unwrap() } else { body };
            assert_eq!(plain, large[..length]);
        }
    }
}
