//! The outputs of one run, where the worker left them: in shared memory, until the codec has read them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use seaway_wire::frame::{Reply, TensorHeader};
use seaway_wire::{DType, Layout};

use super::Channel;
use crate::batch::split::{self, Share};
use crate::status::{Result, Status};
use crate::tensor::{element_count, TensorView};

/// How long a request spent where.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// From its arrival at the channel until its frame was sent.
    pub queue: Duration,
    /// The part of it for which a slot was free, and company waited for.
    pub batch: Duration,
    /// In the engine.
    pub run: Duration,
}

/// What a request shared its run with; the first request of a run says it, so that each run is told of once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize {
    /// Requests in the run.
    pub requests: usize,
    /// Their rows, without padding.
    pub rows: usize,
    /// Rows that the engine ran.
    pub padded: usize,
}

/// One request's outputs, still in shared memory; the slot is free again when all that share it are dropped.
pub struct Outputs {
    /// None once everything is copied.
    pub(super) lease: Option<Arc<Lease>>,
    pub(super) tensors: Vec<OutputTensor>,
    pub(super) timings: Timings,
    pub(super) batch: Option<BatchSize>,
}

#[derive(Clone)]
pub(super) struct OutputTensor {
    name: String,
    dtype: DType,
    shape: Vec<i64>,
    place: Place,
}

/// Where the elements of an output are.
#[derive(Clone)]
enum Place {
    Arena { offset: u64, len: u64 },
    Copied(Bytes),
}

/// A slot that is ours until dropped.
pub(super) struct Lease {
    pub(super) channel: Arc<Channel>,
    pub(super) slot: u16,
    pub(super) reusable: bool,
}

/// The elements of an output; the lease is that of the slot it lies in.
fn bytes<'a>(lease: Option<&'a Lease>, place: &'a Place) -> &'a [u8] {
    match (place, lease) {
        (Place::Copied(bytes), _) => bytes,
        (Place::Arena { offset, len }, Some(lease)) => {
            // SAFETY: the lease makes this slot ours, the worker has answered and does not write there again, and `read`
            // checked the range.
            unsafe { lease.channel.arena.region(*offset, *len) }.expect("checked on arrival")
        }
        (Place::Arena { .. }, None) => unreachable!("a lease is only given up when everything is copied"),
    }
}

impl Place {
    fn len(&self) -> u64 {
        match self {
            Place::Arena { len, .. } => *len,
            Place::Copied(bytes) => bytes.len() as u64,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.channel.release(self.slot, self.reusable);
    }
}

impl Outputs {
    /// The outputs in the order that the worker gave them: of the filter, or of their aliases.
    pub fn views(&self) -> Vec<TensorView<'_>> {
        self.tensors
            .iter()
            .map(|tensor| TensorView {
                name: &tensor.name,
                dtype: tensor.dtype,
                shape: &tensor.shape,
                bytes: bytes(self.lease.as_deref(), &tensor.place),
            })
            .collect()
    }

    /// The same outputs in memory of their own: their slot is free for others.
    pub fn detached(mut self) -> Outputs {
        for tensor in &mut self.tensors {
            tensor.place = Place::Copied(Bytes::copy_from_slice(bytes(self.lease.as_deref(), &tensor.place)));
        }
        self.lease = None;
        self
    }

    /// A copy in memory of its own, that was part of no run.
    pub fn copied(&self) -> Outputs {
        let copy = |tensor: &OutputTensor| {
            let elements = Bytes::copy_from_slice(bytes(self.lease.as_deref(), &tensor.place));
            OutputTensor { place: Place::Copied(elements), ..tensor.clone() }
        };
        Outputs { lease: None, tensors: self.tensors.iter().map(copy).collect(), timings: self.timings, batch: None }
    }

    /// What the run was, on the first of the requests that shared it.
    pub fn batch(&self) -> Option<BatchSize> {
        self.batch
    }

    /// The outputs of a request that was cut into several runs, put together again.
    ///
    /// Errors: see [`split::join`].
    pub(super) fn joined(parts: Vec<Outputs>) -> Result<Outputs> {
        let views: Vec<Vec<TensorView<'_>>> = parts.iter().map(Outputs::views).collect();
        let tensors = (0..views[0].len())
            .map(|index| {
                let column: Vec<TensorView<'_>> = views.iter().filter_map(|views| views.get(index).copied()).collect();
                let (shape, bytes) = split::join(&column)?;
                let (name, dtype) = (column[0].name.to_owned(), column[0].dtype);
                Ok(OutputTensor { name, dtype, shape, place: Place::Copied(bytes) })
            })
            .collect::<Result<_>>()?;
        let longest =
            |time: fn(&Timings) -> Duration| parts.iter().map(|part| time(&part.timings)).max().unwrap_or_default();
        let timings = Timings {
            queue: longest(|timings| timings.queue),
            batch: longest(|timings| timings.batch),
            run: longest(|timings| timings.run),
        };
        Ok(Outputs { lease: None, tensors, timings, batch: parts[0].batch })
    }

    /// Bytes of all outputs.
    pub fn len_bytes(&self) -> u64 {
        self.tensors.iter().map(|tensor| tensor.place.len()).sum()
    }

    /// How long the run took where.
    pub fn timings(&self) -> Timings {
        self.timings
    }
}

