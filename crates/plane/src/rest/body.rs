//! A request's body: read up to a limit, unpacked up to a limit; and a reply's body, packed where the client takes it.

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;

use super::content_coding::{wanted, Coding};
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
/// Errors: INVALID_ARGUMENT; its HTTP status is 413 for a body beyond a limit and 415 for an encoding other than gzip and zstd.
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
        None => Ok(body),
        Some(coding) => super::reply::off_the_runtime(body.len(), || unpack(coding, &body, limits.unpacked)),
    }
}

/// How the request's body is packed, if it is.
fn encoding(headers: &HeaderMap) -> Result<Option<Coding>, Refusal> {
    let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(None) };
    let name = String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
    match (name.as_str(), Coding::named(&name)) {
        ("" | "identity", _) => Ok(None),
        (_, Some(coding)) => Ok(Some(coding)),
        _ => Err(Refusal {
            status: Status::invalid_argument(format!(
                "Content-Encoding {name:?} is not supported; send gzip, zstd or none"
            )),
            http: Some(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        }),
    }
}

fn unpack(coding: Coding, packed: &[u8], limit: usize) -> Result<Bytes, Refusal> {
    let unpacked = coding.unpack(packed, limit).map_err(|error| {
        let name = coding.name();
        Status::invalid_argument(format!("the request's body is not valid {name}: {error}{}", hint(coding)))
    })?;
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

/// What else may be wrong with a packed body.
fn hint(coding: Coding) -> &'static str {
    match coding {
        Coding::Gzip => "",
        Coding::Zstd => "; a window of up to 8 MiB can be undone: compress with level 19 or below",
    }
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

/// The body as it is sent, and how it is packed: as the client wants it, when it is worth it.
pub fn pack(headers: &HeaderMap, body: Vec<u8>) -> (Bytes, Option<Coding>) {
    if body.len() <= SMALLEST_PACKED_BYTES {
        return (body.into(), None);
    }
    let lists = headers.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    let Some(coding) = wanted(lists) else { return (body.into(), None) };
    match super::reply::off_the_runtime(body.len(), || coding.pack(&body)) {
        Ok(packed) => (packed.into(), Some(coding)),
        // Writing to memory does not fail; the plain body is right in any case.
        Err(_) => (body.into(), None),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    const LIMITS: Limits = Limits { message: 1000, unpacked: 5000 };

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        Coding::Gzip.pack(bytes).unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        Coding::Zstd.pack(bytes).unwrap()
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
        let read = read_full(headers(&[(CONTENT_ENCODING, "Zstd")]), zstd(&[b'a'; 5000])).await;
        assert_eq!(read.unwrap(), [b'a'; 5000].as_slice());
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
    async fn a_bomb_is_stopped_at_the_limit() {
        let message = "the request's body is larger than 5000 bytes after decompression, the limit of this server";
        let zeros = vec![b'a'; 100_000];
        for (name, bomb) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros))] {
            assert!(bomb.len() < 1000, "{name}: {}", bomb.len());
            let read = read_full(headers(&[(CONTENT_ENCODING, name)]), bomb).await;
            assert_eq!(read, Err((Some(413), message.to_owned())), "{name}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_not_packed_as_it_says_or_in_another_way_is_refused() {
        for (name, packed) in [("gzip", gzip(b"{}")), ("zstd", zstd(b"{}"))] {
            let plain = read_full(headers(&[(CONTENT_ENCODING, name)]), b"{\"instances\": 1}".to_vec()).await;
            let (http, message) = plain.unwrap_err();
            assert!(http.is_none(), "{name}");
            assert!(message.starts_with(&format!("the request's body is not valid {name}: ")), "{message}");
            let truncated = packed[..packed.len() - 1].to_vec();
            assert!(read_full(headers(&[(CONTENT_ENCODING, name)]), truncated).await.is_err(), "{name}");
        }
        let other = read_full(headers(&[(CONTENT_ENCODING, "br")]), b"{}".to_vec()).await;
        let message = "Content-Encoding \"br\" is not supported; send gzip, zstd or none";
        assert_eq!(other, Err((Some(415), message.to_owned())));
    }

    #[test]
    fn large_replies_are_packed_for_clients_that_take_it() {
        let large = vec![b'1'; 2000];
        let cases = [
            (vec![], 2000, None),
            (vec![(ACCEPT_ENCODING, "gzip")], 2000, Some(Coding::Gzip)),
            (vec![(ACCEPT_ENCODING, "gzip, zstd")], 1024, None),
            (vec![(ACCEPT_ENCODING, "gzip, zstd")], 2000, Some(Coding::Zstd)),
            (vec![(ACCEPT_ENCODING, "deflate")], 2000, None),
        ];
        for (pairs, length, expected) in cases {
            let (body, packed) = pack(&headers(&pairs), large[..length].to_vec());
            assert_eq!(packed, expected, "{pairs:?}");
            let plain = packed.map_or_else(|| body.to_vec(), |coding| coding.unpack(&body, 5000).unwrap());
            assert_eq!(plain, large[..length]);
        }
    }
}
