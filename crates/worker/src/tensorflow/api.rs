//! TensorFlow's C API, found in the installed wheel at run time.
//!
//! Only what the engine calls is bound, by hand: the C API is stable across TensorFlow 2, and a generated binding would
//! tie the build to one wheel's headers.
//!
//! Source: tensorflow/c/{c_api,tf_buffer,tf_status,tf_tensor,tf_tstring}.h; tensorflow/core/platform/ctstring_internal.h.

use std::ffi::{c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LAZY};
use seaway_wire::Code;

use crate::Status;

/// Types that only TensorFlow looks into.
macro_rules! opaque {
    ($($name:ident),*) => { $(
        #[doc = concat!("TensorFlow's `TF_", stringify!($name), "`.")]
        #[repr(C)]
        pub struct $name { _private: [u8; 0] }
    )* };
}

opaque!(Graph, LibraryHandle, Operation, RawStatus, RawTensor, Session, SessionOptions);

/// `TF_Buffer`: bytes, and who frees them.
#[repr(C)]
pub struct Buffer {
    /// First byte.
    pub data: *const c_void,
    /// Bytes.
    pub length: usize,
    /// Called by `TF_DeleteBuffer`; none for borrowed bytes.
    pub data_deallocator: Option<unsafe extern "C" fn(*mut c_void, usize)>,
}

/// `TF_Output`: one of an operation's results.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// The operation, owned by its graph.
    pub oper: *mut Operation,
    /// Which of its results.
    pub index: c_int,
}

/// `TF_TString`: 24 bytes on a 64-bit machine, whose reading is left to TensorFlow's own functions.
#[repr(C)]
pub struct TString {
    opaque: [u64; 3],
}

/// What TensorFlow calls when it lets go of memory that it borrowed.
pub type Deallocator = unsafe extern "C" fn(data: *mut c_void, len: usize, arg: *mut c_void);

