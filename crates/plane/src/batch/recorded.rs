//! Rows of recorded requests, as far as they can be joined with each other. Pure.

use crate::batch::rows_of;
use crate::job::Job;
use crate::tensor::Tensor;

/// The inputs of one request, by name.
pub type Inputs = Vec<(String, Tensor)>;

/// Rows that are looked at: a record may hold thousands.
const MAX_LOOKED_AT: usize = 1024;

/// Up to `wanted` different rows of the same inner shapes, taken from requests for one signature; those of the shapes that most
/// rows have.
pub fn recorded_rows(jobs: &[Job], wanted: usize) -> Vec<Inputs> {
    let mut groups: Vec<Vec<Inputs>> = Vec::new();
    for row in jobs.iter().flat_map(rows).take(MAX_LOOKED_AT) {
        let index = groups.iter().position(|group| fit(&group[0], &row)).unwrap_or_else(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        let group = &mut groups[index];
        if !group.iter().any(|other| same(other, &row)) {
            group.push(row);
        }
        if group.len() == wanted {
            return groups.swap_remove(index);
        }
    }
    groups.into_iter().max_by_key(Vec::len).unwrap_or_default()
}

fn rows(job: &Job) -> impl Iterator<Item = Inputs> + '_ {
    (0..rows_of(job).unwrap_or(0))
        .map(|row| job.inputs.iter().map(|(name, tensor)| (name.clone(), tensor.slice_rows(row, 1))).collect())
}

fn fit(a: &Inputs, b: &Inputs) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((_, a), (_, b))| a.shape() == b.shape())
}

fn same(a: &Inputs, b: &Inputs) -> bool {
    a.iter().zip(b).all(|((_, a), (_, b))| encoded(a) == encoded(b))
}

fn encoded(tensor: &Tensor) -> Vec<u8> {
    let mut bytes = vec![0; tensor.len_bytes()];
    tensor.write_to(&mut bytes);
    bytes
}
