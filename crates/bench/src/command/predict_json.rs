//! A `:predict` body as JSON.
//!
//! One input with a batch dimension is written as `instances`, the form of most clients; anything else as `inputs`.
//!
//! Source: tensorflow_serving/g3doc/api_rest.md.

use std::fmt::Write;

use seaway_wire::DType;
use serde_json::Value;

use super::input::Input;

/// The body that asks `signature` for `inputs`.
pub fn encode(signature: &str, inputs: &[Input]) -> String {
    let mut body = String::from("{");
    if !signature.is_empty() {
        // Writing to a string cannot fail, here and below.
        let _ = write!(body, "\"signature_name\": {}, ", Value::from(signature));
    }
    match inputs {
        [input] if !input.shape.is_empty() => {
            body.push_str("\"instances\": ");
            put_array(&mut body, input, &input.shape, &input.values);
        }
        _ => {
            body.push_str("\"inputs\": {");
            for (index, input) in inputs.iter().enumerate() {
                let _ = write!(body, "{}{}: ", if index > 0 { ", " } else { "" }, Value::from(input.name.as_str()));
                put_array(&mut body, input, &input.shape, &input.values);
            }
            body.push('}');
        }
    }
    body.push('}');
    body
}

fn put_array(out: &mut String, input: &Input, shape: &[i64], values: &[f64]) {
    let Some((size, inner)) = shape.split_first() else {
        return put_number(out, input, values[0]);
    };
    out.push('[');
    let width = inner.iter().product::<i64>() as usize;
    for index in 0..*size as usize {
        if index > 0 {
            out.push_str(", ");
        }
        put_array(out, input, inner, &values[index * width..(index + 1) * width]);
    }
    out.push(']');
}

fn put_number(out: &mut String, input: &Input, value: f64) {
    let _ = match input.dtype {
        DType::Bool => write!(out, "{}", value != 0.0),
        // Debug keeps ".0", and writes no more digits than the type has.
        DType::Float => write!(out, "{:?}", value as f32),
        _ if input.is_fractional() => write!(out, "{value:?}"),
        _ => write!(out, "{value}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(text: &str) -> Input {
        text.parse().unwrap()
    }

    #[test]
    fn one_batched_input_becomes_instances() {
        assert_eq!(encode("", &[input("x=float32:3:1.0,2.0,5.0")]), r#"{"instances": [1.0, 2.0, 5.0]}"#);
        let body = encode("s", &[input("x=int64:2,2,1:1,2,3,4")]);
        assert_eq!(body, r#"{"signature_name": "s", "instances": [[[1], [2]], [[3], [4]]]}"#);
    }

    #[test]
    fn scalars_and_several_inputs_become_columns() {
        assert_eq!(encode("", &[input("x=float32::0.1")]), r#"{"inputs": {"x": 0.1}}"#);
        let body = encode("", &[input("a=bool:2:1,0"), input("b=float64:1,0:zeros")]);
        assert_eq!(body, r#"{"inputs": {"a": [true, false], "b": [[]]}}"#);
    }
}
