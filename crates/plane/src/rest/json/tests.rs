use std::ffi::CString;

use proptest::prelude::*;

use super::*;

fn number(text: &str) -> Result<Number, (Problem, usize)> {
    let mut scanner = Scanner::new(text.as_bytes());
    let number = scanner.number().map_err(|syntax| (syntax.problem, syntax.offset))?;
    assert_eq!(scanner.position(), text.len(), "{text}");
    Ok(number)
}

fn f32_text(value: f32) -> String {
    let mut out = Vec::new();
    write_f32(&mut out, value);
    String::from_utf8(out).unwrap()
}

fn f64_text(value: f64) -> String {
    let mut out = Vec::new();
    write_f64(&mut out, value);
    String::from_utf8(out).unwrap()
}

/// C's own `%.<precision>g`: the judge of the digits and of the notation.
fn printf_g(precision: usize, value: f64) -> String {
    let format = CString::new(format!("%.{precision}g")).unwrap();
    let mut buffer = [0u8; 64];
    // SAFETY: the format takes one double, and the buffer's length is given.
    let length = unsafe { libc::snprintf(buffer.as_mut_ptr().cast(), buffer.len(), format.as_ptr(), value) };
    String::from_utf8(buffer[..length as usize].to_vec()).unwrap()
}

/// What TensorFlow Serving does, step by step.
fn expected_text(value: f64, digits: usize, reads_back: impl Fn(&str) -> bool) -> String {
    let short = printf_g(6, value);
    let text = if reads_back(&short) { short } else { printf_g(digits, value) };
    if text.contains(['.', 'e']) {
        text
    } else {
        text + ".0"
    }
}

fn expected_f32(value: f32) -> String {
    expected_text(f64::from(value), 9, |text| text.parse() == Ok(value))
}

fn expected_f64(value: f64) -> String {
    expected_text(value, 17, |text| text.parse() == Ok(value))
}

#[test]
fn floats_are_written_like_tensorflow_serving_writes_them() {
    let cases: [(f32, &str); 19] = [
        (9_000_000.0, "9e+06"),
        (999_999.0, "999999.0"),
        (1_000_000.0, "1e+06"),
        (0.5, "0.5"),
        (0.0003, "0.0003"),
        (0.00003, "3e-05"),
        (555_557.5, "555557.5"),
        (16_777_216.0, "16777216.0"),
        (0.2, "0.2"),
        (0.700_000_05, "0.700000048"),
        (1.0 / 3.0, "0.333333343"),
        (f32::MAX, "3.40282347e+38"),
        (f32::MIN_POSITIVE, "1.17549435e-38"),
        (f32::from_bits(1), "1.4013e-45"),
        (-2.5, "-2.5"),
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (f32::INFINITY, "Infinity"),
        (f32::NEG_INFINITY, "-Infinity"),
    ];
    for (value, text) in cases {
        assert_eq!(f32_text(value), text);
    }
    assert_eq!(f32_text(f32::NAN), "NaN");
    assert_eq!(f64_text(-f64::NAN), "NaN");
    assert_eq!(f64_text(0.1 + 0.2), "0.30000000000000004");
    assert_eq!(f64_text(123_456_789.0), "123456789.0");
    assert_eq!(f64_text(f64::MAX), "1.7976931348623157e+308");
    assert_eq!(f64_text(5e-324), "4.94066e-324");
}

#[test]
fn floats_at_the_edges_are_written_like_c_writes_them() {
    for exponent in 0..255u32 {
        for mantissa in [0, 1, 2, 0x3F_FFFF, 0x40_0000, 0x7F_FFFE, 0x7F_FFFF] {
            let value = f32::from_bits(exponent << 23 | mantissa);
            if value != 0.0 {
                assert_eq!(f32_text(value), expected_f32(value), "{value:e}");
            }
        }
    }
    for exponent in 0..2047u64 {
        for mantissa in [0, 1, (1 << 51) - 1, 1 << 51, (1 << 52) - 1] {
            let value = f64::from_bits(exponent << 52 | mantissa);
            if value != 0.0 {
                assert_eq!(f64_text(value), expected_f64(value), "{value:e}");
            }
        }
    }
    for exponent in -45..39 {
        for digits in [1, 9, 10, 99, 123_456, 999_999, 9_999_995] {
            let value: f32 = format!("{digits}e{exponent}").parse().unwrap();
            if value != 0.0 && value.is_finite() {
                assert_eq!(f32_text(value), expected_f32(value), "{value:e}");
            }
        }
    }
}

