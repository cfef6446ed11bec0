//! The body of `:predict`: which signature, and a tensor for each of its inputs.
//!
//! `instances` (row format) is a list of examples, stacked into one tensor per input; `inputs` (column format) is one value
//! per input, batched already. The signature's name may come after the values: bodies of the usual form are read in one go
//! all the same ([`predict_at_once`]); of the others, and of all that are refused, the top level is looked over first.
//!
//! Source: tensorflow_serving/util/json_tensor.cc, FillPredictRequestFromJson; g3doc/api_rest.md, "Predict API".

use std::sync::Arc;

use smallvec::SmallVec;

use super::dense::{is_named_object, read_dense};
use super::elements::Elements;
use super::json::{members, show, validate, Failure, Kind, Member, Object, Problem, Scanner};
use super::predict_at_once;
use crate::signature::{Signature, TensorInfo};
use crate::status::{Result, Status};
use crate::tensor::{show_shape, Shape, Tensor};

/// How the values lie in the body, and so in the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `instances` and `predictions`: one entry per example.
    Row,
    /// `inputs` and `outputs`: one entry per tensor.
    Columnar,
}

/// A parsed body.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictBody {
    /// As the client wrote it; empty for the default one.
    pub signature_name: String,
    /// The format that the reply has too.
    pub format: Format,
    /// A tensor per input that the client sent.
    pub inputs: Vec<(String, Tensor)>,
}

/// Reads a body; `signature` finds the signature by the client's name for it, and may be asked again.
///
/// Inputs for which the signature has a default may be left out, in every instance alike.
pub fn parse_predict(body: &[u8], mut signature: impl FnMut(&str) -> Result<Arc<Signature>>) -> Result<PredictBody> {
    match predict_at_once::parse(body, &mut signature) {
        Some(parsed) => Ok(parsed),
        None => parse_in_two_passes(body, signature).map_err(|failure| failure.into_status(body)),
    }
}

/// Looks over the top level, then reads the values: any order, and every failure in its place.
pub(super) fn parse_in_two_passes(
    body: &[u8],
    signature: impl FnOnce(&str) -> Result<Arc<Signature>>,
) -> std::result::Result<PredictBody, Failure> {
    let members = members(body)?;
    let signature_name = signature_name(body, &members)?;
    let signature = signature(&signature_name)?;
    if signature.inputs.is_empty() {
        let name = if signature_name.is_empty() { "DEFAULT" } else { &signature_name };
        return Err(refuse(format!("Failed to get input map for signature: {name}")));
    }
    let (format, values) = values(body, &members)?;
    check_others(body, &members, values)?;
    let mut scanner = Scanner::new(&body[..values.end]);
    scanner.seek(values.start);
    let inputs = inputs(format, &mut scanner, &signature)?;
    if scanner.position() != values.end {
        return Err(scanner.problem(Problem::MissingCommaInObject).into());
    }
    Ok(PredictBody { signature_name, format, inputs })
}

/// Reads the values at the cursor, a tensor for each input that is there.
pub(super) fn inputs(
    format: Format,
    scanner: &mut Scanner<'_>,
    signature: &Signature,
) -> std::result::Result<Vec<(String, Tensor)>, Failure> {
    match format {
        Format::Row => instances(scanner, signature),
        Format::Columnar => columns(scanner, signature),
    }
}

/// The value of `signature_name`, empty when it is not there.
pub(super) fn signature_name(body: &[u8], members: &[Member<'_>]) -> std::result::Result<String, Failure> {
    let Some(member) = find(members, "signature_name") else { return Ok(String::new()) };
    let mut scanner = Scanner::new(body);
    scanner.seek(member.start);
    if scanner.kind() != Kind::String {
        return Err(refuse(format!(
            "JSON Value: {} not formatted correctly. 'signature_name' key must be a string value.",
            show(body)
        )));
    }
    Ok(String::from_utf8_lossy(&scanner.string()?).into_owned())
}

/// The first member of this name.
pub(super) fn find<'m, 'a>(members: &'m [Member<'a>], name: &str) -> Option<&'m Member<'a>> {
    members.iter().find(|member| *member.name == *name.as_bytes())
}

