//! Floats and integers as text, digit by digit what TensorFlow Serving writes.
//!
//! A float is written with 6 significant digits (C's `%.6g`) if they are enough to read the same float back, else with 9 (17
//! for a double), trailing zeros dropped; a whole number gets `.0`. Both are decided in exact integer arithmetic: a float
//! times a power of ten fits 128 bits for every size that models usually put out. The others go through the standard
//! library's formatting, which is as exact and slower.
//!
//! Source: tensorflow_serving/util/json_tensor.cc, WriteDecimal; C, fprintf, conversion `g`.

/// Digits that are tried first.
const SHORT_DIGITS: u32 = 6;

/// Appends a float.
pub fn write_f32(out: &mut Vec<u8>, value: f32) {
    let bits = value.to_bits();
    let float = Float {
        negative: value.is_sign_negative(),
        mantissa: u64::from(bits & 0x007F_FFFF),
        exponent: ((bits >> 23) & 0xFF) as i32,
        mantissa_bits: 23,
        largest_exponent: 0xFF,
        digits: 9,
    };
    float.write(
        out,
        |digits| if digits == SHORT_DIGITS { format!("{value:.5e}") } else { format!("{value:.8e}") },
        |text| text.parse() == Ok(value),
    );
}

/// Appends a double.
pub fn write_f64(out: &mut Vec<u8>, value: f64) {
    let bits = value.to_bits();
    let float = Float {
        negative: value.is_sign_negative(),
        mantissa: bits & 0x000F_FFFF_FFFF_FFFF,
        exponent: ((bits >> 52) & 0x7FF) as i32,
        mantissa_bits: 52,
        largest_exponent: 0x7FF,
        digits: 17,
    };
    float.write(
        out,
        |digits| if digits == SHORT_DIGITS { format!("{value:.5e}") } else { format!("{value:.16e}") },
        |text| text.parse() == Ok(value),
    );
}

/// Appends an integer.
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    write_u64(out, value.unsigned_abs());
}

/// Appends an integer.
pub fn write_u64(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0; 20];
    let start = fill_digits(&mut digits, value);
    out.extend_from_slice(&digits[start..]);
}

/// The decimal digits of a number and the power of ten of the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decimal {
    digits: u64,
    count: u32,
    exponent: i32,
}

/// A floating-point number in parts, as the format stores them.
struct Float {
    negative: bool,
    mantissa: u64,
    exponent: i32,
    mantissa_bits: u32,
    largest_exponent: i32,
    /// Digits that are always enough.
    digits: u32,
}

/// `numerator / 2^shift`, a float times a power of ten.
struct Scaled {
    numerator: u128,
    shift: u32,
    /// The distance to the next float, in the same unit as `numerator`.
    step: u128,
}

impl Float {
    #[inline(always)]
    fn write(&self, out: &mut Vec<u8>, format: impl Fn(u32) -> String, reads_back: impl Fn(&str) -> bool) {
        if self.exponent == self.largest_exponent {
            let text = if self.mantissa != 0 {
                "NaN"
            } else if self.negative {
                "-Infinity"
            } else {
                "Infinity"
            };
            out.extend_from_slice(text.as_bytes());
            return;
        }
        if self.negative {
            out.push(b'-');
        }
        if self.exponent == 0 && self.mantissa == 0 {
            out.extend_from_slice(b"0.0");
            return;
        }
        write_decimal(out, self.decimal().unwrap_or_else(|| formatted(format, reads_back)), self.digits);
    }

    /// The digits to write; `None` when 128 bits are too few, or the float is subnormal and so has fewer bits than its kind.
    #[inline(always)]
    fn decimal(&self) -> Option<Decimal> {
        if self.exponent == 0 {
            return None;
        }
        let mantissa = self.mantissa | 1 << self.mantissa_bits;
        let bias = (self.largest_exponent >> 1) + self.mantissa_bits as i32;
        let binary_exponent = self.exponent - bias;
        // 1233 / 4096 is a little less than log10(2): the guess is right or one too small.
        let mut exponent = ((binary_exponent + self.mantissa_bits as i32) * 1233) >> 12;
        let (scaled, whole) = loop {
            let scaled = scale(mantissa, self.mantissa_bits + 1, binary_exponent, self.digits as i32 - 1 - exponent)?;
            let whole = (scaled.numerator >> scaled.shift) as u64;
            if whole < POWERS_OF_TEN[self.digits as usize] {
                break (scaled, whole);
            }
            exponent += 1;
        };
        let fraction = scaled.numerator & ((1 << scaled.shift) - 1);
        let lowest = self.mantissa == 0 && self.exponent > 1;
        if let Some(digits) = short(&scaled, whole, fraction, self.digits, mantissa.is_multiple_of(2), lowest) {
            return Some(rounded(digits, SHORT_DIGITS, exponent));
        }
        Some(rounded(round(whole, fraction, scaled.shift), self.digits, exponent))
    }
}

