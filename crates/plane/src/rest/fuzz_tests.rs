//! A short, repeatable run over mutated bodies, which must give an answer or a status, never a panic.

use std::sync::Arc;
use std::time::{Duration, Instant};

use seaway_wire::DType;

use super::example::parse_examples;
use super::json::{show, validate, Scanner};
use super::predict::{parse_in_two_passes, parse_predict};
use crate::signature::{Signature, TensorInfo};
use crate::tensor::element_count;

/// How long each target runs: `SEAWAY_FUZZ_SECONDS`, which the Makefile sets, or two seconds.
fn fuzz_time() -> Duration {
    let set = std::env::var("SEAWAY_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs_f64(set.unwrap_or(2.0))
}

const SEEDS: &[&str] = &[
    r#"{"signature_name": "serving_default", "instances": [[1.0, 2.5e-3, -17], [0.1, NaN, -Infinity]]}"#,
    r#"{"instances": [{"a": [1, 2], "b": "text\u00e9\ud83d\ude00\n"}, {"b": {"b64": "aGVsbG8="}, "a": [3, 4]}]}"#,
    r#"{"inputs": {"a": [[[1], [2]], [[3], [4]]], "b": [true, false, null]}, "other": {"x": [{}]}}"#,
    r#"{"inputs": 123456789012345678901234567890.5e-10}"#,
    r#"{"instances": [[[0.1], [0.25]], [[0.5], [1]]], "signature_name": "s", "other": "0123456789012345678901234567890123456789"}"#,
    r#"{"inputs": {"a": [[1, 2, 3], [4, 5, 6], [7, 8, 9]]}, "other": "0123456789012345678901234567890123456789"}"#,
    r#"{"context": {"q": "x"}, "examples": [{"f": [1.5, 2], "g": {"b64": "aA"}, "h": [true, 9223372036854775807]}]}"#,
];

const TOKENS: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "\\",
    "\\u",
    "\\ud800",
    "null",
    "true",
    "NaN",
    "Infinity",
    "-",
    "0",
    "1e",
    "1e309",
    ".",
    "-0",
    "18446744073709551616",
    "\"b64\"",
    "\"instances\"",
    "\"inputs\"",
    "\"examples\"",
    "\0",
    "\u{FEFF}",
    " ",
    "[[[[",
];

/// xorshift64*: the same sequence in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides.max(1)
    }
}

fn mutate(body: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.roll(body.len() + 1);
    match dice.roll(6) {
        0 if at < body.len() => body[at] = dice.roll(256) as u8,
        1 if at < body.len() => drop(body.remove(at)),
        2 => body.truncate(at),
        3 => {
            let end = (at + dice.roll(12)).min(body.len());
            let copy = body[at..end].to_vec();
            let to = dice.roll(body.len() + 1);
            body.splice(to..to, copy);
        }
        _ => drop(body.splice(at..at, TOKENS[dice.roll(TOKENS.len())].bytes())),
    }
}

fn fuzz(seed: u64, target: impl Fn(&[u8])) {
    let mut dice = Dice(seed);
    let end = Instant::now() + fuzz_time();
    let mut runs = 0u64;
    while Instant::now() < end || runs == 0 {
        let mut body = SEEDS[dice.roll(SEEDS.len())].as_bytes().to_vec();
        for _ in 0..=dice.roll(8) {
            mutate(&mut body, &mut dice);
            target(&body);
            runs += 1;
        }
    }
}

fn signature(dtypes: &[DType]) -> Arc<Signature> {
    let inputs = dtypes.iter().zip(["a", "b"]);
    Arc::new(Signature {
        name: "s".into(),
        method_name: String::new(),
        inputs: inputs
            .map(|(dtype, alias)| TensorInfo { alias: alias.to_owned(), dtype: Ok(*dtype), shape: None })
            .collect(),
        outputs: Vec::new(),
        defaults: Default::default(),
    })
}

/// A body is refused as malformed exactly when it is.
fn check_against_the_validator(body: &[u8], error: Option<&str>) {
    let text = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let valid = validate(&mut Scanner::new(text)).is_ok();
    let refused = error.is_some_and(|message| message.starts_with("JSON Parse error"));
    assert_eq!(valid, !refused, "{:?}: {error:?}", String::from_utf8_lossy(body));
}

#[test]
fn fuzz_predict_bodies() {
    let signatures: Vec<Arc<Signature>> = DType::ALL
        .iter()
        .map(|dtype| signature(&[*dtype]))
        .chain([signature(&[DType::Int32, DType::String]), signature(&[DType::Float, DType::Bool])])
        .collect();
    fuzz(0x5EED_0001, |body| {
        let signature = &signatures[body.len() % signatures.len()];
        let parsed = parse_predict(body, |_| Ok(Arc::clone(signature)));
        let slowly = parse_in_two_passes(body, |_| Ok(Arc::clone(signature)));
        assert_eq!(parsed.as_ref().ok(), slowly.as_ref().ok(), "{:?}", String::from_utf8_lossy(body));
        check_against_the_validator(body, parsed.as_ref().err().map(|status| status.message.as_str()));
        for (alias, tensor) in parsed.map(|parsed| parsed.inputs).unwrap_or_default() {
            assert!(signature.input(&alias).is_some());
            assert!(element_count(tensor.shape()).unwrap() <= body.len());
        }
    });
}

#[test]
fn fuzz_example_bodies() {
    fuzz(0x5EED_0002, |body| {
        let parsed = parse_examples(body);
        check_against_the_validator(body, parsed.as_ref().err().map(|status| status.message.as_str()));
        assert!(show(body).len() <= 4 * 4096 + 4 * body.len());
    });
}
