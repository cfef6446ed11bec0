//! TFRecord files: a length, its checksum, the record, its checksum, and the next one.
//!
//! Source: tensorflow/core/lib/io/record_writer.cc; tensorflow/core/lib/hash/crc32c.h (Mask). For the checksum, CRC-32C of
//! RFC 3720, appendix B.4.

use std::io::{self, Read};

use prost::Message;

/// Bytes of a record beside its own.
pub const OVERHEAD: usize = 16;
const HEAD: usize = 12;
const POLYNOMIAL: u32 = 0x82f6_3b78;
const MASK_DELTA: u32 = 0xa282_ead8;

/// `TABLES[0]` is the remainder of each byte; the others are of the same byte with so many zero bytes behind it, which lets eight
/// bytes be looked up independently of each other.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before: u32 = tables[zeros - 1][byte];
            tables[zeros][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

/// CRC-32C of some bytes.
fn crc32c(bytes: &[u8]) -> u32 {
    let eights = bytes.chunks_exact(8);
    let rest = eights.remainder();
    let crc = eights.fold(!0u32, |crc, eight| {
        let eight = u64::from_le_bytes(eight.try_into().expect("chunks of 8")) ^ u64::from(crc);
        (0..8).fold(0, |next, at| next ^ TABLES[7 - at][(eight >> (8 * at)) as usize & 0xff])
    });
    !rest.iter().fold(crc, |crc, byte| (crc >> 8) ^ TABLES[0][(crc ^ u32::from(*byte)) as usize & 0xff])
}

/// The checksum as the file has it.
pub fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(MASK_DELTA)
}

/// A message as one record of a file.
pub fn frame(message: &impl Message) -> Vec<u8> {
    let len = message.encoded_len();
    let mut out = Vec::with_capacity(len + OVERHEAD);
    out.extend_from_slice(&(len as u64).to_le_bytes());
    out.extend_from_slice(&masked_crc(&out).to_le_bytes());
    message.encode_raw(&mut out);
    let crc = masked_crc(&out[HEAD..]);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// Bytes from the start of a file to the end of the last record that is whole: a writer may have been ended in the middle of one.
///
/// Errors: the operating system's.
pub fn whole(file: &mut impl Read) -> io::Result<u64> {
    let mut end = 0;
    let mut body = Vec::new();
    loop {
        let mut head = Vec::with_capacity(HEAD);
        file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        let Some((len, crc)) = head.split_first_chunk::<8>() else { return Ok(end) };
        if crc != masked_crc(len).to_le_bytes() {
            return Ok(end);
        }
        let len = u64::from_le_bytes(*len);
        body.clear();
        file.by_ref().take(len.saturating_add(4)).read_to_end(&mut body)?;
        let Some((record, crc)) = body.split_last_chunk::<4>() else { return Ok(end) };
        if record.len() as u64 != len || *crc != masked_crc(record).to_le_bytes() {
            return Ok(end);
        }
        end += len + OVERHEAD as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::tensorflow::serving::ModelSpec;

    const TENSORFLOW_WROTE: [u8; 19] = [3, 0, 0, 0, 0, 0, 0, 0, 176, 153, 73, 14, 10, 1, 109, 5, 159, 108, 179];

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32c(b""), 0);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    /// The bytes are those that tf.io.TFRecordWriter of TensorFlow 2.21 wrote for this record.
    #[test]
    fn a_record_is_framed_as_tensorflow_frames_it() {
        let spec = ModelSpec { name: "m".into(), ..ModelSpec::default() };
        assert_eq!(frame(&spec), TENSORFLOW_WROTE);
    }

    #[test]
    fn what_is_whole_ends_where_a_record_does() {
        let spec = |name: &str| ModelSpec { name: name.into(), ..ModelSpec::default() };
        let (first, second) = (frame(&spec("a")), frame(&spec("another")));
        let both = [first.as_slice(), &second].concat();
        assert_eq!(whole(&mut both.as_slice()).unwrap(), both.len() as u64);
        for cut in 0..both.len() {
            let expected = if cut < first.len() { 0 } else { first.len() };
            assert_eq!(whole(&mut &both[..cut]).unwrap(), expected as u64, "cut at {cut}");
        }
        let mut damaged = both.clone();
        damaged[first.len() + 14] ^= 1;
        assert_eq!(whole(&mut damaged.as_slice()).unwrap(), first.len() as u64);
    }
}