/// The outputs of a reply, checked: the worker is another program.
///
/// Errors: INTERNAL when one of them does not lie in the slot's output region, or is not as long as its shape says.
pub(super) fn read(layout: Layout, reply: &Reply<'_>) -> Result<Vec<OutputTensor>> {
    if reply.slot >= layout.slots {
        return Err(Status::internal(format!("the worker answered in slot {} of {}", reply.slot, layout.slots)));
    }
    let start = layout.output_offset(reply.slot);
    reply.outputs.iter().map(|header| output(header, start, start + layout.stride)).collect()
}

/// Bytes from the start of a slot's output region to the end of its last tensor.
pub(super) fn used(layout: Layout, slot: u16, tensors: &[OutputTensor]) -> u64 {
    let end = |tensor: &OutputTensor| match tensor.place {
        Place::Arena { offset, len } => offset + len,
        Place::Copied(_) => 0,
    };
    tensors.iter().map(end).max().unwrap_or(0).saturating_sub(layout.output_offset(slot))
}

/// Rows `first..first + rows` of a run of `all` rows: one request's share of each output.
///
/// Errors: see [`split::share`].
pub(super) fn share(
    lease: &Lease,
    tensors: &[OutputTensor],
    first: usize,
    rows: usize,
    all: usize,
) -> Result<Vec<OutputTensor>> {
    tensors
        .iter()
        .map(|tensor| {
            let view = TensorView {
                name: &tensor.name,
                dtype: tensor.dtype,
                shape: &tensor.shape,
                bytes: bytes(Some(lease), &tensor.place),
            };
            let place = match (split::share(&view, first, rows, all)?, &tensor.place) {
                (Share::Range { start, len }, Place::Arena { offset, .. }) => {
                    Place::Arena { offset: offset + start as u64, len: len as u64 }
                }
                (Share::Range { start, len }, Place::Copied(bytes)) => Place::Copied(bytes.slice(start..start + len)),
                (Share::Copied(bytes), _) => Place::Copied(bytes),
            };
            let mut shape = tensor.shape.clone();
            shape[0] = rows as i64;
            Ok(OutputTensor { name: tensor.name.clone(), dtype: tensor.dtype, shape, place })
        })
        .collect()
}

fn output(header: &TensorHeader<'_>, start: u64, end: u64) -> Result<OutputTensor> {
    let refused = |why: &str| Status::internal(format!("the worker's output {:?} {why}", header.name));
    let inside = header.offset >= start && header.offset.checked_add(header.len).is_some_and(|last| last <= end);
    if !inside {
        return Err(refused("does not lie in its slot"));
    }
    let count = element_count(&header.shape).map_err(|status| refused(&status.message))?;
    let fits = match header.dtype.size_bytes() {
        Some(size) => count.checked_mul(size).map(|bytes| bytes as u64) == Some(header.len),
        // The table of offsets alone takes eight bytes more than there are elements.
        None => count.checked_add(1).and_then(|entries| entries.checked_mul(8)).is_some_and(|b| b as u64 <= header.len),
    };
    if !fits {
        return Err(refused(&format!("of {} bytes does not have its shape", header.len)));
    }
    Ok(OutputTensor {
        name: header.name.to_owned(),
        dtype: header.dtype,
        shape: header.shape.clone(),
        place: Place::Arena { offset: header.offset, len: header.len },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Code;

    const LAYOUT: Layout = Layout { slots: 2, stride: 4096 };

    fn check(slot: u16, dtype: DType, shape: &[i64], offset: u64, len: u64) -> std::result::Result<u64, Status> {
        let output = TensorHeader { name: "y", dtype, shape: shape.to_vec(), offset, len };
        let reply =
            Reply { request_id: 1, slot, code: Code::Ok, flags: 0, run_nanos: 0, message: "", outputs: vec![output] };
        read(LAYOUT, &reply).map(|tensors| used(LAYOUT, slot, &tensors))
    }

    #[test]
    fn an_output_in_its_region_is_taken() {
        let start = LAYOUT.output_offset(1);
        assert_eq!(check(1, DType::Float, &[2], start, 8), Ok(8));
        assert_eq!(check(1, DType::Float, &[0, 7], start + 64, 0), Ok(64));
        assert_eq!(check(1, DType::String, &[2], start, 24), Ok(24));
        assert_eq!(check(1, DType::Float, &[1024], start, 4096), Ok(4096));
    }

    #[test]
    fn an_output_outside_its_region_or_of_another_size_is_refused() {
        let start = LAYOUT.output_offset(1);
        let cases: [(u16, DType, &[i64], u64, u64); 11] = [
            (2, DType::Float, &[2], start, 8),
            (0, DType::Float, &[2], start, 8),
            (1, DType::Float, &[2], start - 64, 8),
            (1, DType::Float, &[1], LAYOUT.input_offset(1), 4),
            (1, DType::Float, &[2], start + 4092, 8),
            (1, DType::Float, &[2], u64::MAX - 3, 8),
            (1, DType::Float, &[2], start, 12),
            (1, DType::Float, &[-1], start, 4),
            (1, DType::Float, &[i64::MAX, i64::MAX], start, 8),
            (1, DType::String, &[2], start, 23),
            (1, DType::String, &[i64::MAX], start, 8),
        ];
        for (slot, dtype, shape, offset, len) in cases {
            let error = check(slot, dtype, shape, offset, len).unwrap_err();
            assert_eq!(error.code, Code::Internal, "slot {slot} {shape:?} at {offset}+{len}");
        }
    }
}