/// Powers of ten that 64 bits hold.
const POWERS_OF_TEN: [u64; 20] = {
    let mut powers = [1; 20];
    let mut index = 1;
    while index < 20 {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// Powers of ten that 128 bits hold.
const WIDE_POWERS_OF_TEN: [u128; 39] = {
    let mut powers = [1; 39];
    let mut index = 1;
    while index < 39 {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// `mantissa * 2^exponent * 10^power`, exactly, where 127 bits hold it.
#[inline(always)]
fn scale(mantissa: u64, mantissa_bits: u32, exponent: i32, power: i32) -> Option<Scaled> {
    // 10^power takes 10 bits for each three of its zeros at most.
    let largest_power = (126 - mantissa_bits as usize) * 3 / 10;
    let power = usize::try_from(power).ok().filter(|power| *power <= largest_power)?;
    let step = WIDE_POWERS_OF_TEN[power];
    let numerator = step * u128::from(mantissa);
    let shift = (-exponent).max(0) as u32;
    let left = exponent.max(0) as u32;
    (shift < 127 && left < numerator.leading_zeros()).then(|| Scaled {
        numerator: numerator << left,
        shift,
        step: step << left,
    })
}

/// The first six digits, if they are enough: if the float nearest to them is this one.
#[inline(always)]
fn short(scaled: &Scaled, whole: u64, fraction: u128, digits: u32, even: bool, lowest: bool) -> Option<u64> {
    let unit = POWERS_OF_TEN[(digits - SHORT_DIGITS) as usize];
    let (first, rest) = (whole / unit, whole % unit);
    // How far the six digits are from the float. Nothing overflows: the whole number takes more bits than `unit` by 16, and
    // with its fraction 127 at most.
    let above = rest > unit / 2 || (rest == unit / 2 && (fraction > 0 || first % 2 == 1));
    let distance = if above {
        (u128::from(unit - rest) << scaled.shift) - fraction
    } else {
        // Below a power of two floats lie twice as close.
        (u128::from(rest) << scaled.shift | fraction) << u32::from(lowest)
    };
    let enough = distance * 2 < scaled.step || (distance * 2 == scaled.step && even);
    enough.then_some(first + u64::from(above))
}

/// `whole` rounded by the fraction below it, to even when it is in the middle.
fn round(whole: u64, fraction: u128, shift: u32) -> u64 {
    if shift == 0 {
        return whole;
    }
    let middle = 1 << (shift - 1);
    whole + u64::from(fraction > middle || (fraction == middle && whole % 2 == 1))
}

fn rounded(digits: u64, count: u32, exponent: i32) -> Decimal {
    if digits == POWERS_OF_TEN[count as usize] {
        return Decimal { digits: digits / 10, count, exponent: exponent + 1 };
    }
    Decimal { digits, count, exponent }
}

/// The digits as the standard library rounds them.
#[cold]
fn formatted(format: impl Fn(u32) -> String, reads_back: impl Fn(&str) -> bool) -> Decimal {
    let short = format(SHORT_DIGITS);
    let text = if reads_back(&short) { short } else { format(0) };
    let (digits, exponent) = text.trim_start_matches('-').split_once('e').expect("scientific notation has an exponent");
    let digits: String = digits.chars().filter(|c| *c != '.').collect();
    Decimal {
        digits: digits.parse().expect("at most 17 digits"),
        count: digits.len() as u32,
        exponent: exponent.parse().expect("an exponent is a number"),
    }
}

/// Appends the digits in C's notation for `%.<precision>g`, and `.0` where that leaves a whole number.
fn write_decimal(out: &mut Vec<u8>, decimal: Decimal, digits: u32) {
    let precision = if decimal.count == SHORT_DIGITS { SHORT_DIGITS } else { digits };
    let mut buffer = [0; 20];
    let start = fill_digits(&mut buffer, decimal.digits);
    let significant = buffer[start..].iter().rposition(|digit| *digit != b'0').map_or(1, |last| last + 1);
    let text = &buffer[start..start + significant];
    let exponent = decimal.exponent;
    if exponent < -4 || exponent >= precision as i32 {
        write_scientific(out, text, exponent);
    } else if exponent < 0 {
        out.extend_from_slice(&b"0.0000"[..1 + (-exponent) as usize]);
        out.extend_from_slice(text);
    } else {
        let whole = exponent as usize + 1;
        if text.len() > whole {
            out.extend_from_slice(&text[..whole]);
            out.push(b'.');
            out.extend_from_slice(&text[whole..]);
        } else {
            out.extend_from_slice(text);
            out.resize(out.len() + whole - text.len(), b'0');
            out.extend_from_slice(b".0");
        }
    }
}

fn write_scientific(out: &mut Vec<u8>, text: &[u8], exponent: i32) {
    out.push(text[0]);
    if text.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&text[1..]);
    }
    out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    if exponent.unsigned_abs() < 10 {
        out.push(b'0');
    }
    write_u64(out, u64::from(exponent.unsigned_abs()));
}

/// Writes the digits of `value` at the end of `buffer`; the answer is where they start.
#[inline]
fn fill_digits(buffer: &mut [u8; 20], mut value: u64) -> usize {
    const PAIRS: [u8; 200] = {
        let mut pairs = [0; 200];
        let mut index = 0;
        while index < 100 {
            pairs[index * 2] = b'0' + (index / 10) as u8;
            pairs[index * 2 + 1] = b'0' + (index % 10) as u8;
            index += 1;
        }
        pairs
    };
    let mut start = buffer.len();
    while value >= 10 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        start -= 2;
        buffer[start..start + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value > 0 || start == buffer.len() {
        start -= 1;
        buffer[start] = b'0' + value as u8;
    }
    start
}
