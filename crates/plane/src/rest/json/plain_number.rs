//! The short way from a number's text to its value: a sign, digits, perhaps a point and digits, and no more than 63 bits hold.
//!
//! Eight digits are taken at a time, whatever their number, so that the branches do not depend on how long a number is: that
//! is what the processor cannot guess in a list of them. Anything else is nobody's here: exponents, many digits, the last bytes
//! of a text, and all that is wrong go the long way in [`super::number`], which also has the words for it.
//!
//! Source: RFC 8259, 6 (the grammar); Lemire, "Number parsing at a gigabyte per second" (2021), 4 (eight digits in one word).

use super::scanner::Scanner;

/// Bytes that must follow, so that no step needs to ask: a sign, 19 digits, a point, three words.
const WINDOW: usize = 48;
/// So many digits in front of a point are taken.
const MAX_WHOLE_DIGITS: usize = 10;
/// Any number of so many digits fits 64 bits.
const MAX_DIGITS: usize = 19;
/// Powers of ten that are exact in a double.
const POWERS: [f64; 20] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19];
const SMALL_POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
/// Integers up to this are exact in a double.
const MAX_EXACT: i64 = 1 << 53;

/// A number's parts: it is `mantissa / 10^fraction`, with a sign.
struct Plain {
    negative: bool,
    mantissa: i64,
    fraction: usize,
    len: usize,
}

impl Scanner<'_> {
    /// Reads an integer of up to 10 digits; `None`, without going on, for any other number.
    #[inline]
    pub(super) fn plain_integer(&mut self) -> Option<i64> {
        let (negative, value, len, window) = whole(self.rest())?;
        if matches!(window[len], b'.' | b'e' | b'E') {
            return None;
        }
        self.advance(len);
        Some(if negative { -value } else { value })
    }

    /// Reads a number as a float; `None`, without going on, when the short way may not lead to the nearest.
    #[inline]
    pub(super) fn plain_f32(&mut self) -> Option<f32> {
        /// The bits of a double below those of a float, and their middle.
        const BELOW_FLOAT: u64 = (1 << 29) - 1;
        const MIDDLE: u64 = 1 << 28;
        let plain = plain(self.rest())?;
        // Both operations round: off by two units in the last place at most, which a float does not see unless the double
        // is near the middle between two floats.
        let value = plain.mantissa as f64 / POWERS[plain.fraction];
        if plain.mantissa > MAX_EXACT && (value.to_bits() & BELOW_FLOAT).abs_diff(MIDDLE) <= 4 {
            return None;
        }
        self.advance(plain.len);
        Some((if plain.negative { -value } else { value }) as f32)
    }

    /// Reads a number as a double; `None`, without going on, when the short way may not lead to the nearest.
    #[inline]
    pub(super) fn plain_f64(&mut self) -> Option<f64> {
        let plain = plain(self.rest())?;
        if plain.mantissa > MAX_EXACT {
            return None;
        }
        self.advance(plain.len);
        let value = plain.mantissa as f64 / POWERS[plain.fraction];
        Some(if plain.negative { -value } else { value })
    }
}

/// The sign, the digits before a point, and how long both are.
#[inline(always)]
fn whole(bytes: &[u8]) -> Option<(bool, i64, usize, &[u8; WINDOW])> {
    let window: &[u8; WINDOW] = bytes.first_chunk()?;
    let negative = window[0] == b'-';
    let start = usize::from(negative);
    let digit = |at: usize| window[at].wrapping_sub(b'0');
    let mut value = i64::from(digit(start));
    if value > 9 {
        return None;
    }
    let mut at = start + 1;
    while digit(at) <= 9 {
        // Nothing follows a leading zero.
        if value == 0 || at > start + MAX_WHOLE_DIGITS - 1 {
            return None;
        }
        value = value * 10 + i64::from(digit(at));
        at += 1;
    }
    Some((negative, value, at, window))
}

/// A number without an exponent.
#[inline(always)]
fn plain(bytes: &[u8]) -> Option<Plain> {
    let (negative, value, len, window) = whole(bytes)?;
    let mut number = Plain { negative, mantissa: value, fraction: 0, len };
    if window[len] == b'.' {
        let mut mantissa = value as u64;
        number.len += 1;
        loop {
            let eight = window.get(number.len..number.len + 8)?.first_chunk::<8>()?;
            let (digits, count) = leading_digits(u64::from_le_bytes(*eight));
            mantissa = mantissa.wrapping_mul(SMALL_POWERS[count]).wrapping_add(digits);
            number.fraction += count;
            number.len += count;
            if count < 8 {
                break;
            }
        }
        // A zero before the point counts for none.
        let digits = number.fraction + if value == 0 { 0 } else { len - usize::from(negative) };
        if number.fraction == 0 || digits > MAX_DIGITS || mantissa > i64::MAX as u64 {
            return None;
        }
        number.mantissa = mantissa as i64;
    }
    match window[number.len] {
        b'e' | b'E' => None,
        _ => Some(number),
    }
}

