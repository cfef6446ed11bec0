//! Whether two versions of a model gave the same answer, as far as it matters. Pure.
//!
//! Two versions are two models, and their numbers differ: what must not differ is what somebody does with them. So a row of
//! scores agrees when the same one is the largest, a number when it is near, and what is no score (a class, a label, a flag)
//! when it is equal. Answers of other outputs, types or shapes do not agree.

use seaway_wire::DType;

use crate::tensor::TensorView;

/// How far two numbers may be apart, as a part of the larger one.
///
/// A tenth: retraining on a day's more data moves a regression by a few percent, and a broken input, unit or normalization by
/// factors.
pub const RELATIVE_TOLERANCE: f64 = 0.1;
/// And beside that, so that two numbers that are almost nothing agree.
pub const ABSOLUTE_TOLERANCE: f64 = 1e-6;

/// Whether every output of two answers agrees in every row; outputs are compared by their names.
pub fn agree(live: &[TensorView<'_>], candidate: &[TensorView<'_>]) -> bool {
    live.len() == candidate.len()
        && live.iter().all(|live| {
            let other = candidate.iter().find(|candidate| candidate.name == live.name);
            other.is_some_and(|candidate| output_agrees(live, candidate))
        })
}

fn output_agrees(live: &TensorView<'_>, candidate: &TensorView<'_>) -> bool {
    if live.dtype != candidate.dtype || live.shape != candidate.shape {
        return false;
    }
    if live.dtype == DType::String {
        // The bytes may differ where the elements do not. A table that cannot be read agrees with nothing.
        return matches!((live.string_elements(), candidate.string_elements()), (Ok(a), Ok(b)) if a == b);
    }
    let Some(read) = reader(live.dtype) else { return live.bytes == candidate.bytes };
    let width = live.dtype.size_bytes().unwrap_or(1) / read.parts;
    let numbers = |bytes: &[u8]| -> Vec<f64> { bytes.chunks_exact(width).map(read.number).collect() };
    let (live_numbers, numbers) = (numbers(live.bytes), numbers(candidate.bytes));
    match scores(live) {
        Some(classes) => {
            live_numbers.chunks(classes).zip(numbers.chunks(classes)).all(|(a, b)| largest(a) == largest(b))
        }
        None => live_numbers.iter().zip(&numbers).all(|(a, b)| is_near(*a, *b)),
    }
}

/// How the elements of a type are read as numbers that need only be near.
struct Reader {
    /// Numbers in an element.
    parts: usize,
    number: fn(&[u8]) -> f64,
}

/// None for types whose elements must be equal.
fn reader(dtype: DType) -> Option<Reader> {
    let float = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("4 bytes")).into();
    let double = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().expect("8 bytes"));
    match dtype {
        DType::Float => Some(Reader { parts: 1, number: float }),
        DType::Double => Some(Reader { parts: 1, number: double }),
        DType::Half => Some(Reader { parts: 1, number: half }),
        DType::BFloat16 => Some(Reader { parts: 1, number: bfloat16 }),
        DType::Complex64 => Some(Reader { parts: 2, number: float }),
        DType::Complex128 => Some(Reader { parts: 2, number: double }),
        _ => None,
    }
}

/// Elements of a row of scores; none for an output of single numbers. The first dimension is that of the rows.
fn scores(view: &TensorView<'_>) -> Option<usize> {
    let is_complex = matches!(view.dtype, DType::Complex64 | DType::Complex128);
    match view.shape {
        [_, .., last] if *last > 1 && !is_complex => usize::try_from(*last).ok(),
        _ => None,
    }
}

/// The place of the largest number: the first of equal ones, and the first NaN before all numbers, as in NumPy.
fn largest(numbers: &[f64]) -> usize {
    let mut best = 0;
    for (index, number) in numbers.iter().enumerate() {
        if number.is_nan() {
            return index;
        }
        if *number > numbers[best] {
            best = index;
        }
    }
    best
}

fn is_near(a: f64, b: f64) -> bool {
    // Infinities are equal or far apart.
    let bound = RELATIVE_TOLERANCE * a.abs().max(b.abs()) + ABSOLUTE_TOLERANCE;
    a == b || (a.is_nan() && b.is_nan()) || (bound.is_finite() && (a - b).abs() <= bound)
}

