//! The two frames of the data channel, as values and as bytes.
//!
//! All integers are little-endian; nothing is padded. A frame describes tensors, it never holds them: their bytes lie in
//! the arena at `offset..offset + len`. Decoding trusts nothing: a worker may be any program.

use crate::{Code, DType};

/// The first version of this protocol, the second byte of every frame.
pub const VERSION: u8 = 1;
/// Bit of [`Reply::flags`]: the engine still refers to this run's input bytes, so that the slot must never be used again.
pub const FLAG_INPUTS_RETAINED: u8 = 1;

const KIND_RUN: u8 = 1;
const KIND_REPLY: u8 = 2;

/// One tensor: what it is called, what it is, and where its bytes lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorHeader<'a> {
    /// The signature's name for it.
    pub name: &'a str,
    /// Element type.
    pub dtype: DType,
    /// Size of each dimension; empty for a scalar.
    pub shape: Vec<i64>,
    /// First byte in the arena, a multiple of 64.
    pub offset: u64,
    /// Bytes in the arena (for strings: with the offset table, see [`crate::strings`]).
    pub len: u64,
}

/// Plane to worker: run one signature on these inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run<'a> {
    /// Chosen by the plane; the reply repeats it.
    pub request_id: u64,
    /// The arena slot that holds the inputs and will hold the outputs.
    pub slot: u16,
    /// When nobody waits for the run any more, on the clock of [`crate::clock`]; 0 means never.
    pub deadline_nanos: u64,
    /// Which of the model's signatures.
    pub signature: &'a str,
    /// Names of the wanted outputs; empty means all of the signature's.
    pub outputs: Vec<&'a str>,
    /// The inputs.
    pub inputs: Vec<TensorHeader<'a>>,
}

/// Worker to plane: how a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The `Run` that this answers.
    pub request_id: u64,
    /// Its slot.
    pub slot: u16,
    /// `Ok`, or why there are no outputs.
    pub code: Code,
    /// Bits; see [`FLAG_INPUTS_RETAINED`].
    pub flags: u8,
    /// Nanoseconds that the engine ran.
    pub run_nanos: u64,
    /// The error for a code other than `Ok`, in the engine's words; else empty.
    pub message: &'a str,
    /// The outputs.
    pub outputs: Vec<TensorHeader<'a>>,
}

/// Why bytes are not a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes end too early.
    #[error("the frame ends inside its {0}")]
    Truncated(&'static str),
    /// Bytes follow the frame.
    #[error("{0} bytes follow the frame")]
    Trailing(usize),
    /// Another kind or version was expected.
    #[error("expected kind {expected} of version {VERSION}, got kind {kind} of version {version}")]
    Kind {
        /// The kind that was expected.
        expected: u8,
        /// The kind that came.
        kind: u8,
        /// The version that came.
        version: u8,
    },
    /// A name is not UTF-8.
    #[error("a name is not UTF-8")]
    Name,
    /// A number names no element type.
    #[error("{0} is not an element type")]
    DType(u8),
}

impl<'a> Run<'a> {
    /// Appends the frame's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[KIND_RUN, VERSION]);
        out.extend_from_slice(&self.slot.to_le_bytes());
        out.extend_from_slice(&(self.inputs.len() as u16).to_le_bytes());
        out.extend_from_slice(&(self.outputs.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.request_id.to_le_bytes());
        out.extend_from_slice(&self.deadline_nanos.to_le_bytes());
        put_name(out, self.signature);
        for name in &self.outputs {
            put_name(out, name);
        }
        put_tensors(out, &self.inputs);
    }

    /// Reads a frame; every byte must belong to it.
    pub fn decode(bytes: &'a [u8]) -> Result<Run<'a>, FrameError> {
        let mut rest = Cursor { bytes };
        rest.kind(KIND_RUN)?;
        let slot = rest.u16("slot")?;
        let inputs = rest.u16("input count")?;
        let outputs = rest.u16("output count")?;
        let request_id = rest.u64("request id")?;
        let deadline_nanos = rest.u64("deadline")?;
        let signature = rest.name("signature name")?;
        let outputs = (0..outputs).map(|_| rest.name("output name")).collect::<Result<_, _>>()?;
        let inputs = rest.tensors(inputs)?;
        rest.end()?;
        Ok(Run { request_id, slot, deadline_nanos, signature, outputs, inputs })
    }
}

impl<'a> Reply<'a> {
    /// Appends the frame's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[KIND_REPLY, VERSION]);
        out.extend_from_slice(&self.slot.to_le_bytes());
        out.extend_from_slice(&(self.outputs.len() as u16).to_le_bytes());
        out.extend_from_slice(&[self.code as u8, self.flags]);
        out.extend_from_slice(&self.request_id.to_le_bytes());
        out.extend_from_slice(&self.run_nanos.to_le_bytes());
        put_name(out, self.message);
        put_tensors(out, &self.outputs);
    }

