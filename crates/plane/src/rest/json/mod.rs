//! JSON as the REST interface needs it: values read straight from the text, text written straight from values.
//!
//! No tree of a document is ever built. [`members`] finds where the values of the top-level members are; their readers check
//! them as they go; [`validate`] names the first syntax error once something was wrong; [`printer`] quotes a value in an
//! error message; [`writer`] lays a reply out like TensorFlow Serving does.

mod decimal;
mod members;
mod number;
mod plain_number;
mod printer;
mod scanner;
mod syntax;
mod validate;
mod writer;

pub use decimal::{write_f32, write_f64, write_i64, write_u64};
pub use members::{document, members, Failure, Member, Object};
pub use number::Number;
pub use printer::show;
pub use scanner::{read_member_name, Kind, Scanner};
pub use syntax::{Problem, Syntax};
pub use validate::validate;
pub use writer::Writer;

#[cfg(test)]
mod tests;
