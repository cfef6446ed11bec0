//! The body of `:predict` in one pass: each member is read where it stands.
//!
//! A name of the signature that comes after the values is taken on trust not to matter: it is looked for afterwards. This
//! module refuses nothing and has no messages: a body that it does not read, for whatever reason, is read again by
//! [`super::predict`], whose two passes know what is wrong first. So it must read only what is read there, and to the same
//! tensors; the tests compare both on every body that they know.

use std::sync::Arc;

use super::json::{document, validate, Kind, Object, Scanner};
use super::predict::{inputs, Format, PredictBody};
use crate::signature::Signature;
use crate::status::Result;
use crate::tensor::Tensor;

/// What has been read so far.
#[derive(Default)]
struct Read {
    signature_name: Option<String>,
    /// The signature that the values were read for.
    signature: Option<Arc<Signature>>,
    values: Option<(Format, Vec<(String, Tensor)>)>,
}

/// Reads a body; `None` when it takes a closer look, because of its order or because something is wrong with it.
pub fn parse(body: &[u8], signature: &mut impl FnMut(&str) -> Result<Arc<Signature>>) -> Option<PredictBody> {
    let mut scanner = document(body);
    scanner.skip_whitespace();
    if scanner.kind() != Kind::Object {
        return None;
    }
    let mut object = Object::open(&mut scanner);
    let mut read = Read::default();
    while let Some(name) = object.next_name(&mut scanner).ok()? {
        match &*name {
            b"instances" => read.values(Format::Row, &mut scanner, signature)?,
            b"inputs" => read.values(Format::Columnar, &mut scanner, signature)?,
            b"signature_name" => read.name(&mut scanner, signature)?,
            _ => validate(&mut scanner).ok()?,
        }
    }
    let (format, inputs) = read.values?;
    Some(PredictBody { signature_name: read.signature_name.unwrap_or_default(), format, inputs })
}

impl Read {
    /// Reads the values at the cursor; the first of equal names counts.
    fn values(
        &mut self,
        format: Format,
        scanner: &mut Scanner<'_>,
        signature: &mut impl FnMut(&str) -> Result<Arc<Signature>>,
    ) -> Option<()> {
        if let Some((first, _)) = &self.values {
            return if *first == format { validate(scanner).ok() } else { None };
        }
        let found = signature(self.signature_name.as_deref().unwrap_or_default()).ok()?;
        if found.inputs.is_empty() || (format == Format::Row && !starts_list(scanner)) {
            return None;
        }
        self.values = Some((format, inputs(format, scanner, &found).ok()?));
        self.signature = Some(found);
        Some(())
    }

    /// Reads the signature's name at the cursor; the first one counts, and must mean the signature that was already used.
    fn name(
        &mut self,
        scanner: &mut Scanner<'_>,
        signature: &mut impl FnMut(&str) -> Result<Arc<Signature>>,
    ) -> Option<()> {
        if self.signature_name.is_some() {
            return validate(scanner).ok();
        }
        if scanner.kind() != Kind::String {
            return None;
        }
        let name = String::from_utf8_lossy(&scanner.string().ok()?).into_owned();
        if let Some(used) = &self.signature {
            if !Arc::ptr_eq(used, &signature(&name).ok()?) {
                return None;
            }
        }
        self.signature_name = Some(name);
        Some(())
    }
}

/// Whether a list that is not empty stands at the cursor.
fn starts_list(scanner: &Scanner<'_>) -> bool {
    let mut ahead = scanner.clone();
    let is_list = ahead.take(b'[');
    ahead.skip_whitespace();
    is_list && ahead.peek() != b']'
}
