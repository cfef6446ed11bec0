//! Whether a signature answers joined rows as it answers single ones: found out on the loaded version, before anybody is served.
//!
//! A model may mix its rows (a normalisation over the batch, a ranking, a running count) and batching would then change
//! answers. So rows are run one by one and joined, and compared: recorded ones where the version brings two or more, else rows
//! made up from the signature. What cannot be made up, or does not agree, runs unbatched and its status says why.

use std::sync::Arc;

use bytes::Bytes;
use seaway_wire::DType;
use smallvec::smallvec;

use super::examples::ExampleSpec;
use super::recorded::{recorded_rows, Inputs};
use super::split::{share, Share};
use crate::channel::Channel;
use crate::job::Job;
use crate::signature::{Signature, TensorInfo};
use crate::status::{Result, Status};
use crate::tensor::{element_count, Shape, Tensor, TensorView};

/// Rows that are joined: an odd number, so that a model that looks at pairs is seen too.
const ROWS: usize = 3;
/// What stands for a free inner dimension: small, and enough for the usual kernels.
const FREE_DIM: i64 = 8;
/// Largest made-up row, in bytes: proving must not cost more than serving.
const MAX_ROW_BYTES: usize = 16 << 20;
/// How far joined and single answers of floating-point outputs may differ, relative to the largest value of the output:
/// other kernels are chosen for other sizes and add in another order.
const RELATIVE_TOLERANCE: f64 = 1e-4;

/// Proves one signature on a loaded version, with recorded requests for it if there are any; the error says why it runs
/// unbatched.
pub async fn prove(
    channel: &Arc<Channel>,
    signature: &Arc<Signature>,
    recorded: &[Job],
) -> std::result::Result<(), String> {
    check_shapes(signature)?;
    let rows = rows(channel, signature, recorded).await?;
    let mut single = Vec::with_capacity(ROWS);
    for row in &rows {
        single.push(run(channel, signature, row.clone()).await?);
    }
    let again = run(channel, signature, rows[0].clone()).await?;
    if !agree(&again.views(), &single[0].views()) {
        return Err("the same row gives different answers when it is sent twice".to_owned());
    }
    let joined = run(channel, signature, join_rows(&rows).map_err(|status| status.message)?).await?;
    for (row, single) in single.iter().enumerate() {
        compare(&joined.views(), row, &single.views())?;
    }
    Ok(())
}

fn check_shapes(signature: &Signature) -> std::result::Result<(), String> {
    if signature.inputs.is_empty() {
        return Err("it has no inputs".to_owned());
    }
    let infos = signature.inputs.iter().map(|info| ("input", info));
    for (kind, info) in infos.chain(signature.outputs.iter().map(|info| ("output", info))) {
        if info.dtype.is_err() || info.shape.as_ref().is_none_or(|shape| shape.first() != Some(&-1)) {
            return Err(format!("{kind} {:?} has no free leading dimension", info.alias));
        }
    }
    Ok(())
}

/// The rows to prove with: as many as [`ROWS`], of which two differ at least.
async fn rows(
    channel: &Arc<Channel>,
    signature: &Arc<Signature>,
    recorded: &[Job],
) -> std::result::Result<Vec<Inputs>, String> {
    let recorded = recorded_rows(recorded, ROWS);
    if recorded.len() > 1 {
        return Ok(recorded.iter().cycle().take(ROWS).cloned().collect());
    }
    let made_up: Vec<Inputs> =
        (0..ROWS).map(|row| sample(signature, row)).collect::<Result<_>>().map_err(|status| status.message)?;
    match run(channel, signature, made_up[0].clone()).await {
        Ok(_) => Ok(made_up),
        Err(why) => examples(channel, signature).await.ok_or(format!("{why} (warm-up records would be used instead)")),
    }
}

