//! What can be wrong with a JSON text, in the words of the parser that TensorFlow Serving uses: clients match on them.
//!
//! Source: rapidjson, error/en.h (texts) and reader.h, HandleError of the iterative parser (which text in which state).

use crate::status::Status;

/// The kinds of syntax errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Nothing but white space.
    Empty,
    /// No value can start here, or a literal is misspelt.
    Value,
    /// A member must start with its name.
    MissingName,
    /// No colon follows a name.
    MissingColon,
    /// Neither a comma nor the end follows a member.
    MissingCommaInObject,
    /// Neither a comma nor the end follows an element.
    MissingCommaInArray,
    /// `\u` without four hexadecimal digits.
    UnicodeHex,
    /// Half of a surrogate pair.
    Surrogate,
    /// A backslash before a character that has no escape.
    Escape,
    /// The text ends inside a string.
    MissingQuote,
    /// A control character inside a string.
    Encoding,
    /// A number beyond the range of a double.
    NumberTooBig,
    /// No digit follows the decimal point.
    MissingFraction,
    /// No digit follows the exponent's `e`.
    MissingExponent,
}

/// A syntax error and where it is, in bytes from the start of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// What is wrong.
    pub problem: Problem,
    /// Where.
    pub offset: usize,
}

impl Problem {
    fn text(self) -> &'static str {
        match self {
            Problem::Empty => "The document is empty.",
            Problem::Value => "Invalid value.",
            Problem::MissingName => "Missing a name for object member.",
            Problem::MissingColon => "Missing a colon after a name of object member.",
            Problem::MissingCommaInObject => "Missing a comma or '}' after an object member.",
            Problem::MissingCommaInArray => "Missing a comma or ']' after an array element.",
            Problem::UnicodeHex => "Incorrect hex digit after \\u escape in string.",
            Problem::Surrogate => "The surrogate pair in string is invalid.",
            Problem::Escape => "Invalid escape character in string.",
            Problem::MissingQuote => "Missing a closing quotation mark in string.",
            Problem::Encoding => "Invalid encoding in string.",
            Problem::NumberTooBig => "Number too big to be stored in double.",
            Problem::MissingFraction => "Miss fraction part in number.",
            Problem::MissingExponent => "Miss exponent in number.",
        }
    }
}

impl From<Syntax> for Status {
    fn from(syntax: Syntax) -> Status {
        Status::invalid_argument(format!("JSON Parse error: {} at offset: {}", syntax.problem.text(), syntax.offset))
    }
}
