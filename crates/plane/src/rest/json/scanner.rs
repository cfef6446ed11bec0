//! A cursor over a JSON text: strings, literals and the fast way over a value that is read later.
//!
//! Reading past the end gives the byte 0, which no JSON text contains, so that few places need to ask for the end.

use std::borrow::Cow;

use super::syntax::{Problem, Syntax};

/// What kind of value starts at a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The names are JSON's own.
pub enum Kind {
    Null,
    False,
    True,
    Object,
    Array,
    String,
    Number,
}

impl Kind {
    /// The name that TensorFlow Serving's messages have for it.
    ///
    /// Source: tensorflow_serving/util/json_tensor.cc, JsonTypeString.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Null => "Null",
            Kind::False => "False",
            Kind::True => "True",
            Kind::Object => "Object",
            Kind::Array => "Array",
            Kind::String => "String",
            Kind::Number => "Number",
        }
    }
}

/// A position in a JSON text.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// At the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Scanner<'a> {
        Scanner { bytes, at: 0 }
    }

    /// The next byte, 0 at the end.
    #[inline]
    pub fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// Bytes before the next one.
    #[inline]
    pub fn position(&self) -> usize {
        self.at
    }

    /// Goes to a position that [`Scanner::position`] gave.
    #[inline]
    pub fn seek(&mut self, position: usize) {
        self.at = position;
    }

    /// Everything from the next byte on.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// The text between two positions.
    #[inline]
    pub fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        &self.bytes[start..end]
    }

    /// Goes on by `count` bytes, all of which were peeked.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        self.at += count;
    }

    /// Takes the next byte if it is `expected`, which is not 0.
    #[inline]
    pub fn take(&mut self, expected: u8) -> bool {
        let found = self.peek() == expected;
        self.at += usize::from(found);
        found
    }

    /// Goes on to the next byte that is not white space.
    #[inline]
    pub fn skip_whitespace(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// Goes from the end of one list of numbers to the first number of the list after it; else the cursor stays.
    #[inline]
    pub fn next_list(&mut self) -> bool {
        let start = self.at;
        for expected in *b"],[" {
            self.skip_whitespace();
            if !self.take(expected) {
                self.at = start;
                return false;
            }
        }
        self.skip_whitespace();
        let is_number = matches!(self.peek(), b'0'..=b'9' | b'-');
        if !is_number {
            self.at = start;
        }
        is_number
    }

    /// The problem, here.
    pub fn problem(&self, problem: Problem) -> Syntax {
        Syntax { problem, offset: self.at }
    }

    /// What kind of value the next byte starts; any byte that starts nothing else counts as a number, whose parser refuses it.
    #[inline]
    pub fn kind(&self) -> Kind {
        match self.peek() {
            b'n' => Kind::Null,
            b'f' => Kind::False,
            b't' => Kind::True,
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::String,
            _ => Kind::Number,
        }
    }

    /// Reads `text`; the error is at the first byte that differs.
    pub fn expect_rest(&mut self, text: &[u8]) -> Result<(), Syntax> {
        for expected in text {
            if !self.take(*expected) {
                return Err(self.problem(Problem::Value));
            }
        }
        Ok(())
    }

    /// Reads `true` or `false`.
    pub fn boolean(&mut self) -> Result<bool, Syntax> {
        let value = self.peek() == b't';
        self.expect_rest(if value { b"true" } else { b"false" })?;
        Ok(value)
    }

    /// Reads a string; its bytes are borrowed where it has no escapes. They are UTF-8 only if the client's text was.
    pub fn string(&mut self) -> Result<Cow<'a, [u8]>, Syntax> {
        debug_assert_eq!(self.peek(), b'"');
        self.at += 1;
        let start = self.at;
        self.skip_plain();
        if self.take(b'"') {
            return Ok(Cow::Borrowed(&self.bytes[start..self.at - 1]));
        }
        self.escaped(self.bytes[start..self.at].to_vec()).map(Cow::Owned)
    }

    /// Goes on to the next quotation mark, backslash or control character of a string.
    #[inline]
    fn skip_plain(&mut self) {
        self.skip_until(|byte| (byte == b'"') | (byte == b'\\') | (byte < 0x20));
    }

    fn escaped(&mut self, mut decoded: Vec<u8>) -> Result<Vec<u8>, Syntax> {
        loop {
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Ok(decoded);
                }
                b'\\' => self.escape(&mut decoded)?,
                0 => return Err(self.problem(Problem::MissingQuote)),
                _ => return Err(self.problem(Problem::Encoding)),
            }
            let start = self.at;
            self.skip_plain();
            decoded.extend_from_slice(&self.bytes[start..self.at]);
        }
    }

    fn escape(&mut self, decoded: &mut Vec<u8>) -> Result<(), Syntax> {
        let offset = self.at;
        self.at += 1;
        let byte = match self.peek() {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 0x08,
            b'f' => 0x0C,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                self.at += 1;
                let character = self.unicode(offset)?;
                decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(Syntax { problem: Problem::Escape, offset }),
        };
        decoded.push(byte);
        self.at += 1;
        Ok(())
    }

    /// Reads what follows `\u`, and the second half of a surrogate pair with it.
    fn unicode(&mut self, offset: usize) -> Result<char, Syntax> {
        let broken = Syntax { problem: Problem::Surrogate, offset };
        let first = self.hex(offset)?;
        if !(0xD800..0xE000).contains(&first) {
            return char::from_u32(first).ok_or(broken);
        }
        if first >= 0xDC00 || !(self.take(b'\\') && self.take(b'u')) {
            return Err(broken);
        }
        let second = self.hex(offset)?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(broken);
        }
        char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or(broken)
    }

    fn hex(&mut self, offset: usize) -> Result<u32, Syntax> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = char::from(self.peek()).to_digit(16).ok_or(Syntax { problem: Problem::UnicodeHex, offset })?;
            value = value * 16 + digit;
            self.at += 1;
        }
        Ok(value)
    }

    /// Goes over a value without checking it: only brackets and strings are told apart. False when the text ends first.
    ///
    /// Cost: about a byte per cycle; whoever reads the value later checks it.
    pub fn skip_unchecked(&mut self) -> bool {
        match self.kind() {
            Kind::Object | Kind::Array => self.skip_container(),
            Kind::String => self.skip_string(),
            _ => {
                let end = self
                    .rest()
                    .iter()
                    .position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'));
                self.at = end.map_or(self.bytes.len(), |count| self.at + count);
                end.is_some()
            }
        }
    }

    fn skip_string(&mut self) -> bool {
        self.at += 1;
        loop {
            self.skip_until(|byte| (byte == b'"') | (byte == b'\\'));
            if self.take(b'"') {
                return true;
            }
            if self.rest().len() < 2 {
                return false;
            }
            self.at += 2;
        }
    }

    fn skip_container(&mut self) -> bool {
        let mut depth = 0usize;
        loop {
            self.skip_insignificant();
            match self.peek() {
                b'"' => {
                    if !self.skip_string() {
                        return false;
                    }
                    continue;
                }
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                _ => return false,
            }
            self.at += 1;
            if depth == 0 {
                return true;
            }
        }
    }

    /// Goes on to the next bracket, brace or quotation mark.
    #[inline]
    fn skip_insignificant(&mut self) {
        // Upper and lower case of brackets and braces differ in one bit.
        self.skip_until(|byte| ((byte | 0x20) == b'{') | ((byte | 0x20) == b'}') | (byte == b'"'));
    }

    /// Goes on to the next byte that `stops`, or the end, in blocks that the compiler turns into vector instructions.
    #[inline]
    fn skip_until(&mut self, stops: impl Fn(u8) -> bool) {
        const NEAR: usize = 16;
        const BLOCK: usize = 32;
        if let Some(count) = self.rest().iter().take(NEAR).position(|byte| stops(*byte)) {
            self.at += count;
            return;
        }
        while let Some(block) = self.rest().first_chunk::<BLOCK>() {
            if block.iter().fold(false, |any, byte| any | stops(*byte)) {
                break;
            }
            self.at += BLOCK;
        }
        let count = self.rest().iter().position(|byte| stops(*byte));
        self.at = count.map_or(self.bytes.len(), |count| self.at + count);
    }
}

/// Reads the name of an object's member and the colon after it.
pub fn read_member_name<'a>(scanner: &mut Scanner<'a>) -> Result<Cow<'a, [u8]>, Syntax> {
    scanner.skip_whitespace();
    if scanner.peek() != b'"' {
        return Err(scanner.problem(Problem::MissingName));
    }
    let name = scanner.string()?;
    scanner.skip_whitespace();
    if !scanner.take(b':') {
        return Err(scanner.problem(Problem::MissingColon));
    }
    Ok(name)
}
