//! The body of `:classify` and `:regress`: examples, as the serialized `tensorflow.Example` messages that the model parses itself.
//!
//! The messages are written field by field while the JSON is read. Booleans and integers become an int64 list, numbers with
//! a fraction or an exponent a float list, strings and base64 objects a bytes list; one feature has one kind.
//!
//! Source: tensorflow_serving/util/json_tensor.cc, FillClassifyRegressRequestFromJson; tensorflow/core/example/*.proto;
//! protobuf.dev, "Encoding".

use bytes::Bytes;

use super::base64_text::{decode_base64, read_base64_object};
use super::json::{members, show, Failure, Kind, Member, Number, Object, Problem, Scanner};
use super::predict::{check_others, find, signature_name};
use crate::status::{Result, Status};

/// A parsed body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExamplesBody {
    /// As the client wrote it; empty for the default one.
    pub signature_name: String,
    /// Serialized `tensorflow.Example` messages, one or more.
    pub examples: Vec<Bytes>,
    /// Features that all examples share, as one more message.
    pub context: Option<Bytes>,
}

/// Reads a body.
pub fn parse_examples(body: &[u8]) -> Result<ExamplesBody> {
    parse(body).map_err(|failure| failure.into_status(body))
}

fn parse(body: &[u8]) -> std::result::Result<ExamplesBody, Failure> {
    let members = members(body)?;
    let signature_name = signature_name(body, &members)?;
    let context = match find(&members, "context") {
        Some(member) => Some(whole(body, member, example)?),
        None => None,
    };
    let quoted = |message: &str| refuse(format!("JSON Value: {} {message}", show(body)));
    let Some(member) = find(&members, "examples") else {
        return Err(quoted("When method is classify, key 'examples' is expected and was not found"));
    };
    match body[member.start..].first() {
        Some(b'[') => {}
        _ => return Err(quoted("Expecting 'examples' value to be an list/array")),
    }
    check_others(body, &members, member)?;
    let examples = whole(body, member, examples)?;
    if examples.is_empty() {
        return Err(quoted("'examples' value is an empty array"));
    }
    Ok(ExamplesBody { signature_name, examples, context })
}

/// Reads a member's value, which must end where the member does.
fn whole<T>(
    body: &[u8],
    member: &Member<'_>,
    read: impl FnOnce(&mut Scanner<'_>) -> std::result::Result<T, Failure>,
) -> std::result::Result<T, Failure> {
    let mut scanner = Scanner::new(&body[..member.end]);
    scanner.seek(member.start);
    let value = read(&mut scanner)?;
    if scanner.position() != member.end {
        return Err(scanner.problem(Problem::MissingCommaInObject).into());
    }
    Ok(value)
}

fn examples(scanner: &mut Scanner<'_>) -> std::result::Result<Vec<Bytes>, Failure> {
    let mut examples = Vec::new();
    each_element(scanner, |scanner| {
        examples.push(example(scanner)?);
        Ok(())
    })?;
    Ok(examples)
}

/// Reads an object of features into a serialized `tensorflow.Example`.
fn example(scanner: &mut Scanner<'_>) -> std::result::Result<Bytes, Failure> {
    if scanner.kind() != Kind::Object {
        return Err(refuse(format!("Example must be JSON object but got JSON {}", scanner.kind().name())));
    }
    let mut object = Object::open(scanner);
    let mut features = Vec::new();
    while let Some(name) = object.next_name(scanner)? {
        let feature = feature(scanner, &String::from_utf8_lossy(&name))?;
        let mut entry = Vec::with_capacity(name.len() + feature.len() + 16);
        write_field(&mut entry, 1, &name);
        write_field(&mut entry, 2, &feature);
        write_field(&mut features, 1, &entry);
    }
    let mut example = Vec::with_capacity(features.len() + 16);
    if !features.is_empty() {
        write_field(&mut example, 1, &features);
    }
    Ok(example.into())
}

/// The kinds of features, with the field numbers that they have in `tensorflow.Feature`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FeatureKind {
    Bytes = 1,
    Float = 2,
    Int64 = 3,
}

impl FeatureKind {
    fn name(self) -> &'static str {
        match self {
            FeatureKind::Bytes => "bytes",
            FeatureKind::Float => "float",
            FeatureKind::Int64 => "int64",
        }
    }
}

