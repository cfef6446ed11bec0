//! Tensors across the border: arena bytes lent or copied in, results copied out.
//!
//! Lending: TensorFlow is given a pointer into the arena and a [`Lease`]; it drops the lease with the last reference to
//! the tensor's buffer. Strings are always copied, because TensorFlow copies a view of a string as a view, which would
//! outlive the slot.

use std::alloc::{alloc, dealloc, handle_alloc_error, Layout};
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;

use seaway_wire::frame::TensorHeader;
use seaway_wire::{strings, Arena, Code, DType, ALIGNMENT};

use super::api::{borrowed, Api, RawTensor, TString};
use crate::Status;

/// Keeps the arena mapped while TensorFlow refers to a run's inputs; unique again once it no longer does.
pub struct Lease {
    _arena: Arc<Arena>,
}

impl Lease {
    /// A lease on `arena`, for the inputs of one run.
    pub fn new(arena: &Arc<Arena>) -> Arc<Lease> {
        Arc::new(Lease { _arena: arena.clone() })
    }
}

/// An owned `TF_Tensor`.
pub struct Tensor {
    api: &'static Api,
    raw: NonNull<RawTensor>,
}

impl Drop for Tensor {
    fn drop(&mut self) {
        // SAFETY: the tensor is ours and not used afterwards.
        unsafe { (self.api.TF_DeleteTensor)(self.raw.as_ptr()) };
    }
}

impl Tensor {
    /// Takes over a tensor that TensorFlow made; `None` when it made none.
    ///
    /// # Safety
    /// `raw` is null or a tensor that nobody else will delete.
    pub unsafe fn from_raw(api: &'static Api, raw: *mut RawTensor) -> Option<Tensor> {
        NonNull::new(raw).map(|raw| Tensor { api, raw })
    }

    /// The pointer that TensorFlow's functions take; valid while the tensor lives.
    pub fn as_raw(&self) -> *mut RawTensor {
        self.raw.as_ptr()
    }

    /// The value of a serialized `TensorProto`.
    pub fn from_proto(api: &'static Api, proto: &[u8]) -> Result<Tensor, Status> {
        // SAFETY: an empty tensor is allocated to be filled; the buffer borrows `proto` for the call.
        unsafe {
            let raw = (api.TF_AllocateTensor)(DType::Float as i32, [0i64].as_ptr(), 1, 0);
            let tensor = Tensor::from_raw(api, raw).ok_or_else(out_of_memory)?;
            api.checked(|status| (api.TF_TensorFromProto)(&borrowed(proto), tensor.as_raw(), status))?;
            Ok(tensor)
        }
    }

    /// The input that `header` describes and `data` holds, lent to TensorFlow under `lease` where that is possible.
    ///
    /// # Safety
    /// `data` lies in the leased arena, and stays unwritten until the lease is back.
    ///
    /// Raises: InvalidArgument - the shape and the number of bytes do not agree.
    pub unsafe fn lend(
        api: &'static Api,
        header: &TensorHeader<'_>,
        data: &[u8],
        lease: &Arc<Lease>,
    ) -> Result<Tensor, Status> {
        if header.dtype == DType::String {
            return Tensor::of_strings(api, header, data);
        }
        check_len(header, data)?;
        let arg = Arc::into_raw(lease.clone()).cast_mut().cast();
        // SAFETY: the shape covers exactly `data`, which the caller keeps; `end_lease` takes back the `Arc` in `arg`.
        unsafe {
            let raw = (api.TF_NewTensor)(
                header.dtype as i32,
                header.shape.as_ptr(),
                header.shape.len() as i32,
                data.as_ptr().cast_mut().cast(),
                data.len(),
                end_lease,
                arg,
            );
            Tensor::from_raw(api, raw).ok_or_else(out_of_memory)
        }
    }

