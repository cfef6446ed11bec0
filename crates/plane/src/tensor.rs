//! Tensors on their way through the plane: an owned one for requests, a view into shared memory for replies.

use bytes::Bytes;
use seaway_wire::{strings, DType};
use smallvec::SmallVec;

use crate::status::{Result, Status};

/// Sizes of the dimensions; empty for a scalar.
pub type Shape = SmallVec<[i64; 4]>;

/// The elements of a request's tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elements {
    /// Little-endian elements one after another, as every engine takes them.
    Raw(Bytes),
    /// The elements of a string tensor.
    Strings(Vec<Bytes>),
}

/// One input of a request, complete and consistent: the elements are as many as the shape says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    dtype: DType,
    shape: Shape,
    elements: Elements,
}

impl Tensor {
    /// A tensor of fixed-size elements.
    ///
    /// Errors: INVALID_ARGUMENT when `bytes` is not what `dtype` and `shape` need, or a dimension is negative.
    pub fn raw(dtype: DType, shape: Shape, bytes: Bytes) -> Result<Tensor> {
        let size = dtype.size_bytes().ok_or_else(|| Status::internal("a string tensor has no fixed-size elements"))?;
        let expected = element_count(&shape)?.checked_mul(size);
        if expected != Some(bytes.len()) {
            return Err(Status::invalid_argument(format!(
                "a {} tensor of shape {} needs {} bytes, got {}",
                dtype.name(),
                show_shape(&shape),
                expected.map_or_else(|| "more than 2^64".to_owned(), |expected| expected.to_string()),
                bytes.len()
            )));
        }
        Ok(Tensor { dtype, shape, elements: Elements::Raw(bytes) })
    }

    /// A string tensor.
    ///
    /// Errors: INVALID_ARGUMENT when the elements are not as many as `shape` says, or a dimension is negative.
    pub fn strings(shape: Shape, elements: Vec<Bytes>) -> Result<Tensor> {
        let expected = element_count(&shape)?;
        if expected != elements.len() {
            return Err(Status::invalid_argument(format!(
                "a string tensor of shape {} needs {expected} elements, got {}",
                show_shape(&shape),
                elements.len()
            )));
        }
        Ok(Tensor { dtype: DType::String, shape, elements: Elements::Strings(elements) })
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Sizes of the dimensions.
    pub fn shape(&self) -> &[i64] {
        &self.shape
    }

    /// The elements.
    pub fn elements(&self) -> &Elements {
        &self.elements
    }

    /// Rows: the leading dimension, or 1 for a scalar.
    pub fn rows(&self) -> i64 {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Rows `first..first + count`, sharing the elements' memory; the caller has seen that there are as many.
    pub fn slice_rows(&self, first: usize, count: usize) -> Tensor {
        let all = self.rows().max(1) as usize;
        let elements = match &self.elements {
            Elements::Raw(bytes) => {
                let row = bytes.len() / all;
                Elements::Raw(bytes.slice(first * row..(first + count) * row))
            }
            Elements::Strings(elements) => {
                let row = elements.len() / all;
                Elements::Strings(elements[first * row..(first + count) * row].to_vec())
            }
        };
        let mut shape = self.shape.clone();
        shape[0] = count as i64;
        Tensor { dtype: self.dtype, shape, elements }
    }

    /// Bytes that the tensor takes in the arena.
    pub fn len_bytes(&self) -> usize {
        match &self.elements {
            Elements::Raw(bytes) => bytes.len(),
            Elements::Strings(elements) => strings::encoded_len(elements.iter().map(Bytes::as_ref)),
        }
    }

    /// Writes the elements as the arena holds them; `out` is exactly [`Tensor::len_bytes`] long.
    pub fn write_to(&self, out: &mut [u8]) {
        match &self.elements {
            Elements::Raw(bytes) => out.copy_from_slice(bytes),
            Elements::Strings(elements) => strings::encode(elements.iter().map(Bytes::as_ref), out),
        }
    }
}

/// One output of a reply, still in shared memory.
#[derive(Clone, Copy, Debug)]
pub struct TensorView<'a> {
    /// The signature's name for it.
    pub name: &'a str,
    /// Element type.
    pub dtype: DType,
    /// Sizes of the dimensions.
    pub shape: &'a [i64],
    /// Elements as the arena holds them: little-endian, or for strings as in [`seaway_wire::strings`].
    pub bytes: &'a [u8],
}

impl<'a> TensorView<'a> {
    /// How many elements there are; a worker's reply was checked when it arrived, so that this cannot overflow.
    pub fn element_count(&self) -> usize {
        self.shape.iter().product::<i64>() as usize
    }

    /// The elements of a string tensor.
    ///
    /// Errors: INTERNAL when the worker wrote a table that does not fit.
    pub fn string_elements(&self) -> Result<Vec<&'a [u8]>> {
        strings::decode(self.bytes, self.element_count())
            .ok_or_else(|| Status::internal(format!("output {:?} is not a well-formed string tensor", self.name)))
    }
}

/// Dimensions that a tensor may have; the frames to workers count them in one byte.
///
/// Source: tensorflow/core/framework/tensor_shape.h (TensorShapeRep::MaxDimensions).
pub const MAX_RANK: usize = 254;

/// How many elements a tensor of this shape has.
///
/// Errors: INVALID_ARGUMENT for a negative dimension, a product beyond 2^63, or more than [`MAX_RANK`] dimensions.
pub fn element_count(shape: &[i64]) -> Result<usize> {
    if shape.len() > MAX_RANK {
        return Err(Status::invalid_argument(format!(
            "{} dimensions are more than the {MAX_RANK} that a tensor can have",
            shape.len()
        )));
    }
    shape
        .iter()
        .try_fold(1usize, |count, dim| count.checked_mul(usize::try_from(*dim).ok()?))
        .filter(|count| i64::try_from(*count).is_ok())
        .ok_or_else(|| Status::invalid_argument(format!("{} is not a shape that a tensor can have", show_shape(shape))))
}

/// A shape as TensorFlow Serving's messages print it: `[2,3]`.
pub fn show_shape(shape: &[i64]) -> String {
    let dims: Vec<String> = shape.iter().map(i64::to_string).collect();
    format!("[{}]", dims.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use smallvec::smallvec;

    #[test]
    fn bytes_and_shape_must_agree() {
        assert!(Tensor::raw(DType::Float, smallvec![2], Bytes::from_static(&[0; 8])).is_ok());
        let error = Tensor::raw(DType::Float, smallvec![1 << 40], Bytes::from_static(&[0; 8])).unwrap_err();
        assert_eq!(error.message, "a float tensor of shape [1099511627776] needs 4398046511104 bytes, got 8");
        assert!(Tensor::raw(DType::Float, smallvec![-1], Bytes::new()).is_err());
        assert!(Tensor::raw(DType::Float, smallvec![i64::MAX, i64::MAX], Bytes::new()).is_err());
    }

    #[test]
    fn a_tensor_has_at_most_254_dimensions() {
        assert_eq!(element_count(&[1; MAX_RANK]), Ok(1));
        let error = element_count(&[1; 300]).unwrap_err();
        assert_eq!(error.message, "300 dimensions are more than the 254 that a tensor can have");
    }

    #[test]
    fn strings_are_written_as_the_arena_holds_them() {
        let tensor = Tensor::strings(smallvec![2], vec![Bytes::from_static(b"ab"), Bytes::new()]).unwrap();
        let mut out = vec![0; tensor.len_bytes()];
        tensor.write_to(&mut out);
        assert_eq!(strings::decode(&out, 2).unwrap(), [b"ab".as_slice(), b""]);
    }
}
