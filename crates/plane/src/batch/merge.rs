//! Several requests' tensors as one: rows after rows, padded where the rules say so.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use seaway_wire::{strings, DType};

use crate::job::Job;
use crate::tensor::{Elements, Shape, Tensor};

/// One input of a joined run, still in the requests' own memory; writing it copies each byte once.
#[derive(Debug)]
pub struct Merged<'a> {
    /// The signature's name for it.
    pub name: &'a str,
    /// Element type.
    pub dtype: DType,
    /// Its shape with all rows.
    pub shape: Shape,
    parts: Vec<Cow<'a, Tensor>>,
    /// Rows that repeat row 0 of the last part.
    padding: usize,
}

/// The inputs of one run for all of `jobs`, `rows` rows in all; the rows that are missing repeat row 0 of the last request,
/// a valid input by construction.
///
/// The jobs [`super::belong_together`]; a run for one job, padded or not, is the simple case.
pub fn merge(jobs: &[Job], total: usize, rows: usize) -> Vec<Merged<'_>> {
    let first = &jobs[0];
    (0..first.inputs.len())
        .map(|index| {
            let (name, tensor) = &first.inputs[index];
            let inner = largest(jobs, index);
            let parts = jobs.iter().map(|job| padded_to(&job.inputs[index].1, &inner)).collect();
            let mut shape = Shape::from_slice(tensor.shape());
            // A request by itself may have no rows at all.
            if jobs.len() > 1 || rows > total {
                shape[1..].copy_from_slice(&inner);
                shape[0] = rows as i64;
            }
            Merged { name, dtype: tensor.dtype(), shape, parts, padding: rows - total }
        })
        .collect()
}

impl Merged<'_> {
    /// Bytes that it takes in the arena.
    pub fn len_bytes(&self) -> usize {
        match self.single() {
            Some(tensor) => tensor.len_bytes(),
            None if self.dtype == DType::String => strings::encoded_len(self.strings().iter().map(Bytes::as_ref)),
            None => self.raw().iter().map(|bytes| bytes.len()).sum(),
        }
    }

    /// Writes it as the arena holds it; `out` is exactly [`Merged::len_bytes`] long.
    pub fn write_to(&self, mut out: &mut [u8]) {
        if let Some(tensor) = self.single() {
            return tensor.write_to(out);
        }
        if self.dtype == DType::String {
            return strings::encode(self.strings().iter().map(Bytes::as_ref), out);
        }
        for bytes in self.raw() {
            let (here, rest) = out.split_at_mut(bytes.len());
            here.copy_from_slice(bytes);
            out = rest;
        }
    }

    fn single(&self) -> Option<&Tensor> {
        match (self.parts.as_slice(), self.padding) {
            ([only], 0) => Some(only),
            _ => None,
        }
    }

    fn raw(&self) -> Vec<&[u8]> {
        let mut all: Vec<&[u8]> = Vec::with_capacity(self.parts.len() + self.padding);
        for part in &self.parts {
            if let Elements::Raw(bytes) = part.elements() {
                all.push(bytes);
            }
        }
        if let (Some(last), Some(tensor)) = (all.last().copied(), self.parts.last()) {
            let row = last.len() / tensor.rows().max(1) as usize;
            all.extend(std::iter::repeat_n(&last[..row], self.padding));
        }
        all
    }

    fn strings(&self) -> Vec<Bytes> {
        let mut all = Vec::new();
        for part in &self.parts {
            if let Elements::Strings(elements) = part.elements() {
                all.extend_from_slice(elements);
            }
        }
        if let Some(tensor) = self.parts.last() {
            if let Elements::Strings(elements) = tensor.elements() {
                let row = elements.len() / tensor.rows().max(1) as usize;
                for _ in 0..self.padding {
                    all.extend_from_slice(&elements[..row]);
                }
            }
        }
        all
    }
}

/// The largest inner sizes of one input over all jobs.
fn largest(jobs: &[Job], index: usize) -> Shape {
    let mut inner: Shape = jobs[0].inputs[index].1.shape().iter().skip(1).copied().collect();
    for job in &jobs[1..] {
        for (largest, size) in inner.iter_mut().zip(job.inputs[index].1.shape().iter().skip(1)) {
            *largest = (*largest).max(*size);
        }
    }
    inner
}

/// A tensor with inner sizes `inner`; what is added has the value of its first element.
///
/// Source: tensorflow_serving/batching/batching_util.cc (AddPadding).
fn padded_to<'a>(tensor: &'a Tensor, inner: &[i64]) -> Cow<'a, Tensor> {
    if tensor.shape().len() <= 1 || tensor.shape()[1..] == *inner {
        return Cow::Borrowed(tensor);
    }
    let mut shape = Shape::from_slice(&tensor.shape()[..1]);
    shape.extend_from_slice(inner);
    let order = padded_order(tensor.shape(), &shape);
    let padded = match tensor.elements() {
        Elements::Strings(elements) => {
            let pad = elements.first().cloned().unwrap_or_default();
            let all = order.iter().map(|at| at.map_or_else(|| pad.clone(), |at| elements[at].clone())).collect();
            Tensor::strings(shape, all)
        }
        Elements::Raw(bytes) => {
            let size = tensor.dtype().size_bytes().unwrap_or(1);
            let zeros = [0; 16];
            let pad = bytes.get(..size).unwrap_or(&zeros[..size]);
            let mut all = BytesMut::with_capacity(order.len() * size);
            for at in &order {
                all.extend_from_slice(at.map_or(pad, |at| &bytes[at * size..(at + 1) * size]));
            }
            Tensor::raw(tensor.dtype(), shape, all.freeze())
        }
    };
    Cow::Owned(padded.expect("as many elements as the padded shape says"))
}

