//! Numbers: from their text to the double, float or integer that they mean, without a copy.
//!
//! Nearly all numbers take the short way of [`super::plain_number`]. Of the others, most have digits that fit 64 bits and a
//! power of ten that is exact in a double; the rest go through the standard library's parser, which is exact for every text. A float is the double cast to float, as in
//! TensorFlow Serving.

use super::scanner::Scanner;
use super::syntax::{Problem, Syntax};

/// A number as rapidjson classifies it: an integer as long as it fits 64 bits, else a double.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer of 0 or above.
    Unsigned(u64),
    /// An integer below 0.
    Negative(i64),
    /// A number with a fraction, an exponent or too many digits; also NaN and the infinities.
    Double(f64),
}

impl Number {
    /// The integer, when it fits 64 bits with a sign.
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Number::Unsigned(value) => value.try_into().ok(),
            Number::Negative(value) => Some(value),
            Number::Double(_) => None,
        }
    }

    /// The integer, when it is 0 or above.
    pub fn as_u64(self) -> Option<u64> {
        match self {
            Number::Unsigned(value) => Some(value),
            Number::Negative(_) | Number::Double(_) => None,
        }
    }
}

/// The parts of a number's text.
struct Text {
    negative: bool,
    /// The digits before and after the point, as one integer; wrong when `digits` is above [`MAX_DIGITS`].
    mantissa: u64,
    /// How many digits there are without leading zeros.
    digits: usize,
    /// The value is `mantissa * 10^exponent`.
    exponent: i64,
    /// Neither a point nor an exponent.
    integer: bool,
    start: usize,
    end: usize,
}

/// Any number of so many digits fits 64 bits.
const MAX_DIGITS: usize = 19;

/// The powers of ten that are exact in a double.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Integers up to this are exact in a double.
const MAX_EXACT_MANTISSA: u64 = 1 << 53;

impl Scanner<'_> {
    /// Reads a number, NaN or an infinity.
    #[inline]
    pub fn number(&mut self) -> Result<Number, Syntax> {
        match self.plain_integer() {
            Some(value) if value >= 0 => Ok(Number::Unsigned(value as u64)),
            Some(value) => Ok(Number::Negative(value)),
            None => self.any_number(),
        }
    }

    fn any_number(&mut self) -> Result<Number, Syntax> {
        let Some(text) = self.number_text()? else { return self.not_finite().map(Number::Double) };
        if text.integer {
            if let Some(number) = integer(&text, self) {
                return Ok(number);
            }
        }
        self.double(&text).map(Number::Double)
    }

    /// Reads a number as a double.
    #[inline]
    pub fn read_f64(&mut self) -> Result<f64, Syntax> {
        match self.plain_f64() {
            Some(value) => Ok(value),
            None => self.any_f64(),
        }
    }

    fn any_f64(&mut self) -> Result<f64, Syntax> {
        match self.number_text()? {
            Some(text) => self.double(&text),
            None => self.not_finite(),
        }
    }

    /// Reads a number as a float; beyond the range of floats it is an infinity or zero.
    #[inline]
    pub fn read_f32(&mut self) -> Result<f32, Syntax> {
        match self.plain_f32() {
            Some(value) => Ok(value),
            None => self.any_f32(),
        }
    }

    fn any_f32(&mut self) -> Result<f32, Syntax> {
        match self.number_text()? {
            Some(text) => match near_double(&text) {
                Some(value) => Ok(value as f32),
                None => self.double(&text).map(|value| value as f32),
            },
            None => self.not_finite().map(|value| value as f32),
        }
    }

    /// Scans a number's text; `None` when it is not digits that follow.
    #[inline]
    fn number_text(&mut self) -> Result<Option<Text>, Syntax> {
        let (start, bytes) = (self.position(), self.rest());
        let negative = byte(bytes, 0) == b'-';
        let mut at = usize::from(negative);
        if !byte(bytes, at).is_ascii_digit() {
            return Ok(None);
        }
        let (mut mantissa, mut digits, mut exponent) = (0, 0, 0);
        if byte(bytes, at) == b'0' {
            at += 1;
        } else {
            (mantissa, digits) = take_digits(&bytes[at..], 0);
            at += digits;
        }
        let whole_end = at;
        if byte(bytes, at) == b'.' {
            at += 1;
            let first = at;
            if digits == 0 {
                while byte(bytes, at) == b'0' {
                    at += 1;
                }
            }
            let (value, significant) = take_digits(&bytes[at..], mantissa);
            at += significant;
            if at == first {
                return Err(Syntax { problem: Problem::MissingFraction, offset: start + at });
            }
            (mantissa, digits, exponent) = (value, digits + significant, first as i64 - at as i64);
        }
        if matches!(byte(bytes, at), b'e' | b'E') {
            let (power, length) = exponent_text(&bytes[at..])
                .map_err(|length| Syntax { problem: Problem::MissingExponent, offset: start + at + length })?;
            exponent += power;
            at += length;
        }
        self.advance(at);
        Ok(Some(Text { negative, mantissa, digits, exponent, integer: at == whole_end, start, end: start + at }))
    }

    /// The double that a number's text means, exactly rounded.
    #[inline]
    fn double(&self, text: &Text) -> Result<f64, Syntax> {
        if text.mantissa <= MAX_EXACT_MANTISSA && text.digits <= MAX_DIGITS {
            if let Some(value) = scaled(text) {
                return Ok(value);
            }
        }
        self.any_double(text)
    }

    #[cold]
    fn any_double(&self, text: &Text) -> Result<f64, Syntax> {
        let digits = std::str::from_utf8(self.slice(text.start, text.end)).expect("the scanned characters are ASCII");
        let value: f64 = digits.parse().expect("JSON's numbers are a subset of the standard library's");
        if value.is_infinite() {
            return Err(Syntax { problem: Problem::NumberTooBig, offset: text.start });
        }
        Ok(value)
    }

    /// Reads `NaN`, `Inf` or `Infinity` with an optional sign.
    #[cold]
    fn not_finite(&mut self) -> Result<f64, Syntax> {
        let negative = self.take(b'-');
        let value = match self.peek() {
            b'N' => self.expect_rest(b"NaN").map(|()| f64::NAN)?,
            b'I' => {
                self.expect_rest(b"Inf")?;
                if self.peek() == b'i' {
                    self.expect_rest(b"inity")?;
                }
                f64::INFINITY
            }
            _ => return Err(self.problem(Problem::Value)),
        };
        Ok(if negative { -value } else { value })
    }
}