    /// The input that `header` describes, in memory of TensorFlow's own.
    ///
    /// Raises: InvalidArgument - the shape and the number of bytes do not agree.
    pub fn copy(api: &'static Api, header: &TensorHeader<'_>, data: &[u8]) -> Result<Tensor, Status> {
        if header.dtype == DType::String {
            return Tensor::of_strings(api, header, data);
        }
        check_len(header, data)?;
        let (dims, rank) = (header.shape.as_ptr(), header.shape.len() as i32);
        // SAFETY: TensorFlow allocates `data.len()` bytes, which are then written before anybody reads them.
        unsafe {
            let raw = (api.TF_AllocateTensor)(header.dtype as i32, dims, rank, data.len());
            let tensor = Tensor::from_raw(api, raw).ok_or_else(out_of_memory)?;
            if !data.is_empty() {
                std::ptr::copy_nonoverlapping(data.as_ptr(), (api.TF_TensorData)(raw).cast(), data.len());
            }
            Ok(tensor)
        }
    }

    fn of_strings(api: &'static Api, header: &TensorHeader<'_>, data: &[u8]) -> Result<Tensor, Status> {
        let elements = usize::try_from(element_count(header)?)
            .ok()
            .and_then(|count| strings::decode(data, count))
            .ok_or_else(|| {
                Status::new(Code::InvalidArgument, format!("input '{}': its strings do not fit its shape", header.name))
            })?;
        let array = StringArray::copy(api, &elements);
        let (start, len) = (array.start.as_ptr().cast(), array.count * size_of::<TString>());
        let arg = Box::into_raw(Box::new(array)).cast();
        // SAFETY: the array holds one string an element of the shape; `free_strings` takes back the box in `arg`.
        unsafe {
            let (dims, rank) = (header.shape.as_ptr(), header.shape.len() as i32);
            let raw = (api.TF_NewTensor)(DType::String as i32, dims, rank, start, len, free_strings, arg);
            Tensor::from_raw(api, raw).ok_or_else(out_of_memory)
        }
    }

    /// The element type and shape, or the number of a type that cannot cross the wire.
    pub fn describe(&self) -> Result<(DType, Vec<i64>), i32> {
        // SAFETY: the tensor is alive and every dimension asked for exists.
        unsafe {
            let number = (self.api.TF_TensorType)(self.as_raw());
            let rank = (self.api.TF_NumDims)(self.as_raw());
            let shape = (0..rank).map(|index| (self.api.TF_Dim)(self.as_raw(), index)).collect();
            Ok((DType::from_number(number).ok_or(number)?, shape))
        }
    }

    /// The bytes of a tensor of fixed-size elements.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: TensorFlow gives the buffer's start and length, and both live as long as the tensor.
        unsafe { slice((self.api.TF_TensorData)(self.as_raw()).cast(), (self.api.TF_TensorByteSize)(self.as_raw())) }
    }

    /// The elements of a string tensor.
    pub fn strings(&self) -> impl Iterator<Item = &[u8]> + Clone {
        // SAFETY: a string tensor's buffer is an array of one `TF_TString` an element.
        let array: &[TString] = unsafe {
            let count = (self.api.TF_TensorElementCount)(self.as_raw()) as usize;
            slice((self.api.TF_TensorData)(self.as_raw()).cast(), count)
        };
        array.iter().map(|string| {
            // SAFETY: the string is initialised and lives as long as the tensor.
            unsafe { slice((self.api.TF_StringGetDataPointer)(string).cast(), (self.api.TF_StringGetSize)(string)) }
        })
    }
}

/// A slice of what TensorFlow points to; an empty tensor has no address.
///
/// # Safety
/// `start` is null, or points to `len` values that live for `'a`.
unsafe fn slice<'a, T>(start: *const T, len: usize) -> &'a [T] {
    match start.is_null() || len == 0 {
        true => &[],
        // SAFETY: the caller's promise.
        false => unsafe { std::slice::from_raw_parts(start, len) },
    }
}

unsafe extern "C" fn end_lease(_data: *mut c_void, _len: usize, arg: *mut c_void) {
    // SAFETY: `arg` is the `Arc<Lease>` that `lend` gave away, and TensorFlow calls this once.
    drop(unsafe { Arc::from_raw(arg.cast_const().cast::<Lease>()) });
}