/// Rows of a signature whose one input are serialized examples; none when they cannot be made up.
async fn examples(channel: &Arc<Channel>, signature: &Arc<Signature>) -> Option<Vec<Inputs>> {
    let [input] = signature.inputs.as_slice() else { return None };
    if input.dtype.ok() != Some(DType::String) || input.shape.as_deref() != Some(&[-1]) {
        return None;
    }
    let mut spec = ExampleSpec::default();
    let row = |spec: &ExampleSpec, number: usize| {
        let tensor = Tensor::strings(smallvec![1], vec![spec.example(number)]).ok()?;
        Some(vec![(input.alias.clone(), tensor)])
    };
    // Ends: something is learnt from each refusal but the last, and there is a bound on what can be.
    while let Err(why) = run(channel, signature, row(&spec, 0)?).await {
        if !spec.learn(&why) {
            return None;
        }
    }
    let rows = (0..ROWS).map(|number| row(&spec, number)).collect::<Option<_>>()?;
    spec.tells_rows_apart().then_some(rows)
}

async fn run(
    channel: &Arc<Channel>,
    signature: &Arc<Signature>,
    inputs: Inputs,
) -> std::result::Result<crate::channel::Outputs, String> {
    let job = Job { signature: Arc::clone(signature), inputs, outputs: Vec::new(), deadline: None, background: false };
    // Detached: answers that held their slots until they are compared could use them up.
    channel.run_alone(job).await.map(crate::channel::Outputs::detached).map_err(|status| {
        // Engines add a trace of their graph on further lines.
        format!("the inputs to prove it with are refused: {}", status.message.lines().next().unwrap_or_default())
    })
}

/// One made-up row.
fn sample(signature: &Signature, row: usize) -> Result<Inputs> {
    signature.inputs.iter().map(|info| Ok((info.alias.clone(), sample_input(info, row)?))).collect()
}

fn sample_input(info: &TensorInfo, row: usize) -> Result<Tensor> {
    let mut shape: Shape = info.shape.iter().flatten().map(|dim| if *dim < 0 { FREE_DIM } else { *dim }).collect();
    if let Some(rows) = shape.first_mut() {
        *rows = 1;
    }
    let count = element_count(&shape)?;
    let dtype = info.dtype.map_err(|_| Status::internal("checked before"))?;
    if count.saturating_mul(dtype.size_bytes().unwrap_or(16)) > MAX_ROW_BYTES {
        return Err(Status::invalid_argument(format!("a row of input {:?} is too large to make one up", info.alias)));
    }
    match dtype.size_bytes() {
        None => Tensor::strings(shape, (0..count).map(|index| Bytes::from(format!("{}", (row + index) % 7))).collect()),
        Some(size) => {
            let mut bytes = Vec::with_capacity(count * size);
            (0..count).for_each(|index| put_sample(dtype, row, index, &mut bytes));
            Tensor::raw(dtype, shape, bytes.into())
        }
    }
}

/// A small value that differs from row to row: between 0 and 1 for floating-point types, 0 to 2 for the others, which are
/// often indices.
fn put_sample(dtype: DType, row: usize, index: usize, out: &mut Vec<u8>) {
    let step = (row * 37 + index * 11) % 64;
    let fraction = step as f64 / 64.0;
    match dtype {
        DType::Float => out.extend((fraction as f32).to_le_bytes()),
        DType::Double => out.extend(fraction.to_le_bytes()),
        // The upper half of a float is its bfloat16; 1.0 and 0.0 are exact in both 16-bit types.
        DType::BFloat16 => out.extend(((fraction as f32).to_bits() >> 16).to_le_bytes()[..2].iter()),
        DType::Half => out.extend(if step.is_multiple_of(2) { 0u16 } else { 0x3c00 }.to_le_bytes()),
        DType::Complex64 => [fraction as f32, 0.0].iter().for_each(|part| out.extend(part.to_le_bytes())),
        DType::Complex128 => [fraction, 0.0].iter().for_each(|part| out.extend(part.to_le_bytes())),
        DType::Bool => out.push((step % 2) as u8),
        other => {
            let size = other.size_bytes().unwrap_or(1);
            out.extend(&((step % 3) as u64).to_le_bytes()[..size]);
        }
    }
}