/// The decimal digits that a word starts with, the first one in its lowest byte, as a number; and how many they are.
#[inline(always)]
fn leading_digits(word: u64) -> (u64, usize) {
    let values = word ^ 0x3030_3030_3030_3030;
    // The high bit of each byte that is no digit: its value is 10 or more.
    let others =
        ((values & 0x7F7F_7F7F_7F7F_7F7F).wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
    let count = others.trailing_zeros() as usize / 8;
    // As if zeros stood in front of them; a shift by the whole word would be none.
    let digits = if count == 0 { 0 } else { values << (64 - 8 * count) };
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let fours = (pairs & 0x00FF_00FF_00FF_00FF).wrapping_mul(100).wrapping_add((pairs >> 16) & 0x00FF_00FF_00FF_00FF);
    let (low, high) = (fours & 0xFFFF, (fours >> 32) & 0xFFFF);
    (low * 10_000 + high, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers are followed by enough text for the short way.
    fn padded(text: &str) -> String {
        format!("{text}, {}", "0".repeat(WINDOW))
    }

    #[test]
    fn the_digits_that_a_word_starts_with_are_counted_and_read() {
        for (text, expected) in [
            (b"12345678", (12_345_678, 8)),
            (b"00000009", (9, 8)),
            (b"1234567,", (1_234_567, 7)),
            (b"1,345678", (1, 1)),
            (b"e1234567", (0, 0)),
            (b"9\xB9999999", (9, 1)),
            (b"98\0\xFF\x3A:/9", (98, 2)),
        ] {
            assert_eq!(leading_digits(u64::from_le_bytes(*text)), expected, "{text:?}");
        }
        for byte in 0..=u8::MAX {
            let count = leading_digits(u64::from_le_bytes([b'7', byte, b'7', b'7', b'7', b'7', b'7', b'7'])).1;
            assert_eq!(count, if byte.is_ascii_digit() { 8 } else { 1 }, "{byte}");
        }
    }

    #[test]
    fn plain_numbers_are_exactly_rounded() {
        // xorshift64*: the same numbers in every run.
        let mut state = 0x5EED_0005_u64;
        let mut next = || {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            state.wrapping_mul(0x2545_F491_4F6C_DD1D)
        };
        let mut short = 0;
        for _ in 0..200_000 {
            let (whole, places) = (next() >> (next() % 64), next() as usize % 21);
            let digits: String = (0..places).map(|_| char::from(b'0' + (next() % 10) as u8)).collect();
            let sign = if next() % 4 == 0 { "-" } else { "" };
            let whole = if next() % 2 == 0 { 0 } else { whole };
            let text = if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{digits}") };
            let padded = padded(&text);
            let expected: f64 = text.parse().expect("it is a number");
            let mut scanner = Scanner::new(padded.as_bytes());
            if let Some(value) = scanner.plain_f32() {
                short += 1;
                assert_eq!(value.to_bits(), (expected as f32).to_bits(), "{text}");
                assert_eq!(scanner.position(), text.len(), "{text}");
            }
            let mut scanner = Scanner::new(padded.as_bytes());
            if let Some(value) = scanner.plain_f64() {
                assert_eq!((value.to_bits(), scanner.position()), (expected.to_bits(), text.len()), "{text}");
            }
            let mut scanner = Scanner::new(padded.as_bytes());
            if let Some(value) = scanner.plain_integer() {
                assert_eq!((Ok(value), scanner.position()), (text.parse(), text.len()), "{text}");
            }
        }
        assert!(short > 100_000, "the short way is the usual one: {short}");
    }

    #[test]
    fn anything_else_goes_the_long_way_and_the_cursor_stays() {
        let long =
            ["", "-", "-x", "01", "-00", "1.", "1.e5", "1e5", "1.5E3", ".5", "NaN", "+1", "12345678901", "\"1\""];
        let more = ["0.12345678901234567890", "1.1234567890123456789", "0.123456789012345678901234567890"];
        for text in long.into_iter().chain(more) {
            let padded = padded(text);
            let mut scanner = Scanner::new(padded.as_bytes());
            assert!(scanner.plain_f32().is_none() && scanner.plain_f64().is_none(), "{text}");
            assert!(scanner.plain_integer().is_none(), "{text}");
            assert_eq!(scanner.position(), 0);
        }
        assert!(Scanner::new(padded("1.5").as_bytes()).plain_integer().is_none());
        assert!(Scanner::new(b"1").plain_f32().is_none(), "the end is too near");
    }
}