/// Checks the members that nobody reads, for they too must be JSON.
pub(super) fn check_others(body: &[u8], members: &[Member<'_>], read: &Member<'_>) -> std::result::Result<(), Failure> {
    for member in members.iter().filter(|member| member.start != read.start) {
        let mut scanner = Scanner::new(&body[..member.end]);
        scanner.seek(member.start);
        validate(&mut scanner)?;
        if scanner.position() != member.end {
            return Err(scanner.problem(Problem::MissingCommaInObject).into());
        }
    }
    Ok(())
}

fn values<'m, 'a>(body: &[u8], members: &'m [Member<'a>]) -> std::result::Result<(Format, &'m Member<'a>), Failure> {
    let quoted = |message: &str| refuse(format!("JSON Value: {} {message}", show(body)));
    match (find(members, "instances"), find(members, "inputs")) {
        (Some(_), Some(_)) => {
            Err(quoted("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "))
        }
        (None, None) => Err(refuse("Missing 'inputs' or 'instances' key".to_owned())),
        (None, Some(inputs)) => Ok((Format::Columnar, inputs)),
        (Some(instances), None) => {
            let mut scanner = Scanner::new(body);
            scanner.seek(instances.start);
            if !scanner.take(b'[') {
                return Err(quoted("Excepting 'instances' to be an list/array"));
            }
            scanner.skip_whitespace();
            if scanner.peek() == b']' {
                return Err(quoted("No values in 'instances' array"));
            }
            Ok((Format::Row, instances))
        }
    }
}

/// One input while the instances are read: all have the shape of the first.
struct Column<'s> {
    info: &'s TensorInfo,
    /// How much text its elements may take.
    text_len: usize,
    /// Filled lazily: an input that is never sent takes no memory.
    elements: Option<Elements>,
    shape: Option<(usize, Shape)>,
    rows: i64,
}