macro_rules! functions {
    ($($name:ident($($arg:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions of one loaded library.
        #[allow(non_snake_case, missing_docs)] // The names are TensorFlow's, where they are documented.
        pub struct Api {
            $(pub $name: unsafe extern "C" fn($($arg),*) $(-> $result)?,)*
        }

        impl Api {
            fn bind(library: &Library) -> Result<Api, libloading::Error> {
                Ok(Api {
                    // SAFETY: the signatures are those of TensorFlow's public headers, and the library is never unloaded.
                    $($name: unsafe { *library.get(concat!(stringify!($name), "\0").as_bytes())? },)*
                })
            }
        }
    };
}

functions! {
    TF_Version() -> *const c_char;
    TF_NewStatus() -> *mut RawStatus;
    TF_DeleteStatus(*mut RawStatus);
    TF_GetCode(*const RawStatus) -> c_int;
    TF_Message(*const RawStatus) -> *const c_char;
    TF_NewSessionOptions() -> *mut SessionOptions;
    TF_DeleteSessionOptions(*mut SessionOptions);
    TF_SetConfig(*mut SessionOptions, *const c_void, usize, *mut RawStatus);
    TF_NewGraph() -> *mut Graph;
    TF_DeleteGraph(*mut Graph);
    TF_NewBuffer() -> *mut Buffer;
    TF_DeleteBuffer(*mut Buffer);
    TF_LoadSessionFromSavedModel(
        *const SessionOptions, *const Buffer, *const c_char, *const *const c_char, c_int, *mut Graph, *mut Buffer, *mut RawStatus
    ) -> *mut Session;
    TF_CloseSession(*mut Session, *mut RawStatus);
    TF_DeleteSession(*mut Session, *mut RawStatus);
    TF_SessionRun(
        *mut Session, *const Buffer, *const Output, *const *mut RawTensor, c_int, *const Output, *mut *mut RawTensor, c_int,
        *const *const Operation, c_int, *mut Buffer, *mut RawStatus
    );
    TF_GraphOperationByName(*mut Graph, *const c_char) -> *mut Operation;
    TF_GraphNextOperation(*mut Graph, *mut usize) -> *mut Operation;
    TF_OperationOpType(*mut Operation) -> *const c_char;
    TF_OperationNumOutputs(*mut Operation) -> c_int;
    TF_NewTensor(c_int, *const i64, c_int, *mut c_void, usize, Deallocator, *mut c_void) -> *mut RawTensor;
    TF_AllocateTensor(c_int, *const i64, c_int, usize) -> *mut RawTensor;
    TF_TensorFromProto(*const Buffer, *mut RawTensor, *mut RawStatus);
    TF_DeleteTensor(*mut RawTensor);
    TF_TensorType(*const RawTensor) -> c_int;
    TF_NumDims(*const RawTensor) -> c_int;
    TF_Dim(*const RawTensor, c_int) -> i64;
    TF_TensorByteSize(*const RawTensor) -> usize;
    TF_TensorData(*const RawTensor) -> *mut c_void;
    TF_TensorElementCount(*const RawTensor) -> i64;
    TF_StringInit(*mut TString);
    TF_StringCopy(*mut TString, *const c_char, usize);
    TF_StringGetDataPointer(*const TString) -> *const c_char;
    TF_StringGetSize(*const TString) -> usize;
    TF_StringDealloc(*mut TString);
    TF_LoadLibrary(*const c_char, *mut RawStatus) -> *mut LibraryHandle;
    TF_DeleteLibraryHandle(*mut LibraryHandle);
}

static LOADED: OnceLock<(PathBuf, Api)> = OnceLock::new();

/// Opens TensorFlow's library at `path`, once a process; it stays open, because TensorFlow cannot be unloaded.
///
/// Raises: FailedPrecondition - the library is missing, lacks a function, or another one is already open.
pub fn open(path: &Path) -> Result<&'static Api, Status> {
    if LOADED.get().is_none() {
        let failed = |error| {
            let message =
                format!("TensorFlow's library {}: {error}; is the tensorflow wheel installed whole?", path.display());
            Status::new(Code::FailedPrecondition, message)
        };
        // Global, so that custom operation libraries find TensorFlow's symbols whatever they were linked against.
        // SAFETY: TensorFlow's initialisers run here; they are what importing the wheel runs too.
        let library = unsafe { Library::open(Some(path), RTLD_LAZY | RTLD_GLOBAL) }.map_err(failed)?;
        let api = Api::bind(&library).map_err(failed)?;
        std::mem::forget(library);
        // Two threads may both have opened it: the dynamic linker counts, and either binding is the same.
        let _ = LOADED.set((path.to_owned(), api));
    }
    match LOADED.get() {
        Some((open, api)) if open == path => Ok(api),
        _ => Err(Status::new(
            Code::FailedPrecondition,
            format!("{} cannot be opened: this process already runs another TensorFlow", path.display()),
        )),
    }
}

impl Api {
    /// The library's version, for example `2.21.0`.
    pub fn version(&self) -> String {
        // SAFETY: TensorFlow gives a constant C string.
        unsafe { std::ffi::CStr::from_ptr((self.TF_Version)()) }.to_string_lossy().into_owned()
    }

    /// Calls `call` with a fresh status and turns what it leaves there into a `Result`.
    pub fn checked<T>(&self, call: impl FnOnce(*mut RawStatus) -> T) -> Result<T, Status> {
        // SAFETY: a status is made, read and deleted here; `call` only borrows it.
        unsafe {
            let status = (self.TF_NewStatus)();
            let value = call(status);
            let code = (self.TF_GetCode)(status);
            let result = match code {
                0 => Ok(value),
                _ => {
                    let message = std::ffi::CStr::from_ptr((self.TF_Message)(status)).to_string_lossy().into_owned();
                    // TensorFlow's numbers are the canonical ones.
                    Err(Status::new(Code::from_number(code as u32), message))
                }
            };
            (self.TF_DeleteStatus)(status);
            result
        }
    }
}

/// Borrowed bytes as a `TF_Buffer`; valid as long as `bytes` is.
pub fn borrowed(bytes: &[u8]) -> Buffer {
    Buffer { data: bytes.as_ptr().cast(), length: bytes.len(), data_deallocator: None }
}

const _: () = assert!(size_of::<TString>() == 24, "TF_TString has 24 bytes on a 64-bit machine");