#[test]
fn numbers_are_classified_like_rapidjson_does() {
    let cases = [
        ("0", Number::Unsigned(0)),
        ("-0", Number::Unsigned(0)),
        ("17", Number::Unsigned(17)),
        ("-17", Number::Negative(-17)),
        ("9223372036854775808", Number::Unsigned(1 << 63)),
        ("18446744073709551615", Number::Unsigned(u64::MAX)),
        ("18446744073709551616", Number::Double(18446744073709551616.0)),
        ("-9223372036854775808", Number::Negative(i64::MIN)),
        ("-9223372036854775809", Number::Double(-9223372036854775809.0)),
        ("1.0", Number::Double(1.0)),
        ("1e2", Number::Double(100.0)),
        ("1E+2", Number::Double(100.0)),
        ("-0.5e-1", Number::Double(-0.05)),
        ("0.000000000000000000000000012345", Number::Double(1.2345e-26)),
        ("123456789012345678901234567890", Number::Double(123456789012345678901234567890.0)),
        ("1e-400", Number::Double(0.0)),
        ("0e99999999999999999999", Number::Double(0.0)),
        ("Inf", Number::Double(f64::INFINITY)),
        ("-Infinity", Number::Double(f64::NEG_INFINITY)),
    ];
    for (text, expected) in cases {
        assert_eq!(number(text), Ok(expected), "{text}");
    }
    assert!(matches!(number("NaN"), Ok(Number::Double(value)) if value.is_nan()));
}

#[test]
fn broken_numbers_are_refused_where_they_break() {
    let cases = [
        ("", Problem::Value, 0),
        ("-", Problem::Value, 1),
        ("x", Problem::Value, 0),
        ("1.", Problem::MissingFraction, 2),
        (".5", Problem::Value, 0),
        ("1e", Problem::MissingExponent, 2),
        ("1e+x", Problem::MissingExponent, 3),
        ("Nan", Problem::Value, 2),
        ("Infinit", Problem::Value, 7),
        ("1e309", Problem::NumberTooBig, 0),
        ("-1e999999999999999", Problem::NumberTooBig, 0),
    ];
    for (text, problem, offset) in cases {
        assert_eq!(Scanner::new(text.as_bytes()).number(), Err(Syntax { problem, offset }), "{text}");
    }
}

#[test]
fn a_float_near_the_middle_of_two_is_the_nearest_double_cast() {
    // The last one has more digits than 64 bits hold.
    for text in ["16777217", "16777217.000000001", "1.00000005960464477539", "1.000000059604644775390625000000001"] {
        let expected = text.parse::<f64>().unwrap() as f32;
        assert_eq!(Scanner::new(text.as_bytes()).read_f32(), Ok(expected), "{text}");
    }
}

