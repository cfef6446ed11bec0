//! Values that are not logged: of inputs and outputs by their names in the signature, of `tensorflow.Example`s by features' names.

use std::collections::{BTreeSet, HashMap};

use bytes::BytesMut;
use prost::Message;

use super::record::Unmaskable;
use crate::codec::RawMessage;
use crate::pb::tensorflow::feature::Kind;
use crate::pb::tensorflow::serving as pb;
use crate::pb::tensorflow::{BytesList, Feature, Features, FloatList, Int64List};
use crate::tensor::TensorView;

/// The names.
#[derive(Clone, Debug, Default)]
pub struct Mask(BTreeSet<String>);

/// `tensorflow.Example`, which the request path passes on as bytes.
#[derive(Clone, PartialEq, prost::Message)]
struct Example {
    #[prost(message, optional, tag = "1")]
    features: Option<Features>,
}

impl Mask {
    /// A mask of these names.
    pub fn new(names: &[String]) -> Mask {
        Mask(names.iter().cloned().collect())
    }

    /// Whether what has this name is not logged.
    pub fn hides(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// The outputs, those that are hidden without their values.
    pub fn outputs<'a>(&self, outputs: Vec<TensorView<'a>>) -> Vec<TensorView<'a>> {
        // No elements of a string tensor are a table with the end of none.
        const NO_STRINGS: &[u8] = &[0; 8];
        let masked = |view: TensorView<'a>| match self.hides(view.name) {
            true if view.dtype == seaway_wire::DType::String => TensorView { shape: &[0], bytes: NO_STRINGS, ..view },
            true => TensorView { shape: &[0], bytes: &[], ..view },
            false => view,
        };
        outputs.into_iter().map(masked).collect()
    }

    /// The examples, hidden features without their values.
    ///
    /// Errors: one of them is none, so that nobody knows what it would give away.
    pub fn input(&self, mut input: pb::Input) -> Result<pb::Input, Unmaskable> {
        if self.0.is_empty() {
            return Ok(input);
        }
        match &mut input.kind {
            Some(pb::input::Kind::ExampleList(list)) => list.examples.iter_mut().try_for_each(|it| self.example(it))?,
            Some(pb::input::Kind::ExampleListWithContext(list)) => {
                list.examples.iter_mut().chain(&mut list.context).try_for_each(|example| self.example(example))?;
            }
            None => {}
        }
        Ok(input)
    }

    fn example(&self, raw: &mut RawMessage) -> Result<(), Unmaskable> {
        let bytes = std::mem::take(raw).into_bytes();
        let mut example = Example::decode(bytes.clone()).map_err(|_| Unmaskable)?;
        let hidden = |feature: &mut HashMap<String, Feature>| {
            let named = feature.iter_mut().filter(|(name, _)| self.hides(name));
            named.map(|(_, feature)| clear(feature)).count()
        };
        let changed = example.features.as_mut().is_some_and(|features| hidden(&mut features.feature) > 0);
        *raw = RawMessage::new(match changed {
            true => BytesMut::from(example.encode_to_vec().as_slice()),
            false => BytesMut::from(bytes),
        });
        Ok(())
    }
}

fn clear(feature: &mut Feature) {
    feature.kind = feature.kind.take().map(|kind| match kind {
        Kind::BytesList(_) => Kind::BytesList(BytesList::default()),
        Kind::FloatList(_) => Kind::FloatList(FloatList::default()),
        Kind::Int64List(_) => Kind::Int64List(Int64List::default()),
    });
}