/// The values of a feature so far: whole `value` fields for bytes, a packed field's content for numbers.
#[derive(Default)]
struct Values {
    kind: Option<FeatureKind>,
    encoded: Vec<u8>,
}

/// Reads one value, or a list of values of one kind, into a serialized `tensorflow.Feature`.
fn feature(scanner: &mut Scanner<'_>, name: &str) -> std::result::Result<Vec<u8>, Failure> {
    let mut values = Values::default();
    if scanner.kind() == Kind::Array {
        each_element(scanner, |scanner| values.read(scanner, name))?;
    } else {
        values.read(scanner, name)?;
    }
    let Some(kind) = values.kind else { return Ok(Vec::new()) };
    let list = match kind {
        FeatureKind::Bytes => values.encoded,
        FeatureKind::Float | FeatureKind::Int64 => {
            let mut list = Vec::with_capacity(values.encoded.len() + 8);
            write_field(&mut list, 1, &values.encoded);
            list
        }
    };
    let mut feature = Vec::with_capacity(list.len() + 8);
    write_field(&mut feature, kind as u8, &list);
    Ok(feature)
}

impl Values {
    fn read(&mut self, scanner: &mut Scanner<'_>, name: &str) -> std::result::Result<(), Failure> {
        match scanner.kind() {
            Kind::True | Kind::False => {
                let value = scanner.boolean()?;
                self.become_kind(FeatureKind::Int64, name)?;
                write_varint(&mut self.encoded, u64::from(value));
            }
            Kind::String => {
                let value = scanner.string()?;
                self.become_kind(FeatureKind::Bytes, name)?;
                write_field(&mut self.encoded, 1, &value);
            }
            Kind::Number => self.read_number(scanner, name)?,
            kind @ (Kind::Object | Kind::Null | Kind::Array) => {
                let Some(text) = read_base64_object(scanner) else {
                    let kind = kind.name();
                    return Err(refuse(format!("Feature: {name} has element with unexpected JSON type: {kind}")));
                };
                self.become_kind(FeatureKind::Bytes, name)?;
                write_field(&mut self.encoded, 1, &decode_base64(&text)?);
            }
        }
        Ok(())
    }

    fn read_number(&mut self, scanner: &mut Scanner<'_>, name: &str) -> std::result::Result<(), Failure> {
        match scanner.number()? {
            Number::Double(value) => {
                self.become_kind(FeatureKind::Float, name)?;
                self.encoded.extend_from_slice(&(value as f32).to_le_bytes());
            }
            integer => {
                self.become_kind(FeatureKind::Int64, name)?;
                let value = integer
                    .as_i64()
                    .ok_or_else(|| refuse(format!("Feature: {name} has uint64 element. Only int64 is supported.")))?;
                write_varint(&mut self.encoded, value as u64);
            }
        }
        Ok(())
    }

    fn become_kind(&mut self, kind: FeatureKind, name: &str) -> std::result::Result<(), Failure> {
        match *self.kind.get_or_insert(kind) {
            same if same == kind => Ok(()),
            other => {
                let other = other.name();
                Err(refuse(format!("Unexpected element type in feature: {name} expecting type: {other}")))
            }
        }
    }
}

/// Calls `read` at each element of the array at the cursor.
fn each_element<'a>(
    scanner: &mut Scanner<'a>,
    mut read: impl FnMut(&mut Scanner<'a>) -> std::result::Result<(), Failure>,
) -> std::result::Result<(), Failure> {
    scanner.advance(1);
    scanner.skip_whitespace();
    if scanner.take(b']') {
        return Ok(());
    }
    loop {
        scanner.skip_whitespace();
        read(scanner)?;
        scanner.skip_whitespace();
        if scanner.take(b']') {
            return Ok(());
        }
        if !scanner.take(b',') {
            return Err(scanner.problem(Problem::MissingCommaInArray).into());
        }
    }
}

/// Appends a length-delimited field.
fn write_field(out: &mut Vec<u8>, number: u8, content: &[u8]) {
    const LENGTH_DELIMITED: u8 = 2;
    out.push(number << 3 | LENGTH_DELIMITED);
    write_varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn refuse(message: String) -> Failure {
    Status::invalid_argument(message).into()
}
