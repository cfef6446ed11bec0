//! From a run's results to the slot's output region.

use seaway_wire::frame::TensorHeader;
use seaway_wire::{align, strings, Arena, Code, DType, ALIGNMENT};

use super::fetch::Wanted;
use super::tensor::Tensor;
use crate::Status;

/// Copies `results` into the slot's output region, one after another, and says where each lies.
///
/// Raises: ResourceExhausted - they are larger than the region; Unimplemented - a type that cannot cross the wire.
pub fn write<'e>(
    arena: &Arena,
    slot: u16,
    wanted: &Wanted<'e>,
    results: &[Tensor],
) -> Result<Vec<TensorHeader<'e>>, Status> {
    let region = arena.layout().output_offset(slot);
    let mut used = 0u64;
    let mut headers = Vec::with_capacity(wanted.outputs.len());
    for (name, fetch) in &wanted.outputs {
        let tensor = &results[*fetch];
        let (dtype, shape) = tensor.describe().map_err(|number| {
            let message = format!("output '{name}' has type number {number}, which cannot be sent in a response");
            Status::new(Code::Unimplemented, message)
        })?;
        let len = match dtype {
            DType::String => strings::encoded_len(tensor.strings()),
            _ => tensor.bytes().len(),
        } as u64;
        let offset = region + used;
        used = align(used + len);
        if offset - region + len > arena.layout().stride {
            return Err(too_large(wanted, results, arena.layout().stride));
        }
        // SAFETY: the slot is this run's, and each output gets its own range.
        let out =
            unsafe { arena.region_mut(offset, len) }.map_err(|error| Status::new(Code::Internal, error.to_string()))?;
        match dtype {
            DType::String => strings::encode(tensor.strings(), out),
            _ => out.copy_from_slice(tensor.bytes()),
        }
        headers.push(TensorHeader { name, dtype, shape, offset, len });
    }
    Ok(headers)
}

fn too_large(wanted: &Wanted<'_>, results: &[Tensor], stride: u64) -> Status {
    let size = |fetch: usize| match results[fetch].describe() {
        Ok((DType::String, _)) => strings::encoded_len(results[fetch].strings()),
        _ => results[fetch].bytes().len(),
    };
    let total: usize = wanted.outputs.iter().map(|(_, fetch)| size(*fetch).next_multiple_of(ALIGNMENT)).sum();
    let message =
        format!("the outputs take {total} bytes, a response may have {stride}: ask for fewer rows or outputs");
    Status::new(Code::ResourceExhausted, message)
}
