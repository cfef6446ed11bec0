//! Content codings: gzip and zstd, undone within bounds, and done for clients that ask.
//!
//! Pure functions over headers' texts and bytes. zstd is the reference library, compiled in: TLS needs a C compiler anyway, and
//! it packs and unpacks two to four times as fast as gzip.
//!
//! Source: RFC 9110, 8.4.1 and 12.5.3 (codings, Accept-Encoding); RFC 8878 and RFC 9659 (zstd, its window in HTTP).

use std::io::{self, Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::Compression;
use zstd::stream::read::Decoder as ZstdDecoder;

/// The largest window of a zstd frame, as a power of two: 8 MiB, which is what HTTP allows and a frame may make us hold.
const MAX_WINDOW_LOG: u32 = 23;
/// The level that packs fastest, as for gzip.
const ZSTD_LEVEL: i32 = 1;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// Its name in headers.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Zstd => "zstd",
        }
    }

    /// The coding that `name` means, in lower case.
    pub fn named(name: &str) -> Option<Coding> {
        match name {
            "gzip" | "x-gzip" => Some(Coding::Gzip),
            "zstd" => Some(Coding::Zstd),
            _ => None,
        }
    }

    /// Unpacks, and stops as soon as more than `limit` bytes have come out: these are then one byte longer than it.
    ///
    /// Errors: INVALID_DATA and the like for bytes that are not of this coding, or end early; for zstd also when a frame takes
    /// a window of more than 8 MiB.
    pub fn unpack(self, packed: &[u8], limit: usize) -> io::Result<Vec<u8>> {
        let mut unpacked = Vec::new();
        let limit = limit as u64 + 1;
        match self {
            Coding::Gzip => MultiGzDecoder::new(packed).take(limit).read_to_end(&mut unpacked)?,
            Coding::Zstd => {
                let mut decoder = ZstdDecoder::with_buffer(packed)?;
                decoder.window_log_max(MAX_WINDOW_LOG)?;
                decoder.take(limit).read_to_end(&mut unpacked)?
            }
        };
        Ok(unpacked)
    }

    /// Packs, for speed rather than for size.
    ///
    /// Errors: none in practice; writing to memory does not fail.
    pub fn pack(self, body: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Coding::Gzip => {
                let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 2), Compression::fast());
                encoder.write_all(body)?;
                encoder.finish()
            }
            Coding::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL),
        }
    }
}

/// What a client's `Accept-Encoding` says of each coding: its weight, from 0 (refused) to 1; none where it says nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Weights {
    gzip: Option<f32>,
    zstd: Option<f32>,
    identity: Option<f32>,
    /// Of every coding that is not named.
    others: Option<f32>,
}

/// The coding that a client wants most, by the lists of its `Accept-Encoding` lines; none when it asks for no coding that we
/// have, refuses them, or would rather have the body as it is. Of equals it gets zstd if it names that.
pub fn wanted<'a>(lists: impl Iterator<Item = &'a str>) -> Option<Coding> {
    let mut weights = Weights::default();
    for item in lists.flat_map(|list| list.split(',')) {
        weights.note(item);
    }
    let weight = |named: Option<f32>| named.or(weights.others).unwrap_or(0.0);
    let (gzip, zstd) = (weight(weights.gzip), weight(weights.zstd));
    let (coding, most) = match zstd > gzip || (zstd == gzip && weights.zstd.is_some()) {
        true => (Coding::Zstd, zstd),
        false => (Coding::Gzip, gzip),
    };
    (most > 0.0 && most >= weights.identity.unwrap_or(0.0)).then_some(coding)
}

impl Weights {
    /// Takes one item of a list; a weight that is none counts as 1, the default.
    fn note(&mut self, item: &str) {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let weight = Some(weight.and_then(|weight| weight.trim().parse().ok()).unwrap_or(1.0));
        match (name.as_str(), Coding::named(&name)) {
            ("*", _) => self.others = weight,
            ("identity", _) => self.identity = weight,
            (_, Some(Coding::Gzip)) => self.gzip = weight,
            (_, Some(Coding::Zstd)) => self.zstd = weight,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_gets_what_it_wants_most() {
        use Coding::{Gzip, Zstd};
        let cases: [(&[&str], Option<Coding>); 20] = [
            (&[], None),
            (&[""], None),
            (&["br, deflate"], None),
            (&["gzip"], Some(Gzip)),
            (&["x-gzip"], Some(Gzip)),
            (&["zstd"], Some(Zstd)),
            (&["br, GZIP;q=0.5"], Some(Gzip)),
            (&["gzip, deflate, br, zstd"], Some(Zstd)),
            (&["gzip, zstd;q=0.9"], Some(Gzip)),
            (&["gzip;q=0.5", "zstd; q=0.6"], Some(Zstd)),
            (&["gzip;q=0, br"], None),
            (&["gzip;q=0.0, zstd;Q=0"], None),
            (&["gzip;q=x"], Some(Gzip)),
            (&["*"], Some(Gzip)),
            (&["*;q=0"], None),
            (&["gzip;q=0, *"], Some(Zstd)),
            (&["zstd, *;q=0"], Some(Zstd)),
            (&["identity"], None),
            (&["identity, gzip;q=0.5"], None),
            (&["identity;q=0.5, gzip"], Some(Gzip)),
        ];
        for (lists, expected) in cases {
            assert_eq!(wanted(lists.iter().copied()), expected, "{lists:?}");
        }
    }

    #[test]
    fn what_is_packed_is_unpacked_up_to_the_limit() {
        let body: Vec<u8> = (0..5000u32).flat_map(|number| (number % 97).to_le_bytes()).collect();
        for coding in [Coding::Gzip, Coding::Zstd] {
            let packed = coding.pack(&body).unwrap();
            assert!(packed.len() < body.len());
            assert_eq!(coding.unpack(&packed, body.len()).unwrap(), body);
            assert_eq!(coding.unpack(&packed, 99).unwrap(), body[..100]);
            let two = [packed.as_slice(), &packed].concat();
            assert_eq!(coding.unpack(&two, 1 << 20).unwrap().len(), 2 * body.len(), "one after another is allowed");
            assert!(coding.unpack(&packed[..packed.len() - 1], 1 << 20).is_err(), "it ends early");
            assert!(coding.unpack(b"{\"instances\": [1]}", 1 << 20).is_err());
        }
    }

    /// The start of a frame with this window and one block of zeros; how it is announced is all there is to it.
    fn frame(window_log: u8) -> Vec<u8> {
        // The magic number; no checksum, no content size; the window's exponent; one last block: 1000 times a byte.
        let mut frame = vec![0x28, 0xB5, 0x2F, 0xFD, 0x00, (window_log - 10) << 3];
        let block = 1u32 | 1 << 1 | 1000 << 3;
        frame.extend_from_slice(&block.to_le_bytes()[..3]);
        frame.push(0);
        frame
    }

    #[test]
    fn a_frame_that_takes_a_larger_window_than_http_allows_is_refused() {
        assert_eq!(Coding::Zstd.unpack(&frame(MAX_WINDOW_LOG as u8), 5000).unwrap(), [0; 1000]);
        for window_log in [MAX_WINDOW_LOG as u8 + 1, 27, 31] {
            let error = Coding::Zstd.unpack(&frame(window_log), 5000).unwrap_err();
            assert!(error.to_string().contains("too much memory"), "{window_log}: {error}");
        }
    }
}
