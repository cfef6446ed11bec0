//! 16-bit floats: IEEE half precision and bfloat16, to and from the wider ones, rounded to the nearest, ties to even.
//!
//! Source: IEEE 754-2019, 3.6 (binary16); bfloat16 is the upper half of a binary32.

/// The bits of the half nearest to `value`.
pub fn to_half(value: f64) -> u16 {
    const SUBNORMAL_EXPONENT: i32 = -14;
    let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
    if value.is_nan() {
        return sign | 0x7E00;
    }
    let magnitude = value.abs();
    if magnitude >= 65520.0 {
        return sign | 0x7C00;
    }
    let exponent = (((magnitude.to_bits() >> 52) as i32) - 1023).max(SUBNORMAL_EXPONENT);
    // The unit in the last place is a power of two, so that this division is exact.
    let units = (magnitude / 2f64.powi(exponent - 10)).round_ties_even() as u16;
    // A subnormal has no hidden bit to take off; a mantissa that rounds up carries into the exponent.
    let above_subnormal = (exponent - SUBNORMAL_EXPONENT) as u16;
    sign | ((above_subnormal << 10) + units)
}

/// The float that the half `bits` is.
pub fn from_half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let mantissa = f32::from(bits & 0x03FF);
    match i32::from(bits >> 10 & 0x1F) {
        0 => sign * mantissa * 2f32.powi(-24),
        31 if mantissa == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        exponent => sign * (1024.0 + mantissa) * 2f32.powi(exponent - 25),
    }
}

/// The bits of the bfloat16 nearest to `value`.
pub fn to_bfloat16(value: f64) -> u16 {
    let float = value as f32;
    if float.is_nan() {
        return 0x7FC0;
    }
    let bits = float.to_bits();
    // Carries into the exponent, up to infinity, where the mantissa rounds up.
    ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16) as u16
}

/// The float that the bfloat16 `bits` is.
pub fn from_bfloat16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_is_itself_again() {
        for bits in 0..=u16::MAX {
            let float = from_half(bits);
            if float.is_nan() {
                assert_eq!(to_half(f64::from(float)) & 0x7E00, 0x7E00);
            } else {
                assert_eq!(to_half(f64::from(float)), bits, "{float}");
            }
        }
    }

    #[test]
    fn halves_are_rounded_to_the_nearest_and_ties_to_even() {
        let cases: [(f64, u16); 9] = [
            (0.1, 0x2E66),
            (65504.0, 0x7BFF),
            (65519.9, 0x7BFF),
            (65520.0, 0x7C00),
            (f64::MAX, 0x7C00),
            (2f64.powi(-25), 0x0000),
            (2f64.powi(-25) * 1.01, 0x0001),
            (2049.0, 0x6800),
            (2051.0, 0x6802),
        ];
        for (value, bits) in cases {
            assert_eq!(to_half(value), bits, "{value}");
            assert_eq!(to_half(-value), bits | 0x8000, "-{value}");
        }
    }

    #[test]
    fn every_bfloat16_is_itself_again_and_others_are_rounded() {
        for bits in 0..=u16::MAX {
            let float = from_bfloat16(bits);
            assert!(float.is_nan() || to_bfloat16(f64::from(float)) == bits);
        }
        assert_eq!(to_bfloat16(1.00390625), 0x3F80);
        assert_eq!(to_bfloat16(1.01171875), 0x3F82);
        assert_eq!(to_bfloat16(f64::from(f32::MAX)), 0x7F80);
        assert_eq!(to_bfloat16(f64::NAN), 0x7FC0);
    }
}
