//! TensorFlow's element types, as far as they can cross the wire.

/// An element type; the number is TensorFlow's own `DataType`.
///
/// Source: tensorflow/core/framework/types.proto.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // The names are TensorFlow's own.
pub enum DType {
    Float = 1,
    Double = 2,
    Int32 = 3,
    UInt8 = 4,
    Int16 = 5,
    Int8 = 6,
    String = 7,
    Complex64 = 8,
    Int64 = 9,
    Bool = 10,
    QInt8 = 11,
    QUInt8 = 12,
    QInt32 = 13,
    BFloat16 = 14,
    QInt16 = 15,
    QUInt16 = 16,
    UInt16 = 17,
    Complex128 = 18,
    Half = 19,
    UInt32 = 22,
    UInt64 = 23,
}

impl DType {
    /// Every type that the wire carries.
    pub const ALL: [DType; 21] = [
        DType::Float,
        DType::Double,
        DType::Int32,
        DType::UInt8,
        DType::Int16,
        DType::Int8,
        DType::String,
        DType::Complex64,
        DType::Int64,
        DType::Bool,
        DType::QInt8,
        DType::QUInt8,
        DType::QInt32,
        DType::BFloat16,
        DType::QInt16,
        DType::QUInt16,
        DType::UInt16,
        DType::Complex128,
        DType::Half,
        DType::UInt32,
        DType::UInt64,
    ];

    /// The type with TensorFlow's number `number`; `None` for reference types, resources, variants and unknown numbers.
    pub fn from_number(number: i32) -> Option<DType> {
        DType::ALL.into_iter().find(|dtype| *dtype as i32 == number)
    }

    /// Bytes of one element; `None` for strings, whose elements differ in size.
    pub fn size_bytes(self) -> Option<usize> {
        match self {
            DType::String => None,
            DType::UInt8 | DType::Int8 | DType::Bool | DType::QInt8 | DType::QUInt8 => Some(1),
            DType::Int16 | DType::UInt16 | DType::Half | DType::BFloat16 | DType::QInt16 | DType::QUInt16 => Some(2),
            DType::Float | DType::Int32 | DType::UInt32 | DType::QInt32 => Some(4),
            DType::Double | DType::Int64 | DType::UInt64 | DType::Complex64 => Some(8),
            DType::Complex128 => Some(16),
        }
    }

    /// TensorFlow's lower-case name, for example `float` or `int64`.
    ///
    /// Source: tensorflow/core/framework/types.cc, DataTypeString.
    pub fn name(self) -> &'static str {
        match self {
            DType::Float => "float",
            DType::Double => "double",
            DType::Int32 => "int32",
            DType::UInt8 => "uint8",
            DType::Int16 => "int16",
            DType::Int8 => "int8",
            DType::String => "string",
            DType::Complex64 => "complex64",
            DType::Int64 => "int64",
            DType::Bool => "bool",
            DType::QInt8 => "qint8",
            DType::QUInt8 => "quint8",
            DType::QInt32 => "qint32",
            DType::BFloat16 => "bfloat16",
            DType::QInt16 => "qint16",
            DType::QUInt16 => "quint16",
            DType::UInt16 => "uint16",
            DType::Complex128 => "complex128",
            DType::Half => "half",
            DType::UInt32 => "uint32",
            DType::UInt64 => "uint64",
        }
    }

    /// The enumerator as protobuf's JSON form prints it, for example `DT_FLOAT`.
    pub fn enum_name(self) -> String {
        format!("DT_{}", self.name().to_uppercase())
    }
}
