//! The trace that a call belongs to, as its client says in two headers. Pure.
//!
//! Source: W3C Trace Context, sections 3.2 (traceparent) and 3.3 (tracestate).

use http::{HeaderMap, HeaderName};

use crate::exchange::random;

/// The header of [`Parent`].
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What tracing systems say to themselves, which is passed on as it came.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Bytes of `version-trace_id-parent_id-flags`.
const VERSION_0_BYTES: usize = 55;
/// The one flag that counts.
const SAMPLED: u8 = 1;
/// Longest tracestate that is passed on, in bytes: what every system has to take.
const MAX_STATE_BYTES: usize = 512;

/// The span that a call was made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Its trace; never zero.
    pub trace_id: [u8; 16],
    /// The span itself; never zero.
    pub span_id: [u8; 8],
    /// Whether whoever began the trace keeps it.
    pub is_sampled: bool,
}

/// What a call's own span hangs from, and whether there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The trace.
    pub trace_id: [u8; 16],
    /// The client's span; none when the trace begins here.
    pub parent_id: Option<[u8; 8]>,
    /// The call's own span; none when the trace is not kept.
    pub span_id: Option<[u8; 8]>,
    /// `tracestate`, as it came.
    pub state: String,
}

impl Parent {
    /// The parent that the headers name; none when there is none, or one that is malformed, which counts as none.
    pub fn of(headers: &HeaderMap) -> Option<Parent> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let value = values.next()?;
        // Which one of several would be meant nobody can tell.
        match values.next() {
            None => parse(value.as_bytes()),
            Some(_) => None,
        }
    }

    /// Reads what [`Trace::traceparent`] wrote.
    pub fn kept(text: &str) -> Option<Parent> {
        parse(text.as_bytes())
    }
}

impl Trace {
    /// What a call that comes of this one is to say.
    pub fn traceparent(&self) -> Option<String> {
        let span_id = self.span_id.or(self.parent_id)?;
        let mut text = b"00-".to_vec();
        random::write_hex(&self.trace_id, &mut text);
        text.push(b'-');
        random::write_hex(&span_id, &mut text);
        text.extend_from_slice(if self.span_id.is_some() { b"-01" } else { b"-00" });
        String::from_utf8(text).ok()
    }
}

/// The headers' tracestate, joined where it came in several; empty when it is none or too long.
pub fn state(headers: &HeaderMap) -> String {
    let mut joined = String::new();
    for value in headers.get_all(TRACESTATE) {
        let Ok(text) = value.to_str() else { return String::new() };
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.push_str(text.trim());
        if joined.len() > MAX_STATE_BYTES {
            return String::new();
        }
    }
    joined
}

fn parse(text: &[u8]) -> Option<Parent> {
    let fields = text.get(..VERSION_0_BYTES)?;
    let version = hex::<1>(&fields[..2])?[0];
    let is_separated = fields[2] == b'-' && fields[35] == b'-' && fields[52] == b'-';
    // A later version may say more, after another dash.
    let ends = match version {
        0xff => false,
        0 => text.len() == VERSION_0_BYTES,
        _ => text.get(VERSION_0_BYTES).is_none_or(|next| *next == b'-'),
    };
    let (trace_id, span_id) = (hex::<16>(&fields[3..35])?, hex::<8>(&fields[36..52])?);
    let flags = hex::<1>(&fields[53..])?[0];
    let is_valid = is_separated && ends && trace_id != [0; 16] && span_id != [0; 8];
    is_valid.then_some(Parent { trace_id, span_id, is_sampled: flags & SAMPLED != 0 })
}

/// Lower-case hexadecimal digits; upper-case ones are not allowed.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_traceparent_is_read_as_its_specification_says() {
        let whole = |version: &str, flags: &str| format!("{version}-{TRACE}-{SPAN}-{flags}");
        let cases = [
            (whole("00", "01"), Some(true)),
            (whole("00", "00"), Some(false)),
            (whole("00", "03"), Some(true)),
            (whole("00", "fe"), Some(false)),
            (whole("01", "01"), Some(true)),
            (whole("cc", "01-what-the-future-says"), Some(true)),
            (whole("cc", "01.odd"), None),
            (whole("ff", "01"), None),
            (whole("00", "01-more"), None),
            (whole("00", "0"), None),
            (whole("00", "0g"), None),
            (whole("0A", "01"), None),
            (format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None),
            (format!("00-{}-{SPAN}-01", "0".repeat(32)), None),
            (format!("00-{TRACE}-{}-01", "0".repeat(16)), None),
            (format!("00_{TRACE}-{SPAN}-01"), None),
            (format!("00-{TRACE}-{SPAN}_01"), None),
            (String::new(), None),
            ("é".repeat(60), None),
        ];
        for (text, expected) in cases {
            let parent = parse(text.as_bytes());
            assert_eq!(parent.map(|parent| parent.is_sampled), expected, "{text:?}");
            if let Some(parent) = parent {
                assert_eq!((parent.trace_id[0], parent.span_id[7]), (0x4b, 0xb7));
            }
        }
    }

    #[test]
    fn two_parents_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(Parent::of(&headers), None);
        headers.append(TRACEPARENT, format!("00-{TRACE}-{SPAN}-01").parse().unwrap());
        assert!(Parent::of(&headers).is_some());
        headers.append(TRACEPARENT, format!("00-{TRACE}-{SPAN}-01").parse().unwrap());
        assert_eq!(Parent::of(&headers), None);
    }

    #[test]
    fn a_state_in_several_headers_is_one_and_a_long_one_is_left_out() {
        let mut headers = HeaderMap::new();
        assert_eq!(state(&headers), "");
        headers.append(TRACESTATE, "a=1".parse().unwrap());
        headers.append(TRACESTATE, " b=2,c=3 ".parse().unwrap());
        assert_eq!(state(&headers), "a=1,b=2,c=3");
        headers.append(TRACESTATE, "d".repeat(MAX_STATE_BYTES).parse().unwrap());
        assert_eq!(state(&headers), "");
    }

    #[test]
    fn what_a_call_passes_on_is_its_own_span_or_that_of_its_client() {
        let parent = Parent::kept(&format!("00-{TRACE}-{SPAN}-00")).unwrap();
        let unsampled =
            Trace { trace_id: parent.trace_id, parent_id: Some(parent.span_id), span_id: None, state: String::new() };
        assert_eq!(unsampled.traceparent().and_then(|text| Parent::kept(&text)), Some(parent));
        let sampled = Trace { span_id: Some([7; 8]), ..unsampled };
        let expected = Parent { span_id: [7; 8], is_sampled: true, ..parent };
        assert_eq!(sampled.traceparent().and_then(|text| Parent::kept(&text)), Some(expected));
    }
}
