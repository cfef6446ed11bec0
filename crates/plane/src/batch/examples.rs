//! Serialized `tensorflow.Example`s for a signature that parses them, made from what TensorFlow says is missing.
//!
//! A signature shows a string and not which features it parses. An empty example is refused with the name and type of a feature
//! that is required, one with too few values with the shape, so a few refusals give an example that is accepted. What was made
//! up wrongly is refused again: nothing but a failed proof can come of it.

use bytes::Bytes;
use prost::Message;

use crate::pb::tensorflow::{feature::Kind, BytesList, Feature, Features, FloatList, Int64List};

/// Most features of an example that is made up.
const MAX_FEATURES: usize = 256;
/// Most values of one feature.
const MAX_VALUES: usize = 1 << 16;

/// The features that are known to be required, so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExampleSpec {
    features: Vec<(String, Type, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Float,
    Int64,
    Bytes,
}

impl ExampleSpec {
    /// Takes in why an example was refused; false when nothing can be learnt from it.
    ///
    /// Source: tensorflow/core/util/example_proto_fast_parsing.cc for the messages.
    pub fn learn(&mut self, refusal: &str) -> bool {
        match (missing(refusal), count(refusal)) {
            (Some((name, kind)), _) => self.add(name, kind),
            (None, Some((name, values))) => self.resize(name, values),
            (None, None) => false,
        }
    }

    /// Whether examples of different numbers differ.
    pub fn tells_rows_apart(&self) -> bool {
        self.features.iter().any(|(_, _, values)| *values > 0)
    }

    /// A serialized example; those of different numbers have different values.
    pub fn example(&self, number: usize) -> Bytes {
        let feature = self
            .features
            .iter()
            .map(|(name, kind, values)| (name.clone(), Feature { kind: Some(kind.values(number, *values)) }));
        let features = Features { feature: feature.collect() };
        let mut example = Vec::new();
        // The one field of `tensorflow.Example`.
        prost::encoding::encode_key(1, prost::encoding::WireType::LengthDelimited, &mut example);
        example.extend(features.encode_length_delimited_to_vec());
        example.into()
    }

    fn add(&mut self, name: &str, kind: Type) -> bool {
        let known = self.features.iter().any(|(known, ..)| known == name);
        if known || self.features.len() == MAX_FEATURES {
            return false;
        }
        self.features.push((name.to_owned(), kind, 1));
        true
    }

    fn resize(&mut self, name: &str, values: usize) -> bool {
        match self.features.iter_mut().find(|(known, ..)| known == name) {
            Some((_, _, known)) if *known != values && values <= MAX_VALUES => {
                *known = values;
                true
            }
            _ => false,
        }
    }
}

impl Type {
    fn values(self, number: usize, count: usize) -> Kind {
        let steps = (0..count).map(|index| number + index);
        match self {
            Type::Float => Kind::FloatList(FloatList { value: steps.map(|step| (step % 8) as f32 / 8.0).collect() }),
            Type::Int64 => Kind::Int64List(Int64List { value: steps.map(|step| (step % 3) as i64).collect() }),
            Type::Bytes => {
                Kind::BytesList(BytesList { value: steps.map(|step| (step % 7).to_string().into()).collect() })
            }
        }
    }
}

/// `Feature: NAME (data type: TYPE) is required but could not be found`
fn missing(refusal: &str) -> Option<(&str, Type)> {
    let (_, rest) = refusal.split_once("Feature: ")?;
    let (head, _) = rest.split_once(") is required but could not be found")?;
    let (name, kind) = head.rsplit_once(" (data type: ")?;
    let kind = match kind {
        "float" => Type::Float,
        "int64" => Type::Int64,
        "string" => Type::Bytes,
        _ => return None,
    };
    Some((name, kind))
}

/// `Key: NAME, Index: 0.  Number of TYPE values != expected.  Values size: N but output shape: [A,B]`
fn count(refusal: &str) -> Option<(&str, usize)> {
    let (_, rest) = refusal.split_once("Key: ")?;
    let (head, rest) = rest.split_once(" values != expected.")?;
    let (name, _) = head.rsplit_once(", Index: ")?;
    let (_, shape) = rest.split_once("output shape: [")?;
    let (shape, _) = shape.split_once(']')?;
    let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
    let count = sizes.map(|size| size.parse::<usize>().ok()).try_fold(1usize, |all, size| all.checked_mul(size?))?;
    Some((name, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOAT: &str = "Name: <unknown>, Feature: x, y (z) (data type: float) is required but could not be found.";
    const STRING: &str =
        "{{node a}} Name: <unknown>, Feature: s (data type: string) is required but could not be found. [Op]";
    const FEW: &str = "Name: <unknown>, Key: s, Index: 0.  Number of bytes values != expected.  Values size: 1 but output shape: [2,2] [Op]";
    const SCALAR: &str = "Key: s, Index: 0.  Number of bytes values != expected.  Values size: 4 but output shape: []";

    #[test]
    fn refusals_name_the_features_that_are_missing_and_how_many_values_they_have() {
        let mut spec = ExampleSpec::default();
        assert_eq!((spec.example(0).len(), spec.tells_rows_apart()), (2, false), "an example without features");
        for refusal in [FLOAT, STRING, FEW] {
            assert!(spec.learn(refusal), "{refusal}");
        }
        let known = [("x, y (z)".to_owned(), Type::Float, 1), ("s".to_owned(), Type::Bytes, 4)];
        assert_eq!(spec.features, known);
        assert!(spec.learn(SCALAR));
        assert_eq!(spec.features[1].2, 1);
        assert!(spec.tells_rows_apart());
    }

    #[test]
    fn nothing_is_learnt_from_what_is_said_again_or_says_something_else() {
        let mut spec = ExampleSpec::default();
        assert!(spec.learn(STRING));
        for refusal in
            [STRING, SCALAR, "", "Feature: x", "Could not parse example input, value: '0'", "Key: x, Index: 0."]
        {
            assert!(!spec.learn(refusal), "{refusal}");
        }
        let huge = FEW.replace("[2,2]", "[9999999,99999999999]");
        assert!(!spec.learn(&huge));
    }

    #[test]
    fn an_example_holds_the_features_and_differs_from_the_next() {
        let mut spec = ExampleSpec::default();
        spec.learn(FLOAT);
        let bytes = spec.example(3);
        let features = Features::decode_length_delimited(&bytes[1..]).unwrap();
        let Some(Kind::FloatList(list)) = &features.feature["x, y (z)"].kind else { panic!("floats") };
        assert_eq!((bytes[0], list.value.as_slice()), (0x0a, [0.375].as_slice()));
        assert_ne!(bytes, spec.example(4));
    }
}