unsafe extern "C" fn free_strings(_data: *mut c_void, _len: usize, arg: *mut c_void) {
    // SAFETY: `arg` is the box that `of_strings` gave away, and TensorFlow calls this once.
    drop(unsafe { Box::from_raw(arg.cast::<StringArray>()) });
}

/// Strings in memory that TensorFlow reads directly, aligned as it wants every tensor.
struct StringArray {
    api: &'static Api,
    start: NonNull<TString>,
    count: usize,
}

impl StringArray {
    fn layout(count: usize) -> Layout {
        // One element at least: an allocation of nothing is not allowed.
        let bytes = count.max(1) * size_of::<TString>();
        Layout::from_size_align(bytes, ALIGNMENT).expect("the elements were counted in memory, so their sizes fit")
    }

    fn copy(api: &'static Api, elements: &[&[u8]]) -> StringArray {
        let layout = StringArray::layout(elements.len());
        // SAFETY: the layout's size is not zero.
        let start: NonNull<TString> =
            NonNull::new(unsafe { alloc(layout) }.cast()).unwrap_or_else(|| handle_alloc_error(layout));
        for (index, element) in elements.iter().enumerate() {
            // SAFETY: `index` is inside the allocation; each string is initialised before it is filled.
            unsafe {
                let string = start.as_ptr().add(index);
                (api.TF_StringInit)(string);
                (api.TF_StringCopy)(string, element.as_ptr().cast(), element.len());
            }
        }
        StringArray { api, start, count: elements.len() }
    }
}

impl Drop for StringArray {
    fn drop(&mut self) {
        // SAFETY: every string was initialised by `copy`, and the memory is our own, of this layout.
        unsafe {
            for index in 0..self.count {
                (self.api.TF_StringDealloc)(self.start.as_ptr().add(index));
            }
            dealloc(self.start.as_ptr().cast(), StringArray::layout(self.count));
        }
    }
}

fn element_count(header: &TensorHeader<'_>) -> Result<u64, Status> {
    let count = header.shape.iter().try_fold(1u64, |count, dim| count.checked_mul(u64::try_from(*dim).ok()?));
    count.ok_or_else(|| {
        Status::new(Code::InvalidArgument, format!("input '{}' has no size: shape {:?}", header.name, header.shape))
    })
}

fn check_len(header: &TensorHeader<'_>, data: &[u8]) -> Result<(), Status> {
    let size = header.dtype.size_bytes().expect("strings are handled elsewhere") as u64;
    let (shape, have) = (&header.shape, data.len());
    match element_count(header)?.checked_mul(size) == Some(have as u64) {
        true => Ok(()),
        false => Err(Status::new(
            Code::InvalidArgument,
            format!(
                "input '{}' of type {} and shape {shape:?} does not take {have} bytes",
                header.name,
                header.dtype.name()
            ),
        )),
    }
}

fn out_of_memory() -> Status {
    Status::new(Code::ResourceExhausted, "TensorFlow could not allocate a tensor")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(dtype: DType, shape: &[i64]) -> TensorHeader<'static> {
        TensorHeader { name: "x", dtype, shape: shape.to_vec(), offset: 0, len: 0 }
    }

    #[test]
    fn bytes_must_agree_with_shape_and_type() {
        assert!(check_len(&header(DType::Float, &[2, 3]), &[0; 24]).is_ok());
        assert!(check_len(&header(DType::Double, &[]), &[0; 8]).is_ok());
        assert!(check_len(&header(DType::Half, &[0, 5]), &[]).is_ok());
        for (dtype, shape) in [(DType::Float, vec![7]), (DType::Float, vec![-1]), (DType::Int8, vec![i64::MAX, 4])] {
            let status = check_len(&header(dtype, &shape), &[0; 24]).unwrap_err();
            assert_eq!(status.code, Code::InvalidArgument, "{status}");
        }
    }
}
