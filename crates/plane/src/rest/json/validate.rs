//! The whole document, checked: what is wrong with it first, and where.
//!
//! Requests that are answered never come here: their values are checked while they are read. It is asked once something
//! was wrong, so that a syntax error anywhere in the document comes before everything else, as from TensorFlow Serving.

use super::scanner::{Kind, Scanner};
use super::syntax::{Problem, Syntax};

/// What is open around the cursor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Object,
    Array,
}

/// Checks the document that starts at the cursor, and goes past it; what follows is ignored.
///
/// Cost: one byte of memory for each level of nesting, no recursion.
pub fn validate(scanner: &mut Scanner<'_>) -> Result<(), Syntax> {
    scanner.skip_whitespace();
    if matches!(scanner.peek(), 0 | b']' | b'}' | b',' | b':') {
        return Err(scanner.problem(Problem::Empty));
    }
    let mut open = Vec::new();
    loop {
        if !enter(scanner, &mut open)? {
            continue;
        }
        loop {
            let Some(container) = open.last().copied() else { return Ok(()) };
            scanner.skip_whitespace();
            match (container, scanner.peek()) {
                (Container::Array, b',') => {
                    scanner.advance(1);
                    break;
                }
                (Container::Object, b',') => {
                    scanner.advance(1);
                    name(scanner)?;
                    break;
                }
                (Container::Array, b']') | (Container::Object, b'}') => {
                    scanner.advance(1);
                    open.pop();
                }
                (Container::Array, _) => return Err(scanner.problem(Problem::MissingCommaInArray)),
                (Container::Object, _) => return Err(scanner.problem(Problem::MissingCommaInObject)),
            }
        }
    }
}

/// Starts a value; true when it is complete, false when it is a container whose first value is next.
fn enter(scanner: &mut Scanner<'_>, open: &mut Vec<Container>) -> Result<bool, Syntax> {
    scanner.skip_whitespace();
    match scanner.kind() {
        Kind::Object => {
            scanner.advance(1);
            scanner.skip_whitespace();
            if scanner.take(b'}') {
                return Ok(true);
            }
            name(scanner)?;
            open.push(Container::Object);
            Ok(false)
        }
        Kind::Array => {
            scanner.advance(1);
            scanner.skip_whitespace();
            if scanner.take(b']') {
                return Ok(true);
            }
            open.push(Container::Array);
            Ok(false)
        }
        _ => scalar(scanner).map(|()| true),
    }
}

/// Reads a member's name and the colon after it.
fn name(scanner: &mut Scanner<'_>) -> Result<(), Syntax> {
    scanner.skip_whitespace();
    if scanner.peek() != b'"' {
        return Err(scanner.problem(Problem::MissingName));
    }
    scanner.string()?;
    scanner.skip_whitespace();
    if !scanner.take(b':') {
        return Err(scanner.problem(Problem::MissingColon));
    }
    Ok(())
}

fn scalar(scanner: &mut Scanner<'_>) -> Result<(), Syntax> {
    match scanner.kind() {
        Kind::Null => scanner.expect_rest(b"null"),
        Kind::True | Kind::False => scanner.boolean().map(|_| ()),
        Kind::String => scanner.string().map(|_| ()),
        _ => scanner.number().map(|_| ()),
    }
}
