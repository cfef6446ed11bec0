//! The elements of a tensor while they are read from JSON, typed as the model's signature says.
//!
//! Fixed-size elements become little-endian bytes at once. A run of plain numbers, the innermost list, is read by one loop
//! per type, without a look at the type per number.
//!
//! Source: tensorflow_serving/util/json_tensor.cc, AddValueToTensor (which JSON values each type takes). Beyond it: `half`,
//! `bfloat16` and `uint16`. As there, 8 and 16 bit integers take any 32 bit integer and keep its low bits, as TensorFlow
//! does with `int_val`.

use bytes::Bytes;
use seaway_wire::DType;

use super::base64_text::{decode_base64, read_base64_object};
use super::json::{show, Failure, Kind, Number, Scanner, Syntax};
use super::small_floats::{to_bfloat16, to_half};
use crate::status::{Result as StatusResult, Status};
use crate::tensor::{Shape, Tensor};

/// Elements of one type, in the order of the text.
#[derive(Debug)]
pub struct Elements {
    dtype: DType,
    bytes: Vec<u8>,
    strings: Vec<Bytes>,
    count: usize,
}

impl Elements {
    /// None yet; `text_len` bytes of text at most are going to be read.
    pub fn new(dtype: DType, text_len: usize) -> Elements {
        // An element takes two bytes of text at least; floats from a program take ten or more.
        let expected = dtype.size_bytes().map_or(0, |size| text_len / 8 * size);
        Elements { dtype, bytes: Vec::with_capacity(expected), strings: Vec::new(), count: 0 }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The tensor of this shape that they are.
    pub fn into_tensor(self, shape: Shape) -> StatusResult<Tensor> {
        match self.dtype {
            DType::String => Tensor::strings(shape, self.strings),
            dtype => Tensor::raw(dtype, shape, self.bytes.into()),
        }
    }

    /// Reads the value at the cursor and, in a list, all that follow it as long as they are scalars, also through lists of
    /// the size that is known.
    pub fn read_run(&mut self, scanner: &mut Scanner<'_>, place: Place) -> Result<Run, Failure> {
        let before = self.bytes.len();
        let run = match self.dtype {
            DType::Float => {
                self.run(scanner, place, |s| numeric(s, DType::Float, Scanner::read_f32).map(f32::to_le_bytes))
            }
            DType::Double => {
                self.run(scanner, place, |s| numeric(s, DType::Double, Scanner::read_f64).map(f64::to_le_bytes))
            }
            DType::Half => self.run(scanner, place, |s| {
                numeric(s, DType::Half, Scanner::read_f64).map(|value| to_half(value).to_le_bytes())
            }),
            DType::BFloat16 => self.run(scanner, place, |s| {
                numeric(s, DType::BFloat16, Scanner::read_f64).map(|value| to_bfloat16(value).to_le_bytes())
            }),
            DType::Int32 => self.run(scanner, place, |s| int32(s, DType::Int32).map(i32::to_le_bytes)),
            DType::Int16 => {
                self.run(scanner, place, |s| int32(s, DType::Int16).map(|value| (value as i16).to_le_bytes()))
            }
            DType::Int8 => self.run(scanner, place, |s| int32(s, DType::Int8).map(|value| (value as i8).to_le_bytes())),
            DType::UInt8 => {
                self.run(scanner, place, |s| int32(s, DType::UInt8).map(|value| (value as u8).to_le_bytes()))
            }
            DType::Int64 => {
                self.run(scanner, place, |s| integer(s, DType::Int64, Number::as_i64).map(i64::to_le_bytes))
            }
            DType::UInt64 => {
                self.run(scanner, place, |s| integer(s, DType::UInt64, Number::as_u64).map(u64::to_le_bytes))
            }
            DType::UInt32 => self.run(scanner, place, |s| {
                integer(s, DType::UInt32, |number| number.as_u64()?.try_into().ok()).map(u32::to_le_bytes)
            }),
            DType::UInt16 => self.run(scanner, place, |s| {
                integer(s, DType::UInt16, |number| number.as_u64()?.try_into().ok()).map(u16::to_le_bytes)
            }),
            DType::Bool => self.run(scanner, place, |s| boolean(s).map(|value| [u8::from(value)])),
            DType::String => return self.string_run(scanner, place),
            dtype => Err(not_convertible(scanner, dtype)),
        }?;
        self.count += (self.bytes.len() - before) / self.dtype.size_bytes().unwrap_or(1);
        Ok(run)
    }

    #[inline]
    fn run<const SIZE: usize>(
        &mut self,
        scanner: &mut Scanner<'_>,
        place: Place,
        read: impl Fn(&mut Scanner<'_>) -> Result<[u8; SIZE], Failure>,
    ) -> Result<Run, Failure> {
        let mut run = place.begin();
        loop {
            let element = read(scanner)?;
            self.bytes.extend_from_slice(&element);
            run.open += 1;
            if !place.goes_on(scanner, &mut run) {
                return Ok(run);
            }
        }
    }

    fn string_run(&mut self, scanner: &mut Scanner<'_>, place: Place) -> Result<Run, Failure> {
        let mut run = place.begin();
        loop {
            self.strings.push(string(scanner)?);
            self.count += 1;
            run.open += 1;
            if !place.goes_on(scanner, &mut run) {
                return Ok(run);
            }
        }
    }
}

/// Where a run of values stands.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Elements so far of the innermost list that is open; none outside of any list.
    pub open: Option<i64>,
    /// How many elements a list at this level has, once that is known, when it is in a list itself.
    pub size: Option<i64>,
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Lists that ended with the size that is known.
    pub closed: i64,
    /// Elements of the list that is open at its end.
    pub open: i64,
}

impl Place {
    fn begin(self) -> Run {
        Run { closed: 0, open: self.open.unwrap_or(0) }
    }

