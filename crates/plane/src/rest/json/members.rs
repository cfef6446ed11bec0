//! The top level of a request's body: which members it has and where their values are.

use std::borrow::Cow;

use super::printer::show;
use super::scanner::{read_member_name, Kind, Scanner};
use super::syntax::{Problem, Syntax};
use super::validate::validate;
use crate::status::Status;

/// A member of the top-level object; its value was only skipped, not checked.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// Its name, unescaped.
    pub name: Cow<'a, [u8]>,
    /// Where its value starts.
    pub start: usize,
    /// Where its value ends.
    pub end: usize,
}

/// Why a body has no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The text is not JSON.
    Syntax(Syntax),
    /// The text is JSON, but not a request that can be answered.
    Refused(Status),
}

impl From<Syntax> for Failure {
    fn from(syntax: Syntax) -> Failure {
        Failure::Syntax(syntax)
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        Failure::Refused(status)
    }
}

impl Failure {
    /// The status for the client: the first syntax error anywhere in `body` comes before everything else.
    pub fn into_status(self, body: &[u8]) -> Status {
        if body.is_empty() {
            return Status::invalid_argument("JSON Parse error: The document is empty");
        }
        match (validate(&mut document(body)), self) {
            (Err(first), _) | (Ok(()), Failure::Syntax(first)) => first.into(),
            (Ok(()), Failure::Refused(status)) => status,
        }
    }
}

/// The members of the object that `body` is, in their order; what follows the object is ignored.
pub fn members(body: &[u8]) -> Result<Vec<Member<'_>>, Failure> {
    let mut scanner = document(body);
    scanner.skip_whitespace();
    if scanner.kind() != Kind::Object {
        return Err(not_an_object(&scanner));
    }
    let mut object = Object::open(&mut scanner);
    let mut members = Vec::new();
    while let Some(name) = object.next_name(&mut scanner)? {
        let start = scanner.position();
        if !scanner.skip_unchecked() {
            return Err(scanner.problem(Problem::MissingCommaInObject).into());
        }
        members.push(Member { name, start, end: scanner.position() });
    }
    Ok(members)
}

/// An object whose members are read one after another.
#[derive(Debug)]
pub struct Object {
    is_first: bool,
}

impl Object {
    /// Goes over the brace at the cursor.
    pub fn open(scanner: &mut Scanner<'_>) -> Object {
        debug_assert_eq!(scanner.peek(), b'{');
        scanner.advance(1);
        Object { is_first: true }
    }

    /// Goes to the next member's value; the answer is its name, or `None` when the object has ended.
    pub fn next_name<'a>(&mut self, scanner: &mut Scanner<'a>) -> Result<Option<Cow<'a, [u8]>>, Syntax> {
        scanner.skip_whitespace();
        if scanner.take(b'}') {
            return Ok(None);
        }
        if !std::mem::take(&mut self.is_first) && !scanner.take(b',') {
            return Err(scanner.problem(Problem::MissingCommaInObject));
        }
        let name = read_member_name(scanner)?;
        scanner.skip_whitespace();
        Ok(Some(name))
    }
}

/// At the start of the document, after a byte order mark.
pub fn document(body: &[u8]) -> Scanner<'_> {
    let mut scanner = Scanner::new(body);
    if body.starts_with(b"\xEF\xBB\xBF") {
        scanner.advance(3);
    }
    scanner
}

fn not_an_object(scanner: &Scanner<'_>) -> Failure {
    if scanner.peek() == 0 {
        return scanner.problem(Problem::Empty).into();
    }
    Status::invalid_argument(format!("JSON Value: {} Is not object", show(scanner.rest()))).into()
}