/// Source: IEEE 754, binary16.
fn half(bytes: &[u8]) -> f64 {
    let bits = u16::from_le_bytes(bytes.try_into().expect("2 bytes"));
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

/// The upper half of a float.
fn bfloat16(bytes: &[u8]) -> f64 {
    let bits = u16::from_le_bytes(bytes.try_into().expect("2 bytes"));
    f32::from_bits(u32::from(bits) << 16).into()
}

#[cfg(test)]
mod tests {
    use seaway_wire::strings;

    use super::*;

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn doubles(values: &[f64]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn texts(values: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0; strings::encoded_len(values.iter().copied())];
        strings::encode(values.iter().copied(), &mut bytes);
        bytes
    }

    fn view<'a>(dtype: DType, shape: &'a [i64], bytes: &'a [u8]) -> TensorView<'a> {
        TensorView { name: "y", dtype, shape, bytes }
    }

    fn alike(dtype: DType, shape: &[i64], a: &[u8], b: &[u8]) -> bool {
        let (forth, back) =
            ([view(dtype, shape, a), view(dtype, shape, b)], [view(dtype, shape, b), view(dtype, shape, a)]);
        let agreed = agree(&forth[..1], &forth[1..]);
        assert_eq!(agreed, agree(&back[..1], &back[1..]), "it does not matter which is which");
        agreed
    }

    #[test]
    fn single_numbers_agree_within_a_tenth() {
        let (nan, infinity) = (f32::NAN, f32::INFINITY);
        let cases = [
            (&[1.0, 2.0][..], &[1.0, 2.0][..], true),
            (&[100.0], &[109.0], true),
            (&[100.0], &[112.0], false),
            (&[-100.0], &[-109.0], true),
            (&[1.0], &[-1.0], false),
            (&[0.0], &[1e-7], true),
            (&[0.0], &[1e-5], false),
            (&[1.0, 1.0, 1.0], &[1.0, 1.0, 2.0], false),
            (&[nan], &[nan], true),
            (&[nan], &[0.0], false),
            (&[infinity], &[infinity], true),
            (&[infinity], &[-infinity], false),
            (&[infinity], &[1.0], false),
        ];
        for (a, b, expected) in cases {
            let rows = a.len() as i64;
            for shape in [&[rows][..], &[rows, 1], &[rows, 1, 1]] {
                assert_eq!(alike(DType::Float, shape, &floats(a), &floats(b)), expected, "{a:?} {b:?} {shape:?}");
            }
        }
        assert!(alike(DType::Float, &[], &floats(&[1.0]), &floats(&[1.05])));
        assert!(alike(DType::Double, &[1], &doubles(&[1e300]), &doubles(&[1.05e300])));
        assert!(!alike(DType::Double, &[1], &doubles(&[1e300]), &doubles(&[2e300])));
        assert!(alike(DType::Float, &[0], &[], &[]) && alike(DType::Float, &[0, 3], &[], &[]));
    }

    #[test]
    fn rows_of_scores_agree_when_the_same_one_is_the_largest_in_each() {
        let nan = f32::NAN;
        let cases = [
            (&[0.1, 0.9][..], &[0.4, 0.6][..], true),
            (&[0.1, 0.9], &[0.6, 0.4], false),
            (&[0.1, 0.9, 0.8, 0.2], &[0.4, 0.6, 0.6, 0.4], true),
            (&[0.1, 0.9, 0.8, 0.2], &[0.4, 0.6, 0.4, 0.6], false),
            (&[0.5, 0.5], &[0.6, 0.4], true),
            (&[0.5, 0.5], &[0.4, 0.6], false),
            (&[nan, 0.5], &[nan, 0.7], true),
            (&[0.2, nan], &[0.7, 0.5], false),
            (&[-1.0, -2.0], &[-1.5, -3.0], true),
        ];
        for (a, b, expected) in cases {
            let rows = a.len() as i64 / 2;
            for shape in [&[rows, 2][..], &[rows, 1, 2]] {
                assert_eq!(alike(DType::Float, shape, &floats(a), &floats(b)), expected, "{a:?} {b:?} {shape:?}");
            }
        }
    }

    #[test]
    fn what_is_no_float_must_be_equal() {
        for dtype in [DType::Bool, DType::Int8, DType::UInt8, DType::QInt8] {
            assert!(alike(dtype, &[1, 2], &[1, 0], &[1, 0]));
            assert!(!alike(dtype, &[1, 2], &[1, 0], &[1, 1]));
        }
        let number = |value: i64| value.to_le_bytes();
        assert!(!alike(DType::Int64, &[1], &number(100), &number(101)));
        assert!(alike(DType::String, &[1, 2], &texts(&[b"cat", b"dog"]), &texts(&[b"cat", b"dog"])));
        assert!(!alike(DType::String, &[1, 2], &texts(&[b"cat", b"dog"]), &texts(&[b"ca", b"tdog"])));
        assert!(!alike(DType::String, &[1], &[0; 3], &[0; 3]), "tables that cannot be read");
    }

    #[test]
    fn small_floats_and_complex_numbers_are_numbers() {
        let halves = |bits: u16| bits.to_le_bytes();
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (1, 2f64.powi(-24)),
            (0x7c00, f64::INFINITY),
            (0x8000, 0.0),
        ] {
            assert_eq!(half(&halves(bits)), value, "{bits:#x}");
        }
        assert!(half(&halves(0x7e00)).is_nan());
        assert_eq!(bfloat16(&halves(0xbf80)), -1.0);
        assert!(alike(DType::Half, &[1], &halves(0x3c00), &halves(0x3c40)), "1 and 1.0625");
        assert!(!alike(DType::BFloat16, &[1], &halves(0x3f80), &halves(0x4000)), "1 and 2");
        let (a, near, far) = (floats(&[1.0, 2.0]), floats(&[1.05, 2.1]), floats(&[1.0, 3.0]));
        assert!(alike(DType::Complex64, &[1], &a, &near) && !alike(DType::Complex64, &[1], &a, &far));
        let (a, far) = (doubles(&[1.0, 2.0, 0.0, 0.0]), doubles(&[1.0, 2.0, 0.0, 1.0]));
        assert!(alike(DType::Complex128, &[1, 2], &a, &a) && !alike(DType::Complex128, &[1, 2], &a, &far));
    }

    #[test]
    fn answers_of_another_form_do_not_agree() {
        let bytes = floats(&[1.0, 2.0]);
        let live = view(DType::Float, &[2], &bytes);
        let other = TensorView { name: "z", ..live };
        assert!(agree(&[live, other], &[other, live]), "the order of outputs does not matter");
        assert!(!agree(&[live], &[other]) && !agree(&[live], &[live, other]) && !agree(&[live, other], &[live]));
        assert!(!agree(&[live], &[view(DType::Float, &[2, 1], &bytes)]), "another shape");
        assert!(!agree(&[live], &[view(DType::Double, &[1], &bytes)]), "another type");
        assert!(agree(&[], &[]));
    }
}