    /// Reads a frame; every byte must belong to it.
    pub fn decode(bytes: &'a [u8]) -> Result<Reply<'a>, FrameError> {
        let mut rest = Cursor { bytes };
        rest.kind(KIND_REPLY)?;
        let slot = rest.u16("slot")?;
        let outputs = rest.u16("output count")?;
        let code = Code::from_number(u32::from(rest.u8("code")?));
        let flags = rest.u8("flags")?;
        let request_id = rest.u64("request id")?;
        let run_nanos = rest.u64("run time")?;
        let message = rest.name("message")?;
        let outputs = rest.tensors(outputs)?;
        rest.end()?;
        Ok(Reply { request_id, slot, code, flags, run_nanos, message, outputs })
    }
}

/// Names and messages are cut at what their u16 length can say, on a character boundary.
fn put_name(out: &mut Vec<u8>, name: &str) {
    let mut end = name.len().min(usize::from(u16::MAX));
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    out.extend_from_slice(&(end as u16).to_le_bytes());
    out.extend_from_slice(&name.as_bytes()[..end]);
}

fn put_tensors(out: &mut Vec<u8>, tensors: &[TensorHeader<'_>]) {
    for tensor in tensors {
        out.extend_from_slice(&[tensor.dtype as u8, tensor.shape.len() as u8]);
        put_name(out, tensor.name);
        out.extend_from_slice(&tensor.offset.to_le_bytes());
        out.extend_from_slice(&tensor.len.to_le_bytes());
        for dim in &tensor.shape {
            out.extend_from_slice(&dim.to_le_bytes());
        }
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], FrameError> {
        let (here, rest) = self.bytes.split_at_checked(len).ok_or(FrameError::Truncated(what))?;
        self.bytes = rest;
        Ok(here)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], FrameError> {
        Ok(self.take(N, what)?.try_into().expect("take gives exactly N bytes"))
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, FrameError> {
        Ok(self.array::<1>(what)?[0])
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, FrameError> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, FrameError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    fn name(&mut self, what: &'static str) -> Result<&'a str, FrameError> {
        let len = self.u16(what)?;
        std::str::from_utf8(self.take(usize::from(len), what)?).map_err(|_| FrameError::Name)
    }

    fn kind(&mut self, expected: u8) -> Result<(), FrameError> {
        let [kind, version] = self.array("kind")?;
        match kind == expected && version == VERSION {
            true => Ok(()),
            false => Err(FrameError::Kind { expected, kind, version }),
        }
    }

    fn tensors(&mut self, count: u16) -> Result<Vec<TensorHeader<'a>>, FrameError> {
        (0..count).map(|_| self.tensor()).collect()
    }

    fn tensor(&mut self) -> Result<TensorHeader<'a>, FrameError> {
        let [dtype, rank] = self.array("tensor type")?;
        let dtype = DType::from_number(i32::from(dtype)).ok_or(FrameError::DType(dtype))?;
        let name = self.name("tensor name")?;
        let offset = self.u64("tensor offset")?;
        let len = self.u64("tensor length")?;
        let dims = self.take(usize::from(rank) * 8, "tensor shape")?;
        let shape = dims.chunks_exact(8).map(|dim| i64::from_le_bytes(dim.try_into().expect("chunks of 8"))).collect();
        Ok(TensorHeader { name, dtype, shape, offset, len })
    }

    fn end(&self) -> Result<(), FrameError> {
        match self.bytes.len() {
            0 => Ok(()),
            left => Err(FrameError::Trailing(left)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run<'static> {
        let shape = vec![2, 3];
        let x = TensorHeader { name: "x", dtype: DType::Float, shape, offset: 64, len: 24 };
        Run {
            request_id: 7,
            slot: 1,
            deadline_nanos: 1_000_000,
            signature: "serving_default",
            outputs: vec!["y"],
            inputs: vec![x],
        }
    }

    fn reply() -> Reply<'static> {
        let y = TensorHeader { name: "y", dtype: DType::String, shape: vec![], offset: 128, len: 19 };
        Reply { request_id: 7, slot: 1, code: Code::Ok, flags: 0, run_nanos: 23_000, message: "", outputs: vec![y] }
    }

    #[test]
    fn frames_round_trip() {
        let mut bytes = Vec::new();
        run().encode(&mut bytes);
        assert_eq!(Run::decode(&bytes), Ok(run()));
        bytes.clear();
        reply().encode(&mut bytes);
        assert_eq!(Reply::decode(&bytes), Ok(reply()));
    }

    #[test]
    fn every_truncation_is_refused() {
        let mut bytes = Vec::new();
        run().encode(&mut bytes);
        for end in 0..bytes.len() {
            assert!(Run::decode(&bytes[..end]).is_err(), "{end} bytes");
        }
        bytes.push(0);
        assert_eq!(Run::decode(&bytes), Err(FrameError::Trailing(1)));
    }

    #[test]
    fn a_reply_is_not_a_run() {
        let mut bytes = Vec::new();
        reply().encode(&mut bytes);
        assert_eq!(Run::decode(&bytes), Err(FrameError::Kind { expected: 1, kind: 2, version: 1 }));
    }
}
