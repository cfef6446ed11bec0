//! The replies to `:classify` and `:regress`.
//!
//! Source: tensorflow_serving/util/json_tensor.cc, MakeJsonFromClassificationResult and MakeJsonFromRegressionResult. The key
//! is `results`, whatever the reference page says.

use super::json::{write_f32, Writer};
use crate::status::{Result, Status};

/// Appends a list of label and score pairs per example.
///
/// Errors: INVALID_ARGUMENT when there is no example.
pub fn write_classifications(results: &[Vec<(String, f32)>], out: &mut Vec<u8>) -> Result<()> {
    if results.is_empty() {
        return Err(Status::invalid_argument("Cannot convert empty ClassificationResults to JSON"));
    }
    let mut writer = Writer::new(out);
    writer.start_object();
    writer.string(b"results");
    writer.start_array();
    for classes in results {
        writer.single_line_arrays(true);
        writer.start_array();
        for (label, score) in classes {
            writer.start_array();
            writer.string(label.as_bytes());
            writer.raw(|out| write_f32(out, *score));
            writer.end_array();
        }
        writer.end_array();
        writer.single_line_arrays(false);
    }
    writer.end_array();
    writer.end_object();
    Ok(())
}

/// Appends a value per example.
///
/// Errors: INVALID_ARGUMENT when there is no example.
pub fn write_regressions(results: &[f32], out: &mut Vec<u8>) -> Result<()> {
    if results.is_empty() {
        return Err(Status::invalid_argument("Cannot convert empty RegressionResults to JSON"));
    }
    let mut writer = Writer::new(out);
    writer.start_object();
    writer.string(b"results");
    writer.single_line_arrays(true);
    writer.start_array();
    for value in results {
        writer.raw(|out| write_f32(out, *value));
    }
    writer.end_array();
    writer.end_object();
    Ok(())
}
