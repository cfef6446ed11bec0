//! A worker that runs no engine: threads that speak the frames over the two descriptors and behave as a test wants.
//!
//! Useful for: answers, errors, silence, replies that break the protocol, and hanging up at a chosen moment.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use seaway_wire::frame::{Reply, Run, TensorHeader, FLAG_INPUTS_RETAINED};
use seaway_wire::{align, packet, strings, Arena, Code, DType, Layout};

/// One run, as the worker sees it.
pub struct Seen<'a> {
    /// The frame.
    pub run: Run<'a>,
    arena: &'a Arena,
}

impl Seen<'_> {
    /// The bytes of one input.
    pub fn bytes(&self, name: &str) -> &[u8] {
        let input = self.run.inputs.iter().find(|input| input.name == name).expect("the input was sent");
        // SAFETY: the slot is the worker's until it replies.
        unsafe { self.arena.region(input.offset, input.len) }.unwrap()
    }

    /// The values of one float input.
    pub fn floats(&self, name: &str) -> Vec<f32> {
        self.bytes(name).chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    /// The elements of one string input.
    pub fn strings(&self, name: &str) -> Vec<Vec<u8>> {
        let input = self.run.inputs.iter().find(|input| input.name == name).expect("the input was sent");
        let count = input.shape.iter().product::<i64>() as usize;
        strings::decode(self.bytes(name), count).unwrap().into_iter().map(<[u8]>::to_vec).collect()
    }
}

/// One output to answer with.
pub struct Output {
    name: String,
    dtype: DType,
    shape: Vec<i64>,
    bytes: Vec<u8>,
}

impl Output {
    /// Any output.
    pub fn new(name: &str, dtype: DType, shape: &[i64], bytes: Vec<u8>) -> Output {
        Output { name: name.to_owned(), dtype, shape: shape.to_vec(), bytes }
    }

    /// A float output.
    pub fn floats(name: &str, shape: &[i64], values: &[f32]) -> Output {
        Output::new(name, DType::Float, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// A string output.
    pub fn strings(name: &str, shape: &[i64], elements: &[&[u8]]) -> Output {
        let mut bytes = vec![0; strings::encoded_len(elements.iter().copied())];
        strings::encode(elements.iter().copied(), &mut bytes);
        Output::new(name, DType::String, shape, bytes)
    }
}

/// What a worker does with one run.
pub enum Act {
    /// Answer with outputs.
    Answer(Vec<Output>),
    /// The same, and say that the engine keeps the inputs.
    Keep(Vec<Output>),
    /// Answer with an error.
    Fail(Code, String),
    /// Answer with outputs that lie elsewhere: the tensor's header as it is.
    Lie { offset: u64, len: u64, shape: Vec<i64> },
    /// Answer a request that nobody made.
    AnswerAnother,
    /// Send these bytes.
    Send(Vec<u8>),
    /// Never answer.
    Ignore,
    /// Hang up.
    HangUp,
}

/// What half_plus_two answers.
pub fn half_plus_two(seen: &Seen<'_>) -> Act {
    let values: Vec<f32> = seen.floats("x").iter().map(|x| x * 0.5 + 2.0).collect();
    Act::Answer(vec![Output::floats("y", &[values.len() as i64], &values)])
}

/// Serves on `threads` threads until the plane hangs up.
pub fn start(
    socket: OwnedFd,
    arena: OwnedFd,
    layout: Layout,
    threads: usize,
    behave: impl Fn(&Seen<'_>) -> Act + Send + Sync + 'static,
) {
    let (socket, behave) = (Arc::new(socket), Arc::new(behave));
    let arena = Arc::new(Arena::map(arena, layout).unwrap());
    for _ in 0..threads {
        let (socket, behave, arena) = (Arc::clone(&socket), Arc::clone(&behave), Arc::clone(&arena));
        std::thread::spawn(move || serve(&socket, &arena, &*behave));
    }
}

fn serve(socket: &OwnedFd, arena: &Arena, behave: &dyn Fn(&Seen<'_>) -> Act) {
    let mut buffer = vec![0; packet::MAX_FRAME_BYTES];
    while let Ok(len @ 1..) = packet::receive(socket, &mut buffer) {
        let run = Run::decode(&buffer[..len]).expect("the plane sends well-formed runs");
        let seen = Seen { run, arena };
        let act = behave(&seen);
        let Some(reply) = reply(&seen.run, arena, act) else { continue };
        if reply.is_empty() {
            return packet::shut_down(socket);
        }
        if packet::send(socket, &reply).is_err() {
            return;
        }
    }
}

/// The reply's bytes; none for no reply, empty to hang up.
fn reply(run: &Run<'_>, arena: &Arena, act: Act) -> Option<Vec<u8>> {
    let (request_id, slot) = (run.request_id, run.slot);
    let plain = Reply { request_id, slot, code: Code::Ok, flags: 0, run_nanos: 1000, message: "", outputs: vec![] };
    let mut bytes = Vec::new();
    match act {
        Act::Answer(outputs) => Reply { outputs: write(slot, arena, &outputs), ..plain }.encode(&mut bytes),
        Act::Keep(outputs) => {
            Reply { outputs: write(slot, arena, &outputs), flags: FLAG_INPUTS_RETAINED, ..plain }.encode(&mut bytes);
        }
        Act::Fail(code, message) => Reply { code, message: &message, ..plain }.encode(&mut bytes),
        Act::Lie { offset, len, shape } => {
            let offset = arena.layout().output_offset(slot).wrapping_add(offset);
            let outputs = vec![TensorHeader { name: "y", dtype: DType::Float, shape, offset, len }];
            Reply { outputs, ..plain }.encode(&mut bytes);
        }
        Act::AnswerAnother => Reply { request_id: request_id + 1000, ..plain }.encode(&mut bytes),
        Act::Send(sent) => bytes = sent,
        Act::Ignore => return None,
        Act::HangUp => {}
    }
    Some(bytes)
}

fn write<'a>(slot: u16, arena: &Arena, outputs: &'a [Output]) -> Vec<TensorHeader<'a>> {
    let mut offset = arena.layout().output_offset(slot);
    let mut headers = Vec::new();
    for Output { name, dtype, shape, bytes } in outputs {
        offset = align(offset);
        let len = bytes.len() as u64;
        // SAFETY: the slot is the worker's until it replies.
        unsafe { arena.region_mut(offset, len) }.unwrap().copy_from_slice(bytes);
        headers.push(TensorHeader { name, dtype: *dtype, shape: shape.clone(), offset, len });
        offset += len;
    }
    headers
}

/// Holds a worker's runs until opened.
#[derive(Default)]
pub struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Arc<Gate> {
        Arc::default()
    }

    /// Lets everything through from now on.
    pub fn open(&self) {
        *self.open.lock() = true;
        self.changed.notify_all();
    }

    /// Waits until it is open.
    pub fn pass(&self) {
        let mut open = self.open.lock();
        while !*open {
            self.changed.wait(&mut open);
        }
    }
}
