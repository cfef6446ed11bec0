//! The reply to `:predict`, written straight from the outputs where the worker left them.
//!
//! Source: tensorflow_serving/util/json_tensor.cc, MakeRowFormatJsonFromTensors and MakeColumnarFormatJsonFromTensors.

use seaway_wire::DType;

use super::base64_text::write_base64;
use super::json::{write_f32, write_f64, write_i64, write_u64, Writer};
use super::predict::Format;
use super::small_floats::{from_bfloat16, from_half};
use crate::status::{Result, Status};
use crate::tensor::TensorView;

/// A string output with a name that ends so holds binary values, which are written as base64 objects.
const BYTES_SUFFIX: &str = "_bytes";

/// Appends the reply: a single output is not named, several are, in their order.
///
/// Errors: INVALID_ARGUMENT when there is no output, when one has a type that JSON has no form for, or when in row format
/// they do not have one common number of rows.
pub fn write_predict(format: Format, outputs: &[TensorView<'_>], out: &mut Vec<u8>) -> Result<()> {
    if outputs.is_empty() {
        return Err(Status::invalid_argument("Cannot convert empty tensor map to JSON"));
    }
    let mut sources = outputs.iter().map(Source::new).collect::<Result<Vec<_>>>()?;
    // A float is 4 bytes and, with its comma, some 10 characters.
    out.reserve(outputs.iter().map(|output| output.bytes.len() * 3).sum());
    let mut writer = Writer::new(out);
    writer.start_object();
    match format {
        Format::Row => write_rows(rows(outputs)?, &mut sources, &mut writer),
        Format::Columnar => write_columns(&mut sources, &mut writer),
    }
    writer.end_object();
    Ok(())
}

/// The rows that all outputs have.
fn rows(outputs: &[TensorView<'_>]) -> Result<i64> {
    let mut common = None;
    for output in outputs {
        let Some(&rows) = output.shape.first() else {
            return Err(Status::invalid_argument(format!("Tensor name: {} has no shape information ", output.name)));
        };
        let expected = *common.get_or_insert(rows);
        if expected != rows {
            return Err(Status::invalid_argument(format!(
                "Tensor name: {} has inconsistent batch size: {rows} expecting: {expected}",
                output.name
            )));
        }
    }
    Ok(common.unwrap_or(0))
}

fn write_rows(rows: i64, sources: &mut [Source<'_>], writer: &mut Writer<'_>) {
    writer.string(b"predictions");
    writer.start_array();
    let named = sources.len() > 1;
    for _ in 0..rows {
        if named {
            writer.start_object();
        }
        writer.single_line_arrays(true);
        for source in sources.iter_mut() {
            if named {
                writer.string(source.name.as_bytes());
            }
            source.write(&source.shape[1..], writer);
        }
        writer.single_line_arrays(false);
        if named {
            writer.end_object();
        }
    }
    writer.end_array();
}

fn write_columns(sources: &mut [Source<'_>], writer: &mut Writer<'_>) {
    writer.string(b"outputs");
    let named = sources.len() > 1;
    if named {
        writer.start_object();
    }
    for source in sources {
        if named {
            writer.string(source.name.as_bytes());
        }
        source.write(source.shape, writer);
    }
    if named {
        writer.end_object();
    }
}

/// Appends elements of one type from the front of their bytes.
type WriteRun = fn(&mut &[u8], i64, &mut Writer<'_>);

/// An output whose elements are written one after another.
struct Source<'a> {
    name: &'a str,
    shape: &'a [i64],
    elements: Unwritten<'a>,
}

/// The elements that are not yet written.
enum Unwritten<'a> {
    Fixed(&'a [u8], WriteRun),
    Strings { elements: std::vec::IntoIter<&'a [u8]>, as_bytes: bool },
}

impl<'a> Source<'a> {
    fn new(output: &TensorView<'a>) -> Result<Source<'a>> {
        let elements = if output.dtype == DType::String {
            let as_bytes = output.name.ends_with(BYTES_SUFFIX);
            Unwritten::Strings { elements: output.string_elements()?.into_iter(), as_bytes }
        } else {
            Unwritten::Fixed(output.bytes, write_run(output.dtype)?)
        };
        Ok(Source { name: output.name, shape: output.shape, elements })
    }

    /// Writes the next elements as nested lists of this shape.
    fn write(&mut self, shape: &[i64], writer: &mut Writer<'_>) {
        match shape {
            [] => self.write_elements(1, writer),
            [count] => {
                writer.start_array();
                self.write_elements(*count, writer);
                writer.end_array();
            }
            [count, inner @ ..] => {
                writer.start_array();
                for _ in 0..*count {
                    self.write(inner, writer);
                }
                writer.end_array();
            }
        }
    }

    fn write_elements(&mut self, count: i64, writer: &mut Writer<'_>) {
        match &mut self.elements {
            Unwritten::Fixed(bytes, write) => write(bytes, count, writer),
            Unwritten::Strings { elements, as_bytes } => {
                for element in elements.take(count as usize) {
                    write_text(element, *as_bytes, writer);
                }
            }
        }
    }
}

fn write_text(element: &[u8], as_bytes: bool, writer: &mut Writer<'_>) {
    if !as_bytes {
        return writer.string(element);
    }
    writer.start_object();
    writer.string(b"b64");
    writer.raw(|out| {
        out.push(b'"');
        write_base64(out, element);
        out.push(b'"');
    });
    writer.end_object();
}

/// How elements of this type are written.
fn write_run(dtype: DType) -> Result<WriteRun> {
    Ok(match dtype {
        DType::Float => {
            |bytes, count, writer| run(bytes, count, writer, |out, b| write_f32(out, f32::from_le_bytes(b)))
        }
        DType::Double => {
            |bytes, count, writer| run(bytes, count, writer, |out, b| write_f64(out, f64::from_le_bytes(b)))
        }
        DType::Half => {
            |bytes, count, writer| run(bytes, count, writer, |out, b| write_f32(out, from_half(u16::from_le_bytes(b))))
        }
        DType::BFloat16 => |bytes, count, writer| {
            run(bytes, count, writer, |out, b| write_f32(out, from_bfloat16(u16::from_le_bytes(b))))
        },
        DType::Int64 => {
            |bytes, count, writer| run(bytes, count, writer, |out, b| write_i64(out, i64::from_le_bytes(b)))
        }
        DType::Int32 => {
            |bytes, count, writer| run(bytes, count, writer, |out, b| write_i64(out, i32::from_le_bytes(b).into()))
        }
        DType::Int16 => {
            |bytes, count, writer| run(bytes, count, writer, |out, b| write_i64(out, i16::from_le_bytes(b).into()))
        }
        DType::Int8 => {
            |bytes, count, writer| run(bytes, count, writer, |out, b| write_i64(out, i8::from_le_bytes(b).into()))
        }
        DType::UInt64 => {
            |bytes, count, writer| run(bytes, count, writer, |out, b| write_u64(out, u64::from_le_bytes(b)))
        }
        DType::UInt32 => {
            |bytes, count, writer| run(bytes, count, writer, |out, b| write_u64(out, u32::from_le_bytes(b).into()))
        }
        DType::UInt16 => {
            |bytes, count, writer| run(bytes, count, writer, |out, b| write_u64(out, u16::from_le_bytes(b).into()))
        }
        DType::UInt8 => |bytes, count, writer| run(bytes, count, writer, |out, [b]| write_u64(out, b.into())),
        DType::Bool => |bytes, count, writer| {
            run(bytes, count, writer, |out, [b]| out.extend_from_slice(if b == 0 { b"false" } else { b"true" }))
        },
        _ => {
            let message = format!("Failed to write JSON value for tensor type: {}", dtype.name());
            return Err(Status::invalid_argument(message));
        }
    })
}

#[inline]
fn run<const SIZE: usize>(
    bytes: &mut &[u8],
    count: i64,
    writer: &mut Writer<'_>,
    write: impl Fn(&mut Vec<u8>, [u8; SIZE]),
) {
    for _ in 0..count {
        // The worker's reply was checked: its bytes are as many as its shape says.
        let Some((element, rest)) = bytes.split_first_chunk::<SIZE>() else { return };
        writer.raw(|out| write(out, *element));
        *bytes = rest;
    }
}