/// For each element of a tensor of shape `to`, where it comes from in one of shape `from`; none where it is padding.
fn padded_order(from: &[i64], to: &[i64]) -> Vec<Option<usize>> {
    let mut order = vec![Some(0)];
    for (from, to) in from.iter().zip(to) {
        let (from, to) = (*from as usize, *to as usize);
        order = order
            .iter()
            .flat_map(|outer| {
                (0..to).map(move |index| outer.filter(|_| index < from).map(|outer| outer * from + index))
            })
            .collect();
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::rows_of;
    use crate::signature::Signature;
    use std::sync::Arc;

    fn job(tensors: Vec<(&str, Tensor)>) -> Job {
        let signature = Signature {
            name: "s".into(),
            method_name: String::new(),
            inputs: vec![],
            outputs: vec![],
            defaults: Default::default(),
        };
        let inputs = tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect();
        Job { signature: Arc::new(signature), inputs, outputs: vec![], deadline: None, background: false }
    }

    fn floats(shape: &[i64], values: &[f32]) -> Tensor {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor::raw(DType::Float, Shape::from_slice(shape), bytes.into()).unwrap()
    }

    fn texts(shape: &[i64], values: &[&'static str]) -> Tensor {
        Tensor::strings(Shape::from_slice(shape), values.iter().map(|value| Bytes::from(*value)).collect()).unwrap()
    }

    fn written(merged: &Merged<'_>) -> Vec<u8> {
        let mut out = vec![0xEE; merged.len_bytes()];
        merged.write_to(&mut out);
        out
    }

    fn as_floats(bytes: &[u8]) -> Vec<f32> {
        bytes.chunks_exact(4).map(|chunk| f32::from_le_bytes(chunk.try_into().unwrap())).collect()
    }

    #[test]
    fn rows_follow_each_other_and_missing_ones_repeat_row_0_of_the_last_request() {
        let jobs = [
            job(vec![("a", floats(&[1, 2], &[1., 2.])), ("b", texts(&[1], &["x"]))]),
            job(vec![("a", floats(&[2, 2], &[3., 4., 5., 6.])), ("b", texts(&[2], &["y", "z"]))]),
        ];
        let merged = merge(&jobs, 3, 5);
        assert_eq!(merged[0].shape.as_slice(), [5, 2]);
        assert_eq!(as_floats(&written(&merged[0])), [1., 2., 3., 4., 5., 6., 3., 4., 3., 4.]);
        assert_eq!(strings::decode(&written(&merged[1]), 5).unwrap(), [b"x", b"y", b"z", b"y", b"y"]);
    }

    #[test]
    fn one_request_passes_unchanged() {
        let jobs = [job(vec![("a", floats(&[], &[7.]))])];
        let merged = merge(&jobs, 1, 1);
        assert_eq!((merged[0].shape.as_slice(), as_floats(&written(&merged[0]))), ([].as_slice(), vec![7.]));
    }

    #[test]
    fn shorter_rows_are_padded_with_their_first_element() {
        let jobs = [
            job(vec![("a", floats(&[1, 1, 2], &[1., 2.])), ("b", texts(&[1, 1], &["x"]))]),
            job(vec![("a", floats(&[1, 2, 1], &[3., 4.])), ("b", texts(&[1, 2], &["y", "z"]))]),
        ];
        let merged = merge(&jobs, 2, 2);
        assert_eq!(merged[0].shape.as_slice(), [2, 2, 2]);
        assert_eq!(as_floats(&written(&merged[0])), [1., 2., 1., 1., 3., 3., 4., 3.]);
        assert_eq!(strings::decode(&written(&merged[1]), 4).unwrap(), [b"x", b"x", b"y", b"z"]);
    }

    #[test]
    fn only_equal_leading_dimensions_are_rows() {
        assert_eq!(rows_of(&job(vec![("a", floats(&[2], &[1., 2.])), ("b", floats(&[2, 1], &[1., 2.]))])), Some(2));
        assert_eq!(rows_of(&job(vec![("a", floats(&[2], &[1., 2.])), ("b", floats(&[1], &[1.]))])), None);
        assert_eq!(rows_of(&job(vec![("a", floats(&[], &[1.]))])), None);
        assert_eq!(rows_of(&job(vec![("a", floats(&[0], &[]))])), None);
        assert_eq!(rows_of(&job(vec![])), None);
    }
}
