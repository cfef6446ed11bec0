//! Any body of `:classify` and `:regress`: serialized examples or a status, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seaway_plane::rest::example::parse_examples;

fuzz_target!(|body: &[u8]| {
    if let Ok(parsed) = parse_examples(body) {
        assert!(!parsed.examples.is_empty());
    }
});
