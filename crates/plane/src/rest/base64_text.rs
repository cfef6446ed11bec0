//! Binary values in JSON: an object with the one member `b64`.
//!
//! Source: tensorflow_serving/util/json_tensor.cc, IsValBase64Object; absl, escaping.cc, Base64Unescape (padding is optional,
//! white space is skipped).

use std::borrow::Cow;

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::Engine;

use super::json::{read_member_name, Kind, Scanner};
use crate::status::{Result, Status};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The text of the base64 object that starts at the cursor, which then is after it; `None`, and the cursor where it was,
/// when something else is there.
pub fn read_base64_object<'a>(scanner: &mut Scanner<'a>) -> Option<Cow<'a, [u8]>> {
    let start = scanner.position();
    let text = try_read(scanner);
    if text.is_none() {
        scanner.seek(start);
    }
    text
}

/// The bytes that a base64 text means.
pub fn decode_base64(text: &[u8]) -> Result<Vec<u8>> {
    let failed = |_| Status::invalid_argument("Unable to base64 decode");
    if text.iter().any(u8::is_ascii_whitespace) {
        let packed: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        return LENIENT.decode(packed).map_err(failed);
    }
    LENIENT.decode(text).map_err(failed)
}

/// Appends `bytes` as a base64 text.
pub fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = base64::engine::general_purpose::STANDARD.encode_slice(bytes, &mut out[start..]);
    debug_assert_eq!(written, Ok(out.len() - start));
}

fn try_read<'a>(scanner: &mut Scanner<'a>) -> Option<Cow<'a, [u8]>> {
    if !scanner.take(b'{') || *read_member_name(scanner).ok()? != *b"b64" {
        return None;
    }
    scanner.skip_whitespace();
    if scanner.kind() != Kind::String {
        return None;
    }
    let text = scanner.string().ok()?;
    scanner.skip_whitespace();
    scanner.take(b'}').then_some(text)
}
