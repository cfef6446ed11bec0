//! A JSON value, nested lists of one shape, straight into the elements of a tensor.
//!
//! The first path down to a value or an empty list fixes the rank; every list's size is fixed by the first list at its level.
//!
//! Source: tensorflow_serving/util/json_tensor.cc, GetDenseTensorShape and FillTensorProto. There a list's size is looked at
//! before its elements, here after them: of two faults in one list, the message may name the other one.

use smallvec::SmallVec;

use super::elements::{Elements, Place, Run};
use super::json::{show, Failure, Kind, Problem, Scanner};
use crate::status::Status;
use crate::tensor::Shape;

/// TensorFlow's largest rank.
const MAX_RANK: usize = 254;

/// The shape of a value while it is read: complete once the value is.
struct Lists {
    shape: Shape,
    /// Whether a list at this level was closed, so that its size is known.
    known: SmallVec<[bool; 8]>,
    /// Elements so far of the lists that are open.
    open: SmallVec<[i64; 8]>,
    rank: Option<usize>,
}

/// Appends the value at the cursor to `elements`; the answer is its shape.
pub fn read_dense(scanner: &mut Scanner<'_>, elements: &mut Elements) -> Result<Shape, Failure> {
    let mut lists = Lists { shape: Shape::new(), known: SmallVec::new(), open: SmallVec::new(), rank: None };
    loop {
        scanner.skip_whitespace();
        if scanner.peek() == b'[' {
            lists.open(scanner)?;
            scanner.skip_whitespace();
            if scanner.peek() != b']' {
                continue;
            }
            // An empty list ends the first path, like a value in its place would one level below.
            lists.rank.get_or_insert(lists.open.len());
        } else {
            lists.check_level(scanner)?;
            let run = elements.read_run(scanner, lists.place())?;
            lists.note(run);
        }
        if lists.close(scanner)? {
            return Ok(lists.shape);
        }
    }
}

impl Lists {
    fn open(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Failure> {
        let level = self.open.len();
        if self.rank.is_some_and(|rank| level >= rank) {
            let rank = self.shape.len();
            return Err(refuse(format!("Encountered list at unexpected level: {level} expected < {rank}")));
        }
        if level == MAX_RANK {
            return Err(refuse(format!(
                "Encountered list at unexpected level: {level} expected < {MAX_RANK}, the largest rank of a tensor"
            )));
        }
        if self.rank.is_none() {
            self.shape.push(0);
            self.known.push(false);
        }
        self.open.push(0);
        scanner.advance(1);
        Ok(())
    }

    /// Where values at the cursor stand.
    fn place(&self) -> Place {
        let level = self.open.len();
        let inner = level > 1 && self.known[level - 1];
        Place { open: self.open.last().copied(), size: inner.then(|| self.shape[level - 1]) }
    }

    /// Counts what a run read.
    fn note(&mut self, run: Run) {
        if let [.., outer, _] = self.open.as_mut_slice() {
            *outer += run.closed;
        }
        if let Some(innermost) = self.open.last_mut() {
            *innermost = run.open;
        }
    }

    fn check_level(&mut self, scanner: &Scanner<'_>) -> Result<(), Failure> {
        let level = self.open.len();
        let rank = *self.rank.get_or_insert(level);
        if level == rank {
            return Ok(());
        }
        Err(refuse(format!(
            "JSON Value: {} found at incorrect level: {} in the JSON DOM. Expected at level: {rank}",
            show(scanner.rest()),
            level + 1
        )))
    }

    /// Closes the lists that end at the cursor; true when the whole value has ended.
    fn close(&mut self, scanner: &mut Scanner<'_>) -> Result<bool, Failure> {
        loop {
            let Some(count) = self.open.last().copied() else { return Ok(true) };
            scanner.skip_whitespace();
            match scanner.peek() {
                b',' if count > 0 => {
                    scanner.advance(1);
                    return Ok(false);
                }
                b']' => scanner.advance(1),
                _ => return Err(scanner.problem(Problem::MissingCommaInArray).into()),
            }
            self.open.pop();
            self.settle(count)?;
            if let Some(outer) = self.open.last_mut() {
                *outer += 1;
            }
        }
    }

    /// Compares a closed list's size with the first one's at its level.
    fn settle(&mut self, count: i64) -> Result<(), Failure> {
        let level = self.open.len();
        let expected = self.shape[level];
        if !self.known[level] {
            self.known[level] = true;
            self.shape[level] = count;
        } else if expected != count {
            return Err(refuse(format!(
                "Encountered list at unexpected size: {count} at level: {level} expected size: {expected}"
            )));
        }
        Ok(())
    }
}

/// Whether the value at the cursor is an object that stands for several named values, not for one binary value.
pub fn is_named_object(scanner: &Scanner<'_>) -> bool {
    scanner.kind() == Kind::Object && super::base64_text::read_base64_object(&mut scanner.clone()).is_none()
}

fn refuse(message: String) -> Failure {
    Status::invalid_argument(message).into()
}