fn join_rows(rows: &[Inputs]) -> Result<Inputs> {
    let jobs: Vec<Job> = rows.iter().map(|inputs| bare_job(inputs.clone())).collect();
    super::merge::merge(&jobs, rows.len(), rows.len())
        .iter()
        .map(|merged| {
            let mut bytes = vec![0; merged.len_bytes()];
            merged.write_to(&mut bytes);
            let tensor = match merged.dtype {
                DType::String => {
                    let count = element_count(&merged.shape)?;
                    let elements = seaway_wire::strings::decode(&bytes, count).expect("just encoded");
                    Tensor::strings(merged.shape.clone(), elements.into_iter().map(Bytes::copy_from_slice).collect())?
                }
                dtype => Tensor::raw(dtype, merged.shape.clone(), bytes.into())?,
            };
            Ok((merged.name.to_owned(), tensor))
        })
        .collect()
}

fn bare_job(inputs: Inputs) -> Job {
    let signature = Signature {
        name: "".into(),
        method_name: String::new(),
        inputs: Vec::new(),
        outputs: Vec::new(),
        defaults: Default::default(),
    };
    Job { signature: Arc::new(signature), inputs, outputs: Vec::new(), deadline: None, background: false }
}

fn compare(joined: &[TensorView<'_>], row: usize, single: &[TensorView<'_>]) -> std::result::Result<(), String> {
    for (joined, single) in joined.iter().zip(single) {
        let own = share(joined, row, 1, ROWS)
            .map_err(|_| format!("output {:?} does not have one row for each input row", joined.name))?;
        let bytes = match &own {
            Share::Range { start, len } => &joined.bytes[*start..start + len],
            Share::Copied(bytes) => bytes,
        };
        let mut shape: Shape = smallvec![1];
        shape.extend_from_slice(&joined.shape[1..]);
        let own = TensorView { shape: &shape, bytes, ..*joined };
        if !agree(&[own], &[*single]) {
            return Err(format!("output {:?} of a row depends on the rows beside it", joined.name));
        }
    }
    Ok(())
}

/// Whether two sets of outputs are the same: floating-point values within the tolerance, everything else to the bit.
fn agree(a: &[TensorView<'_>], b: &[TensorView<'_>]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            a.name == b.name
                && a.dtype == b.dtype
                && a.shape == b.shape
                && (a.bytes == b.bytes || floats(a).zip(floats(b)).is_some_and(|(a, b)| close(&a, &b)))
        })
}

fn close(a: &[f64], b: &[f64]) -> bool {
    let largest =
        a.iter().chain(b).filter(|value| value.is_finite()).fold(0.0f64, |largest, value| largest.max(value.abs()));
    a.iter().zip(b).all(|(a, b)| {
        (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= RELATIVE_TOLERANCE * largest.max(f64::MIN_POSITIVE)
    })
}

/// The values of a floating-point output.
fn floats(view: &TensorView<'_>) -> Option<Vec<f64>> {
    match view.dtype {
        DType::Float | DType::Complex64 => Some(
            view.bytes.chunks_exact(4).map(|c| f32::from_le_bytes(c.try_into().expect("chunks of 4")).into()).collect(),
        ),
        DType::Double | DType::Complex128 => {
            Some(view.bytes.chunks_exact(8).map(|c| f64::from_le_bytes(c.try_into().expect("chunks of 8"))).collect())
        }
        // Sixteen bits hold three digits: their rounding is coarser than the tolerance, so they must agree to the bit.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view<'a>(shape: &'a [i64], bytes: &'a [u8]) -> TensorView<'a> {
        TensorView { name: "y", dtype: DType::Float, shape, bytes }
    }

    fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn small_differences_of_large_values_agree_and_others_do_not() {
        let cases = [
            (vec![100.0, 1.0], vec![100.001, 1.001], true),
            (vec![100.0, 1.0], vec![100.0, 1.1], false),
            (vec![f32::NAN], vec![f32::NAN], true),
            (vec![f32::INFINITY], vec![f32::INFINITY], true),
            (vec![f32::INFINITY], vec![1.0], false),
            (vec![0.0], vec![-0.0], true),
        ];
        for (a, b, expected) in cases {
            let shape = [a.len() as i64];
            assert_eq!(agree(&[view(&shape, &bytes(&a))], &[view(&shape, &bytes(&b))]), expected, "{a:?} {b:?}");
        }
        assert!(!agree(&[view(&[2], &[0; 8])], &[view(&[2, 1], &[0; 8])]), "another shape");
    }
}