/// The byte at `at`, 0 beyond the end.
#[inline]
fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// Takes decimal digits, many at a time where it can; the answer is `value` with the digits behind it, which wraps when
/// they are too many, and how many they are.
#[inline]
fn take_digits(bytes: &[u8], mut value: u64) -> (u64, usize) {
    let mut at = 0;
    while let Some(word) =
        bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()).map(|eight| u64::from_le_bytes(*eight))
    {
        if !is_eight_digits(word) {
            break;
        }
        value = value.wrapping_mul(100_000_000).wrapping_add(eight_digits(word));
        at += 8;
    }
    while let digit @ b'0'..=b'9' = byte(bytes, at) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    (value, at)
}

/// The power of ten after `e`, and how long its text is; the length up to where a digit is missing as the error.
fn exponent_text(bytes: &[u8]) -> Result<(i64, usize), usize> {
    let sign = byte(bytes, 1);
    let first = if matches!(sign, b'-' | b'+') { 2 } else { 1 };
    let (mut at, mut power) = (first, 0i64);
    while let digit @ b'0'..=b'9' = byte(bytes, at) {
        power = (power * 10 + i64::from(digit - b'0')).min(1 << 40);
        at += 1;
    }
    if at == first {
        return Err(at);
    }
    Ok((if sign == b'-' { -power } else { power }, at))
}

/// The integer, when it fits 64 bits.
fn integer(text: &Text, scanner: &Scanner<'_>) -> Option<Number> {
    let magnitude = if text.digits <= MAX_DIGITS {
        text.mantissa
    } else {
        let digits = scanner.slice(text.start + usize::from(text.negative), text.end);
        std::str::from_utf8(digits).ok()?.parse().ok()?
    };
    if !text.negative {
        return Some(Number::Unsigned(magnitude));
    }
    match 0i64.checked_sub_unsigned(magnitude)? {
        0 => Some(Number::Unsigned(0)),
        value => Some(Number::Negative(value)),
    }
}

/// The number as a double that is off by two units in the last place at most, and whose cast to float is nevertheless that
/// of the exact double: it is not near the middle between two floats.
#[inline]
fn near_double(text: &Text) -> Option<f64> {
    const BELOW_FLOAT: u64 = (1 << 29) - 1;
    const MIDDLE: u64 = 1 << 28;
    if text.digits > MAX_DIGITS {
        return None;
    }
    let value = scaled(text)?;
    let distance = (value.to_bits() & BELOW_FLOAT).abs_diff(MIDDLE);
    (text.mantissa <= MAX_EXACT_MANTISSA || distance > 4).then_some(value)
}

/// `mantissa * 10^exponent` by one floating-point operation; exactly rounded when the mantissa is exact in a double.
#[inline]
fn scaled(text: &Text) -> Option<f64> {
    let mantissa = text.mantissa as f64;
    let power = EXACT_POWERS.get(usize::try_from(text.exponent.unsigned_abs()).ok()?)?;
    let value = if text.exponent < 0 { mantissa / power } else { mantissa * power };
    Some(if text.negative { -value } else { value })
}

/// Whether all eight bytes are decimal digits.
#[inline]
fn is_eight_digits(word: u64) -> bool {
    let high = word & 0xF0F0_F0F0_F0F0_F0F0;
    let carried = word.wrapping_add(0x0606_0606_0606_0606) & 0xF0F0_F0F0_F0F0_F0F0;
    high | (carried >> 4) == 0x3333_3333_3333_3333
}

/// The value of eight decimal digits, the first one in the lowest byte.
#[inline]
fn eight_digits(word: u64) -> u64 {
    let digits = word - 0x3030_3030_3030_3030;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let fours = (pairs & 0x00FF_00FF_00FF_00FF).wrapping_mul(100).wrapping_add((pairs >> 16) & 0x00FF_00FF_00FF_00FF);
    let low = fours & 0x0000_FFFF;
    let high = (fours >> 32) & 0x0000_FFFF;
    low * 10_000 + high
}
