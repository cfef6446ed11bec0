//! How string tensors lie in the arena: `count + 1` little-endian u64 offsets, then the bytes of all elements.
//!
//! Element `i` is `bytes[offset[i]..offset[i + 1]]`, counted from the first byte after the offset table.

/// Bytes that `elements` take in the arena.
pub fn encoded_len<'a>(elements: impl Iterator<Item = &'a [u8]>) -> usize {
    elements.fold(8, |total, element| total + 8 + element.len())
}

/// Writes `elements` into `out`, which is exactly [`encoded_len`] bytes.
///
/// Panics when `out` has another length: the caller sized it with the same elements.
pub fn encode<'a>(elements: impl Iterator<Item = &'a [u8]> + Clone, out: &mut [u8]) {
    let count = elements.clone().count();
    let (table, mut bytes) = out.split_at_mut((count + 1) * 8);
    let mut end = 0u64;
    table[..8].copy_from_slice(&end.to_le_bytes());
    for (index, element) in elements.enumerate() {
        end += element.len() as u64;
        table[(index + 1) * 8..(index + 2) * 8].copy_from_slice(&end.to_le_bytes());
        let (here, rest) = bytes.split_at_mut(element.len());
        here.copy_from_slice(element);
        bytes = rest;
    }
    assert!(bytes.is_empty(), "a string tensor's region has {} bytes too many", bytes.len());
}

/// The `count` elements in `data`, or `None` when the table does not fit `data`: a worker is another program and may be wrong.
pub fn decode(data: &[u8], count: usize) -> Option<Vec<&[u8]>> {
    let table_len = count.checked_add(1)?.checked_mul(8)?;
    let (table, bytes) = data.split_at_checked(table_len)?;
    let mut offsets = table.chunks_exact(8).map(|c| u64::from_le_bytes(c.try_into().expect("chunks of 8")) as usize);
    let mut start = offsets.next()?;
    let mut elements = Vec::with_capacity(count);
    for end in offsets {
        elements.push(bytes.get(start..end)?);
        start = end;
    }
    Some(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(elements: &[&[u8]]) {
        let mut out = vec![0; encoded_len(elements.iter().copied())];
        encode(elements.iter().copied(), &mut out);
        assert_eq!(decode(&out, elements.len()).unwrap(), elements);
    }

    #[test]
    fn elements_round_trip() {
        round_trip(&[]);
        round_trip(&[b""]);
        round_trip(&[b"a", b"", b"\0\xff longer"]);
    }

    #[test]
    fn a_table_that_does_not_fit_is_refused() {
        assert_eq!(decode(&[0; 8], 1), None);
        let mut bad = vec![0; 16];
        bad[8..].copy_from_slice(&9u64.to_le_bytes());
        assert_eq!(decode(&bad, 1), None);
        assert_eq!(decode(&bad, usize::MAX), None);
    }
}
