//! A joined run's outputs, cut into each request's rows; and the outputs of a request's several runs, put together again.

use bytes::Bytes;
use seaway_wire::{strings, DType};

use crate::status::{Result, Status};
use crate::tensor::TensorView;

/// Where the elements of one request's share of an output are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Share {
    /// These bytes of the output.
    Range {
        /// First byte.
        start: usize,
        /// How many.
        len: usize,
    },
    /// A string tensor of its own: its table of offsets must begin with its own first element.
    Copied(Bytes),
}

/// Rows `first..first + rows` of an output that has `all` rows.
///
/// Errors: FAILED_PRECONDITION when the output does not have one row for each row of the inputs; INTERNAL for strings that
/// are not well formed.
///
/// Source: tensorflow_serving/batching/batching_session.cc (SplitOutputTensors) for the message.
pub fn share(output: &TensorView<'_>, first: usize, rows: usize, all: usize) -> Result<Share> {
    if output.shape.first().copied() != i64::try_from(all).ok() {
        return Err(Status::failed_precondition(
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors",
        ));
    }
    if output.dtype == DType::String {
        let elements = output.string_elements()?;
        let row = elements.len() / all;
        let own = &elements[first * row..(first + rows) * row];
        let mut bytes = vec![0; strings::encoded_len(own.iter().copied())];
        strings::encode(own.iter().copied(), &mut bytes);
        return Ok(Share::Copied(bytes.into()));
    }
    let row = output.bytes.len() / all;
    Ok(Share::Range { start: first * row, len: rows * row })
}

/// The outputs of consecutive runs as one: shape and elements.
///
/// Errors: FAILED_PRECONDITION when their inner sizes differ; INTERNAL for strings that are not well formed.
pub fn join(parts: &[TensorView<'_>]) -> Result<(Vec<i64>, Bytes)> {
    let first = &parts[0];
    if parts.iter().any(|part| part.shape.is_empty() || part.shape[1..] != first.shape[1..]) {
        return Err(Status::failed_precondition(format!(
            "the parts of output {:?} of a large request have different shapes",
            first.name
        )));
    }
    let mut shape = first.shape.to_vec();
    shape[0] = parts.iter().map(|part| part.shape[0]).sum();
    if first.dtype != DType::String {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.bytes.iter().copied()).collect();
        return Ok((shape, bytes.into()));
    }
    let elements = parts.iter().map(TensorView::string_elements).collect::<Result<Vec<_>>>()?.concat();
    let mut bytes = vec![0; strings::encoded_len(elements.iter().copied())];
    strings::encode(elements.iter().copied(), &mut bytes);
    Ok((shape, bytes.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view<'a>(dtype: DType, shape: &'a [i64], bytes: &'a [u8]) -> TensorView<'a> {
        TensorView { name: "y", dtype, shape, bytes }
    }

    #[test]
    fn each_request_gets_its_rows() {
        let bytes: Vec<u8> = (0..12).collect();
        let output = view(DType::UInt8, &[4, 3], &bytes);
        assert_eq!(share(&output, 1, 2, 4), Ok(Share::Range { start: 3, len: 6 }));
    }

    #[test]
    fn strings_get_a_table_of_their_own() {
        let elements: [&[u8]; 3] = [b"a", b"bc", b""];
        let mut bytes = vec![0; strings::encoded_len(elements.into_iter())];
        strings::encode(elements.into_iter(), &mut bytes);
        let output = view(DType::String, &[3], &bytes);
        let Ok(Share::Copied(own)) = share(&output, 1, 2, 3) else { panic!("strings are copied") };
        assert_eq!(strings::decode(&own, 2).unwrap(), [b"bc".as_slice(), b""]);
        let whole = [view(DType::String, &[3], &bytes), view(DType::String, &[2], &own)];
        let (shape, joined) = join(&whole).unwrap();
        assert_eq!((shape, strings::decode(&joined, 5).unwrap().concat()), (vec![5], b"abcbc".to_vec()));
    }

    #[test]
    fn an_output_without_a_row_for_each_input_row_cannot_be_cut() {
        for shape in [[].as_slice(), &[1], &[3]] {
            assert!(
                share(&view(DType::UInt8, shape, &[0; 3][..shape.iter().product::<i64>() as usize]), 0, 1, 2).is_err()
            );
        }
    }
}
