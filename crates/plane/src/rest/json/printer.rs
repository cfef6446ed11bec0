//! A value quoted in an error message, laid out as TensorFlow Serving quotes it.
//!
//! Source: tensorflow_serving/util/json_tensor.cc, JsonValueToString; rapidjson, writer.h and internal/dtoa.h (Prettify).

use super::decimal::{write_f32, write_f64, write_i64, write_u64};
use super::number::Number;
use super::scanner::{Kind, Scanner};
use super::syntax::Syntax;
use super::writer::Writer;

/// Where quoting stops: clients are sent less than this of a message.
const MAX_BYTES: usize = 4096;

/// The text of the value that `text` starts with; of a long one only the beginning, of a malformed one what comes before the fault.
pub fn show(text: &[u8]) -> String {
    let mut scanner = Scanner::new(text);
    let mut out = Vec::new();
    scanner.skip_whitespace();
    match scanner.clone().number() {
        Ok(Number::Double(value)) => write_alone(&mut out, value),
        _ => {
            // What was written before a syntax error is all there is to show.
            let _ = copy(&mut scanner, &mut Writer::new(&mut out));
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A double that is the whole value is written as a float where it is in the range of floats.
fn write_alone(out: &mut Vec<u8>, value: f64) {
    if value.abs() <= f64::from(f32::MAX) {
        write_f32(out, value as f32);
    } else {
        write_f64(out, value);
    }
}

/// Copies one value, or as much of it as is shown.
fn copy(scanner: &mut Scanner<'_>, writer: &mut Writer<'_>) -> Result<(), Syntax> {
    let mut open = Vec::new();
    loop {
        scanner.skip_whitespace();
        match scanner.kind() {
            Kind::Object => start(scanner, writer, &mut open, true),
            Kind::Array => start(scanner, writer, &mut open, false),
            _ => copy_scalar(scanner, writer)?,
        }
        loop {
            let Some(is_object) = open.last().copied() else { return Ok(()) };
            if writer.len_bytes() > MAX_BYTES {
                return Ok(());
            }
            scanner.skip_whitespace();
            match scanner.peek() {
                b'}' | b']' => {
                    scanner.advance(1);
                    open.pop();
                    if is_object {
                        writer.end_object();
                    } else {
                        writer.end_array();
                    }
                }
                byte => {
                    scanner.advance(usize::from(byte == b','));
                    if is_object {
                        let name = super::scanner::read_member_name(scanner)?;
                        writer.string(&name);
                    }
                    break;
                }
            }
        }
    }
}

fn start(scanner: &mut Scanner<'_>, writer: &mut Writer<'_>, open: &mut Vec<bool>, object: bool) {
    scanner.advance(1);
    if object {
        writer.start_object();
    } else {
        writer.start_array();
    }
    open.push(object);
}

fn copy_scalar(scanner: &mut Scanner<'_>, writer: &mut Writer<'_>) -> Result<(), Syntax> {
    match scanner.kind() {
        Kind::Null => {
            scanner.expect_rest(b"null")?;
            writer.raw(|out| out.extend_from_slice(b"null"));
        }
        Kind::True | Kind::False => {
            let value = scanner.boolean()?;
            writer.raw(|out| out.extend_from_slice(value.to_string().as_bytes()));
        }
        Kind::String => writer.string(&scanner.string()?),
        _ => match scanner.number()? {
            Number::Unsigned(value) => writer.raw(|out| write_u64(out, value)),
            Number::Negative(value) => writer.raw(|out| write_i64(out, value)),
            Number::Double(value) => writer.raw(|out| out.extend_from_slice(shortest(value).as_bytes())),
        },
    }
    Ok(())
}

/// A double inside an array or object: its shortest digits, with rapidjson's choice of notation.
fn shortest(value: f64) -> String {
    if !value.is_finite() {
        let mut text = Vec::new();
        write_f64(&mut text, value);
        return String::from_utf8_lossy(&text).into_owned();
    }
    let text = format!("{value:e}");
    let exponent: i32 = text.rsplit('e').next().and_then(|digits| digits.parse().ok()).unwrap_or(0);
    if (-6..21).contains(&exponent) {
        return plain(value);
    }
    text
}

fn plain(value: f64) -> String {
    let text = format!("{value}");
    if text.contains('.') {
        text
    } else {
        text + ".0"
    }
}
