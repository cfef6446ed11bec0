//! A message that is passed on as bytes, whatever it is.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{encode_key, encode_varint, DecodeContext, WireType};
use prost::{DecodeError, Message};

use super::varint;

/// Any protobuf message, kept in its serialized form.
///
/// Decoding checks the outer structure only (keys, lengths, wire types); unknown and repeated fields are kept in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawMessage {
    bytes: BytesMut,
}

impl RawMessage {
    /// A message from its serialized form.
    pub fn new(bytes: BytesMut) -> RawMessage {
        RawMessage { bytes }
    }

    /// The serialized form.
    pub fn into_bytes(self) -> Bytes {
        self.bytes.freeze()
    }
}

impl Message for RawMessage {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.bytes);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        match wire_type {
            WireType::LengthDelimited => {
                let value = varint::take_delimited(buf)?;
                encode_key(tag, wire_type, &mut self.bytes);
                encode_varint(value.len() as u64, &mut self.bytes);
                self.bytes.put_slice(&value);
                Ok(())
            }
            WireType::Varint => {
                let value = prost::encoding::decode_varint(buf)?;
                encode_key(tag, wire_type, &mut self.bytes);
                encode_varint(value, &mut self.bytes);
                Ok(())
            }
            WireType::ThirtyTwoBit => {
                let value = varint::take(buf, 4)?;
                encode_key(tag, wire_type, &mut self.bytes);
                self.bytes.put_slice(&value);
                Ok(())
            }
            WireType::SixtyFourBit => {
                let value = varint::take(buf, 8)?;
                encode_key(tag, wire_type, &mut self.bytes);
                self.bytes.put_slice(&value);
                Ok(())
            }
            // Groups are proto2 only and in none of these messages: they are left out, and malformed ones refused.
            WireType::StartGroup | WireType::EndGroup => prost::encoding::skip_field(wire_type, tag, buf, ctx),
        }
    }

    fn encoded_len(&self) -> usize {
        self.bytes.len()
    }

    fn clear(&mut self) {
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::tensorflow::serving::ModelSpec;

    #[test]
    fn any_message_passes_unchanged() {
        let spec = ModelSpec { name: "m".into(), signature_name: "s".into(), version_choice: None };
        let bytes = spec.encode_to_vec();
        assert_eq!(RawMessage::decode(bytes.as_slice()).unwrap().encode_to_vec(), bytes);
    }

    #[test]
    fn every_wire_type_passes_in_order_and_groups_are_left_out() {
        let before = [0x08, 0x96, 0x01, 0x15, 1, 2, 3, 4, 0x19, 1, 2, 3, 4, 5, 6, 7, 8];
        let group = [0x23, 0x08, 0x01, 0x24];
        let after = [0x2a, 2, b'h', b'i'];
        let decoded = RawMessage::decode([&before[..], &group, &after].concat().as_slice()).unwrap();
        assert_eq!(decoded.into_bytes(), [&before[..], &after].concat());
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = [0x08, 0x96, 0x01, 0x2a, 2, b'h', b'i'];
        for end in [1, 2, 4, 5, 6] {
            assert!(RawMessage::decode(&bytes[..end]).is_err(), "{end} bytes");
        }
    }
}
