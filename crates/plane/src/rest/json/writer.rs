//! A JSON writer that lays text out exactly as TensorFlow Serving's does: four spaces, and arrays on one line where asked.
//!
//! Source: rapidjson, prettywriter.h (PrettyPrefix, EndArray, EndObject) and writer.h (WriteString).

use smallvec::SmallVec;

#[derive(Clone, Copy)]
struct Level {
    is_array: bool,
    values: usize,
}

/// Writes one document to a buffer; the caller sees to it that names and values alternate in objects.
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
    levels: SmallVec<[Level; 8]>,
    single_line_arrays: bool,
}

impl<'o> Writer<'o> {
    /// Appends to `out`.
    pub fn new(out: &'o mut Vec<u8>) -> Writer<'o> {
        Writer { out, levels: SmallVec::new(), single_line_arrays: false }
    }

    /// Whether array elements written from now on stay on their line.
    pub fn single_line_arrays(&mut self, on: bool) {
        self.single_line_arrays = on;
    }

    /// Bytes in the buffer.
    pub fn len_bytes(&self) -> usize {
        self.out.len()
    }

    /// Writes `{`.
    pub fn start_object(&mut self) {
        self.start(b'{', false);
    }

    /// Writes `}`.
    pub fn end_object(&mut self) {
        let level = self.levels.pop();
        if level.is_some_and(|level| level.values > 0) {
            self.new_line();
        }
        self.out.push(b'}');
    }

    /// Writes `[`.
    pub fn start_array(&mut self) {
        self.start(b'[', true);
    }

    /// Writes `]`.
    pub fn end_array(&mut self) {
        let level = self.levels.pop();
        if level.is_some_and(|level| level.values > 0) && !self.single_line_arrays {
            self.new_line();
        }
        self.out.push(b']');
    }

    /// Writes a string or a member's name. Bytes that are not UTF-8 pass as they are, as from TensorFlow Serving.
    pub fn string(&mut self, text: &[u8]) {
        self.prefix();
        write_string(self.out, text);
    }

    /// Writes a value whose text `write` appends.
    #[inline]
    pub fn raw(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.prefix();
        write(self.out);
    }

    fn start(&mut self, bracket: u8, is_array: bool) {
        self.prefix();
        self.out.push(bracket);
        self.levels.push(Level { is_array, values: 0 });
    }

    #[inline]
    fn prefix(&mut self) {
        let Some(level) = self.levels.last_mut() else { return };
        let before = level.values;
        level.values += 1;
        if level.is_array && self.single_line_arrays {
            if before > 0 {
                self.out.extend_from_slice(b", ");
            }
            return;
        }
        if !level.is_array && before % 2 == 1 {
            self.out.extend_from_slice(b": ");
            return;
        }
        if before > 0 {
            self.out.push(b',');
        }
        self.new_line();
    }

    #[inline]
    fn new_line(&mut self) {
        const SPACES: [u8; 64] = [b' '; 64];
        self.out.push(b'\n');
        let mut indent = self.levels.len() * 4;
        while indent > 0 {
            let now = indent.min(SPACES.len());
            self.out.extend_from_slice(&SPACES[..now]);
            indent -= now;
        }
    }
}

/// Appends `text` in quotation marks.
fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    while let Some(plain) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F)) {
        out.extend_from_slice(&rest[..plain]);
        write_escape(out, rest[plain]);
        rest = &rest[plain + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0C => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