impl<'s> Column<'s> {
    fn new(info: &'s TensorInfo, text_len: usize) -> Column<'s> {
        Column { info, text_len, elements: None, shape: None, rows: 0 }
    }

    /// Appends one instance's value.
    fn read(&mut self, scanner: &mut Scanner<'_>) -> std::result::Result<(), Failure> {
        if self.elements.is_none() {
            self.elements = Some(new_elements(self.info, scanner, self.text_len)?);
        }
        let elements = self.elements.as_mut().expect("made above");
        let before = elements.count();
        let shape = read_dense(scanner, elements)?;
        let size = elements.count() - before;
        self.rows += 1;
        match &self.shape {
            None => self.shape = Some((size, shape)),
            Some((expected, _)) if *expected != size => {
                return Err(refuse(format!("Expecting tensor size: {expected} but got: {size}")));
            }
            Some((_, expected)) if *expected != shape => {
                let (expected, shape) = (show_shape(expected), show_shape(&shape));
                return Err(refuse(format!("Expecting shape {expected} but got: {shape}")));
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn finish(self) -> Option<Result<(String, Tensor)>> {
        let (elements, (_, instance)) = (self.elements?, self.shape?);
        let mut shape = Shape::with_capacity(instance.len() + 1);
        shape.push(self.rows);
        shape.extend_from_slice(&instance);
        Some(elements.into_tensor(shape).map(|tensor| (self.info.alias.clone(), tensor)))
    }
}

fn instances(scanner: &mut Scanner<'_>, signature: &Signature) -> std::result::Result<Vec<(String, Tensor)>, Failure> {
    let text_len = scanner.rest().len() / signature.inputs.len();
    let mut columns: Vec<Column<'_>> = signature.inputs.iter().map(|info| Column::new(info, text_len)).collect();
    scanner.advance(1);
    scanner.skip_whitespace();
    if scanner.kind() != Kind::Object && columns.len() > 1 {
        return Err(refuse(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map"
                .to_owned(),
        ));
    }
    let named = is_named_object(scanner);
    for index in 0.. {
        scanner.skip_whitespace();
        if named {
            named_instance(scanner, signature, &mut columns, index)?;
        } else {
            plain_instance(scanner, &mut columns[0], index)?;
        }
        scanner.skip_whitespace();
        if !scanner.take(b',') {
            break;
        }
    }
    if !scanner.take(b']') {
        return Err(scanner.problem(Problem::MissingCommaInArray).into());
    }
    columns.into_iter().filter_map(Column::finish).map(|column| column.map_err(Failure::from)).collect()
}

fn plain_instance(scanner: &mut Scanner<'_>, column: &mut Column<'_>, index: i64) -> std::result::Result<(), Failure> {
    if scanner.peek() == b'{' && is_named_object(scanner) {
        return Err(refuse(format!("Expecting value/list but got object at item {index} of input list")));
    }
    column.read(scanner).map_err(|failure| {
        wrap(failure, |cause| format!("Failed to process element: {index} of 'instances' list. Error: {cause}"))
    })
}

fn named_instance(
    scanner: &mut Scanner<'_>,
    signature: &Signature,
    columns: &mut [Column<'_>],
    index: i64,
) -> std::result::Result<(), Failure> {
    if !is_named_object(scanner) {
        return Err(refuse(format!("Expecting object but got list at item {index} of input list")));
    }
    let start = scanner.position();
    let mut object = Object::open(scanner);
    let mut seen: SmallVec<[bool; 16]> = SmallVec::from_elem(false, columns.len());
    let mut guess = 0;
    while let Some(name) = object.next_name(scanner)? {
        let failed = |failure| {
            wrap(failure, |cause| {
                let name = String::from_utf8_lossy(&name);
                format!("Failed to process element: {index} key: {name} of 'instances' list. Error: {cause}")
            })
        };
        let column = position(columns, &name, guess).map_err(failed)?;
        if std::mem::replace(&mut seen[column], true) {
            return Err(failed(refuse("the key is there twice".to_owned())));
        }
        columns[column].read(scanner).map_err(failed)?;
        guess = column + 1;
    }
    // An input with a default may be left out, but then of every instance.
    let complete = columns.iter().zip(seen).all(|(column, seen)| match seen {
        true => column.rows == index + 1,
        false => column.rows == 0 && signature.defaults.contains_key(&column.info.alias),
    });
    if !complete {
        let names: Vec<&str> = columns.iter().map(|column| column.info.alias.as_str()).collect();
        return Err(refuse(format!(
            "Failed to process element: {index} of 'instances' list. JSON object: {} keys must be equal to: {}",
            show(scanner.slice(start, scanner.position())),
            names.join(",")
        )));
    }
    Ok(())
}

/// Which column is called `name`; instances mostly name them in the same order.
fn position(columns: &[Column<'_>], name: &[u8], guess: usize) -> std::result::Result<usize, Failure> {
    let is_it = |column: &Column<'_>| column.info.alias.as_bytes() == name;
    if columns.get(guess).is_some_and(is_it) {
        return Ok(guess);
    }
    columns
        .iter()
        .position(is_it)
        .ok_or_else(|| refuse(format!("JSON object: does not have named input: {}", String::from_utf8_lossy(name))))
}

fn columns(scanner: &mut Scanner<'_>, signature: &Signature) -> std::result::Result<Vec<(String, Tensor)>, Failure> {
    if is_named_object(scanner) {
        return named_columns(scanner, signature);
    }
    if signature.inputs.len() > 1 {
        return Err(refuse(
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"
                .to_owned(),
        ));
    }
    let text_len = scanner.rest().len();
    Ok(vec![column(scanner, &signature.inputs[0], text_len)?])
}

fn named_columns(
    scanner: &mut Scanner<'_>,
    signature: &Signature,
) -> std::result::Result<Vec<(String, Tensor)>, Failure> {
    let text_len = scanner.rest().len() / signature.inputs.len();
    let mut tensors: Vec<Option<(String, Tensor)>> = vec![None; signature.inputs.len()];
    let mut object = Object::open(scanner);
    while let Some(name) = object.next_name(scanner)? {
        let input = signature.inputs.iter().position(|info| info.alias.as_bytes() == &*name);
        match input {
            // The first of equal names counts, and a name that the signature does not have is nobody's.
            Some(index) if tensors[index].is_none() => {
                tensors[index] = Some(column(scanner, &signature.inputs[index], text_len)?);
            }
            _ => validate(scanner)?,
        }
    }
    let missing = |info: &&TensorInfo| !signature.defaults.contains_key(&info.alias);
    let absent = signature.inputs.iter().zip(&tensors).filter(|(_, tensor)| tensor.is_none()).map(|(info, _)| info);
    if let Some(info) = absent.into_iter().find(missing) {
        return Err(refuse(format!("Missing named input: {} in 'inputs' object.", info.alias)));
    }
    Ok(tensors.into_iter().flatten().collect())
}

fn column(
    scanner: &mut Scanner<'_>,
    info: &TensorInfo,
    text_len: usize,
) -> std::result::Result<(String, Tensor), Failure> {
    scanner.skip_whitespace();
    let mut elements = new_elements(info, scanner, text_len)?;
    let shape = read_dense(scanner, &mut elements)?;
    Ok((info.alias.clone(), elements.into_tensor(shape)?))
}

fn new_elements(info: &TensorInfo, scanner: &Scanner<'_>, text_len: usize) -> std::result::Result<Elements, Failure> {
    let dtype = info.dtype.map_err(|number| {
        Status::unimplemented(format!("Conversion of JSON Value: {} to type: {number}", show(scanner.rest())))
    })?;
    Ok(Elements::new(dtype, text_len))
}

/// The failure inside a message that says where it was; its own code stays in the text, as in TensorFlow Serving.
fn wrap(failure: Failure, message: impl FnOnce(&str) -> String) -> Failure {
    match failure {
        Failure::Syntax(syntax) => syntax.into(),
        Failure::Refused(status) => refuse(message(&format!("{}: {}", status.code.name(), status.message))),
    }
}

fn refuse(message: String) -> Failure {
    Status::invalid_argument(message).into()
}