#[test]
fn strings_are_unescaped() {
    let cases: [(&str, &[u8]); 6] = [
        (r#""""#, b""),
        (r#""plain""#, b"plain"),
        (r#""\"\\\/\b\f\n\r\t""#, b"\"\\/\x08\x0C\n\r\t"),
        (r#""\u0041\u00e9\u20AC""#, "Aé€".as_bytes()),
        (
            r#""\ud83d\ude00 and more text that is longer than one block""#,
            "😀 and more text that is longer than one block".as_bytes(),
        ),
        ("\"é\"", "é".as_bytes()),
    ];
    for (text, expected) in cases {
        let mut scanner = Scanner::new(text.as_bytes());
        assert_eq!(&*scanner.string().unwrap(), expected, "{text}");
        assert_eq!(scanner.position(), text.len());
    }
}

fn first_problem(text: &str) -> Result<usize, String> {
    let mut scanner = Scanner::new(text.as_bytes());
    validate(&mut scanner).map_err(|syntax| crate::status::Status::from(syntax).message)?;
    Ok(scanner.position())
}

#[test]
fn a_document_is_checked_in_rapidjsons_words() {
    let cases = [
        ("  ", "The document is empty. at offset: 2"),
        ("}", "The document is empty. at offset: 0"),
        ("instances = [1, 2]", "Invalid value. at offset: 0"),
        ("[1,]", "Invalid value. at offset: 3"),
        ("[,1]", "Invalid value. at offset: 1"),
        ("[1 2]", "Missing a comma or ']' after an array element. at offset: 3"),
        ("[1}", "Missing a comma or ']' after an array element. at offset: 2"),
        ("[01]", "Missing a comma or ']' after an array element. at offset: 2"),
        ("[1", "Missing a comma or ']' after an array element. at offset: 2"),
        ("{", "Missing a name for object member. at offset: 1"),
        ("{1:2}", "Missing a name for object member. at offset: 1"),
        (r#"{"a":1,}"#, "Missing a name for object member. at offset: 7"),
        (r#"{"a" 1}"#, "Missing a colon after a name of object member. at offset: 5"),
        (r#"{"a":}"#, "Invalid value. at offset: 5"),
        (r#"{"a":1 "b":2}"#, "Missing a comma or '}' after an object member. at offset: 7"),
        (r#"{"a":[{}]]"#, "Missing a comma or '}' after an object member. at offset: 9"),
        (r#"["\x"]"#, "Invalid escape character in string. at offset: 2"),
        (r#"["\u12g4"]"#, "Incorrect hex digit after \\u escape in string. at offset: 2"),
        (r#"["\ud800x"]"#, "The surrogate pair in string is invalid. at offset: 2"),
        (r#"["\ud800\u0041"]"#, "The surrogate pair in string is invalid. at offset: 2"),
        (r#"["\udc00"]"#, "The surrogate pair in string is invalid. at offset: 2"),
        ("[\"a", "Missing a closing quotation mark in string. at offset: 3"),
        ("[\"a\nb\"]", "Invalid encoding in string. at offset: 3"),
        ("[1e999]", "Number too big to be stored in double. at offset: 1"),
        ("[1.]", "Miss fraction part in number. at offset: 3"),
        ("[1e]", "Miss exponent in number. at offset: 3"),
        ("[tru]", "Invalid value. at offset: 4"),
        ("[nul", "Invalid value. at offset: 4"),
        ("[1\0]", "Missing a comma or ']' after an array element. at offset: 2"),
    ];
    for (text, message) in cases {
        assert_eq!(first_problem(text), Err(format!("JSON Parse error: {message}")), "{text}");
    }
    for text in
        ["{}", "[]", " [ ] ", "[[], {}, [{}]]", r#"{"a": {"b": [null, true, false, -1.5e3, "x", NaN, -Inf]}} trailing"#]
    {
        assert!(first_problem(text).is_ok(), "{text}");
    }
    assert_eq!(first_problem(r#" {"a": 1} }"#), Ok(9));
}

#[test]
fn deep_nesting_needs_no_stack() {
    let depth = 1_000_000;
    let closed = "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(first_problem(&closed), Ok(2 * depth));
    assert!(first_problem(&"[{\"a\":".repeat(depth)).is_err());
    assert!(show(closed.as_bytes()).len() < 20_000);
}

#[test]
fn members_are_found_whatever_their_values_are() {
    let body = br#" {"a" : [1, "]", {"b": "\"}"}] , "\u0062":"x" , "c":1 } ignored"#;
    let found = members(body).unwrap();
    let texts: Vec<(&[u8], &[u8])> =
        found.iter().map(|member| (&*member.name, &body[member.start..member.end])).collect();
    let expected: [(&[u8], &[u8]); 3] = [(b"a", br#"[1, "]", {"b": "\"}"}]"#), (b"b", br#""x""#), (b"c", b"1")];
    assert_eq!(texts, expected);
}

#[test]
fn a_value_in_a_message_is_laid_out_like_tensorflow_serving_does() {
    let cases = [
        ("1.0", "1.0"),
        ("1e39", "1e+39"),
        ("0.1", "0.1"),
        ("12", "12"),
        ("-3", "-3"),
        ("NaN", "NaN"),
        (r#""a\n\u00e9""#, r#""a\né""#),
        ("[]", "[]"),
        ("{}", "{}"),
        ("null, and what follows", "null"),
        ("[1,2.50,true]", "[\n    1,\n    2.5,\n    true\n]"),
        (r#"{"a":{"b":[1e30,1e-7,1e21,1e20,0.000001,-0.0]}}"#,
         "{\n    \"a\": {\n        \"b\": [\n            1e30,\n            1e-7,\n            1e21,\n            100000000000000000000.0,\n            0.000001,\n            -0.0\n        ]\n    }\n}"),
        ("[1, oops]", "[\n    1"),
    ];
    for (text, expected) in cases {
        assert_eq!(show(text.as_bytes()), expected, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_float_is_written_like_c_writes_it_and_reads_back(bits in any::<u32>()) {
        let value = f32::from_bits(bits);
        prop_assume!(value.is_finite() && value != 0.0);
        let text = f32_text(value);
        prop_assert_eq!(&text, &expected_f32(value));
        prop_assert_eq!(Scanner::new(text.as_bytes()).read_f32(), Ok(value));
    }

    #[test]
    fn usual_floats_are_written_like_c_writes_them(value in -1000f32..1000.0, scale in -8i32..8) {
        let value = value * 10f32.powi(scale);
        prop_assume!(value != 0.0);
        prop_assert_eq!(f32_text(value), expected_f32(value));
    }

    #[test]
    fn any_double_is_written_like_c_writes_it_and_reads_back(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite() && value != 0.0);
        let text = f64_text(value);
        prop_assert_eq!(&text, &expected_f64(value));
        prop_assert_eq!(Scanner::new(text.as_bytes()).read_f64(), Ok(value));
    }

    #[test]
    fn usual_doubles_are_written_like_c_writes_them(value in -1000f64..1000.0, scale in -8i32..14) {
        let value = value * 10f64.powi(scale);
        prop_assume!(value != 0.0);
        prop_assert_eq!(f64_text(value), expected_f64(value));
    }

    #[test]
    fn short_decimals_are_written_as_they_are_read(digits in 1u32..999_999, exponent in -40i32..32) {
        let value: f32 = format!("{digits}e{exponent}").parse().unwrap();
        prop_assert_eq!(f32_text(value), expected_f32(value));
    }

    #[test]
    fn any_decimal_text_reads_as_the_standard_library_reads_it(
        text in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][-+]?[0-9]{1,2})?"
    ) {
        let expected: f64 = text.parse().unwrap();
        prop_assert_eq!(Scanner::new(text.as_bytes()).read_f64(), Ok(expected));
        prop_assert_eq!(Scanner::new(text.as_bytes()).read_f32(), Ok(expected as f32));
    }

    #[test]
    fn integers_round_trip(value in any::<i64>()) {
        let mut out = Vec::new();
        write_i64(&mut out, value);
        let text = String::from_utf8(out).unwrap();
        prop_assert_eq!(&text, &value.to_string());
        prop_assert_eq!(number(&text).unwrap().as_i64(), Some(value));
    }

    #[test]
    fn any_string_round_trips(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut out = Vec::new();
        Writer::new(&mut out).string(&bytes);
        let mut scanner = Scanner::new(&out);
        let read = scanner.string().unwrap();
        prop_assert_eq!(&*read, &bytes[..]);
        prop_assert_eq!(scanner.position(), out.len());
    }
}