    /// Goes to the next scalar, in this list or the next one; else the cursor stays behind the last one.
    #[inline]
    fn goes_on(self, scanner: &mut Scanner<'_>, run: &mut Run) -> bool {
        if self.open.is_none() {
            return false;
        }
        let list_ends = self.size == Some(run.open) && scanner.next_list();
        if list_ends {
            run.closed += 1;
            run.open = 0;
        }
        list_ends || next_scalar(scanner)
    }
}

/// Goes over the comma to the next value if that is no list; else the cursor stays before the comma.
#[inline]
fn next_scalar(scanner: &mut Scanner<'_>) -> bool {
    scanner.skip_whitespace();
    let comma = scanner.position();
    if !scanner.take(b',') {
        return false;
    }
    scanner.skip_whitespace();
    if scanner.peek() == b'[' {
        scanner.seek(comma);
        return false;
    }
    true
}

/// A number of any form.
#[inline]
fn numeric<'a, T>(
    scanner: &mut Scanner<'a>,
    dtype: DType,
    read: impl Fn(&mut Scanner<'a>) -> Result<T, Syntax>,
) -> Result<T, Failure> {
    let start = scanner.position();
    read(scanner).map_err(|syntax| not_a_number(scanner, start, dtype, syntax))
}

/// Any other value in a number's place is a type error; a broken number is a syntax error.
#[cold]
fn not_a_number(scanner: &mut Scanner<'_>, start: usize, dtype: DType, syntax: Syntax) -> Failure {
    scanner.seek(start);
    match scanner.kind() {
        Kind::Number => syntax.into(),
        kind => type_error(scanner, kind, dtype),
    }
}

/// An integer for which `convert` has a place.
#[inline]
fn integer<T>(scanner: &mut Scanner<'_>, dtype: DType, convert: impl Fn(Number) -> Option<T>) -> Result<T, Failure> {
    let start = scanner.position();
    match convert(numeric(scanner, dtype, Scanner::number)?) {
        Some(value) => Ok(value),
        None => {
            scanner.seek(start);
            Err(type_error(scanner, Kind::Number, dtype))
        }
    }
}

#[inline]
fn int32(scanner: &mut Scanner<'_>, dtype: DType) -> Result<i32, Failure> {
    integer(scanner, dtype, |number| number.as_i64()?.try_into().ok())
}

fn boolean(scanner: &mut Scanner<'_>) -> Result<bool, Failure> {
    match scanner.kind() {
        Kind::True | Kind::False => Ok(scanner.boolean()?),
        kind => Err(type_error(scanner, kind, DType::Bool)),
    }
}

fn string(scanner: &mut Scanner<'_>) -> Result<Bytes, Failure> {
    match scanner.kind() {
        Kind::String => Ok(scanner.string()?.into_owned().into()),
        Kind::Object => match read_base64_object(scanner) {
            Some(text) => Ok(decode_base64(&text)?.into()),
            None => Err(Status::invalid_argument(format!(
                "JSON Value: {} not formatted correctly for base64 data",
                show(scanner.rest())
            ))
            .into()),
        },
        kind => Err(type_error(scanner, kind, DType::String)),
    }
}

#[cold]
fn type_error(scanner: &Scanner<'_>, kind: Kind, dtype: DType) -> Failure {
    Status::invalid_argument(format!(
        "JSON Value: {} Type: {} is not of expected type: {}",
        show(scanner.rest()),
        kind.name(),
        dtype.name()
    ))
    .into()
}

#[cold]
fn not_convertible(scanner: &Scanner<'_>, dtype: DType) -> Failure {
    Status::unimplemented(format!("Conversion of JSON Value: {} to type: {}", show(scanner.rest()), dtype.name()))
        .into()
}
