//! One input tensor, made from a command-line argument: `NAME=DTYPE:SHAPE:VALUES`.

use std::str::FromStr;

use seaway_wire::DType;

/// Largest tensor made from flags, in elements.
const MAX_ELEMENTS: u64 = 1 << 28;

/// A named tensor with its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Name in the signature.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Size of each dimension; empty for a scalar.
    pub shape: Vec<i64>,
    /// Values in row-major order; every type offered fits into a double.
    pub values: Vec<f64>,
}

impl Input {
    /// The values in memory order, little-endian.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for value in &self.values {
            put(&mut bytes, self.dtype, *value);
        }
        bytes
    }

    /// The input of `count` requests in one: the leading dimension is as many times as long. A scalar stays as it is.
    pub fn joined(&self, count: usize) -> Input {
        let mut shape = self.shape.clone();
        let Some(leading) = shape.first_mut() else { return self.clone() };
        *leading *= count as i64;
        Input { shape, values: self.values.repeat(count), ..self.clone() }
    }

    /// Whether JSON writes the values with a fraction.
    pub fn is_fractional(&self) -> bool {
        matches!(self.dtype, DType::Float | DType::Double)
    }
}

impl FromStr for Input {
    type Err = String;

    fn from_str(text: &str) -> Result<Input, String> {
        let form = || format!("{text:?} is not NAME=DTYPE:SHAPE:VALUES, for example x=float32:1,28,28,1:random");
        let (name, rest) = text.split_once('=').ok_or_else(form)?;
        let mut parts = rest.splitn(3, ':');
        let (Some(dtype), Some(shape), Some(values)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(form());
        };
        let dtype = parse_dtype(dtype)?;
        let (shape, count) = parse_shape(shape)?;
        Ok(Input { name: name.into(), dtype, shape, values: parse_values(values, dtype, count)? })
    }
}

fn parse_dtype(text: &str) -> Result<DType, String> {
    Ok(match text {
        "float32" => DType::Float,
        "float64" => DType::Double,
        "int32" => DType::Int32,
        "int64" => DType::Int64,
        "uint8" => DType::UInt8,
        "bool" => DType::Bool,
        _ => {
            let known = "float32, float64, int32, int64, uint8, bool";
            return Err(format!("{text:?} is none of {known}; give other types with --body"));
        }
    })
}

fn parse_shape(text: &str) -> Result<(Vec<i64>, usize), String> {
    let sizes = text.split(',').filter(|size| !size.is_empty());
    let shape: Vec<i64> = sizes
        .map(|size| size.parse().ok().filter(|size| *size >= 0).ok_or_else(|| format!("{size:?} is not a dimension")))
        .collect::<Result<_, _>>()?;
    let count = shape.iter().try_fold(1u64, |count, size| count.checked_mul(*size as u64));
    match count.filter(|count| *count <= MAX_ELEMENTS) {
        Some(count) => Ok((shape, count as usize)),
        None => Err(format!("shape {text} has more than {MAX_ELEMENTS} elements")),
    }
}

fn parse_values(text: &str, dtype: DType, count: usize) -> Result<Vec<f64>, String> {
    match text {
        "zeros" => return Ok(vec![0.0; count]),
        "random" => return Ok(random(dtype, count)),
        _ => {}
    }
    let given: Vec<f64> = text
        .split(',')
        .map(|value| value.trim().parse().map_err(|_| format!("{value:?} is not a number")))
        .collect::<Result<_, _>>()?;
    Ok(given.into_iter().cycle().take(count).collect())
}

/// Values like those of 8-bit pixels, scaled to [0, 1] where the type has fractions; the same ones in every run.
fn random(dtype: DType, count: usize) -> Vec<f64> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut pixel = || {
        // Source: Marsaglia, Xorshift RNGs (2003), the 64-bit generator 13, 7, 17.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 56) as f64
    };
    let scaled = |pixel: f64| match dtype {
        DType::Float => f64::from(pixel as f32 / 255.0),
        DType::Double => pixel / 255.0,
        DType::Bool => f64::from(pixel >= 128.0),
        _ => pixel,
    };
    (0..count).map(|_| scaled(pixel())).collect()
}

fn put(out: &mut Vec<u8>, dtype: DType, value: f64) {
    match dtype {
        DType::Float => out.extend_from_slice(&(value as f32).to_le_bytes()),
        DType::Double => out.extend_from_slice(&value.to_le_bytes()),
        DType::Int32 => out.extend_from_slice(&(value as i32).to_le_bytes()),
        DType::Int64 => out.extend_from_slice(&(value as i64).to_le_bytes()),
        DType::Bool => out.push(u8::from(value != 0.0)),
        DType::UInt8 => out.push(value as u8),
        _ => unreachable!("parse_dtype lets no other type in"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_repeated_until_the_shape_is_full() {
        let input: Input = "x=int32:2,2:1,-2,3".parse().unwrap();
        assert_eq!((input.name.as_str(), input.dtype, &input.shape), ("x", DType::Int32, &vec![2, 2]));
        assert_eq!(input.values, [1.0, -2.0, 3.0, 1.0]);
        assert_eq!(input.bytes(), [1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 3, 0, 0, 0, 1, 0, 0, 0]);
        let scalar: Input = "x=float64::2.5".parse().unwrap();
        assert_eq!((scalar.shape.len(), scalar.bytes()), (0, 2.5f64.to_le_bytes().to_vec()));
    }

    #[test]
    fn random_values_are_scaled_pixels_and_the_same_each_time() {
        let make = || "x=float32:1,28,28,1:random".parse::<Input>().unwrap();
        let input = make();
        assert_eq!((input.values.len(), input.bytes().len()), (784, 4 * 784));
        assert!(input.values.iter().all(|value| (0.0..=1.0).contains(value)));
        assert!(input.values.iter().any(|value| *value != input.values[0]));
        assert_eq!(input, make());
    }

    #[test]
    fn a_bad_input_is_refused_with_what_is_wrong() {
        for (text, part) in [
            ("x", "NAME=DTYPE:SHAPE:VALUES"),
            ("x=float32:1", "NAME=DTYPE:SHAPE:VALUES"),
            ("x=string:1:a", "--body"),
            ("x=float32:-1:zeros", "\"-1\" is not a dimension"),
            ("x=float32:99999,99999,99999:zeros", "elements"),
            ("x=float32:1:one", "\"one\" is not a number"),
        ] {
            let message = text.parse::<Input>().unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
