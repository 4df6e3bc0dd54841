//! The three plain storage types, encoded here independently of the kernels so that they can check each other.

use serde_json::{Map, Value, json};

use crate::tiny::TinyTensor;

/// How a test file stores its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// IEEE single precision.
    F32,
    /// IEEE half precision, rounded to nearest even.
    F16,
    /// The upper half of an f32, rounded to nearest even.
    Bf16,
}

/// Finite f32 to the bits of the nearest bf16 (ties to even).
fn bf16_bits(x: f32) -> u16 {
    let bits = x.to_bits();
    ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16) as u16
}

/// Finite f32 to the bits of the nearest f16 (ties to even; subnormals kept, too large becomes infinity).
fn f16_bits(x: f32) -> u16 {
    let sign = ((x.to_bits() >> 16) & 0x8000) as u16;
    let magnitude = f64::from(x.abs());
    if magnitude >= 65520.0 {
        return sign | 0x7C00;
    }
    // The exponent of the f16's binade (or of its subnormals), then the integer multiple of one unit in the last place.
    let exponent = (((x.to_bits() >> 23) & 0xFF) as i32 - 127).max(-14);
    let units = (magnitude / 2f64.powi(exponent - 10)).round_ties_even() as i32;
    // Adding rather than or-ing lets a mantissa that rounds up carry into the exponent; a subnormal has units < 1024.
    sign | (((exponent + 14) << 10) + units) as u16
}

fn f16_value(bits: u16) -> f32 {
    let (exponent, mantissa) = (i32::from((bits >> 10) & 0x1F), f32::from(bits & 0x3FF));
    let magnitude = match exponent {
        0 => mantissa * 2f32.powi(-24),
        31 if mantissa == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        e => (1024.0 + mantissa) * 2f32.powi(e - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

impl Stored {
    /// Little-endian bytes of `data`, rounded to nearest even. Elements must be finite.
    pub fn encode(self, data: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => data.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::F16 => data.iter().flat_map(|&x| f16_bits(x).to_le_bytes()).collect(),
            Self::Bf16 => data.iter().flat_map(|&x| bf16_bits(x).to_le_bytes()).collect(),
        }
    }

    /// What `data` becomes when stored and read back.
    pub fn round(self, data: &[f32]) -> Vec<f32> {
        match self {
            Self::F32 => data.to_vec(),
            Self::F16 => data.iter().map(|&x| f16_value(f16_bits(x))).collect(),
            Self::Bf16 => data.iter().map(|&x| f32::from_bits(u32::from(bf16_bits(x)) << 16)).collect(),
        }
    }

    /// The safetensors name of the type.
    pub fn safetensors_name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        }
    }
}

/// A whole safetensors file of these tensors, in the given order, header padded with spaces to 8 bytes.
///
/// Format: <https://github.com/huggingface/safetensors#format>.
pub fn safetensors_bytes(tensors: &[TinyTensor], stored: Stored) -> Vec<u8> {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    let mut data = Vec::new();
    for tensor in tensors {
        let start = data.len();
        data.extend(stored.encode(&tensor.data));
        let entry =
            json!({"dtype": stored.safetensors_name(), "shape": tensor.shape, "data_offsets": [start, data.len()]});
        header.insert(tensor.name.clone(), entry);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(data);
    file
}

/// Writes a Hugging Face model directory: `config.json` and `model.safetensors`.
///
/// # Errors
/// Whatever the file system says.
pub fn write_model(
    dir: &std::path::Path,
    config: &Value,
    tensors: &[TinyTensor],
    stored: Stored,
) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join("config.json"), serde_json::to_vec_pretty(config)?)?;
    std::fs::write(dir.join("model.safetensors"), safetensors_bytes(tensors, stored))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_rounds_to_nearest_even() {
        let cases: &[(f32, u16)] = &[
            (0.0, 0x0000),
            (-0.0, 0x8000),
            (1.0, 0x3C00),
            (-2.0, 0xC000),
            (65504.0, 0x7BFF),
            (65519.9, 0x7BFF),
            (65520.0, 0x7C00),
            (5.960_464_5e-8, 0x0001), // the smallest subnormal
            (2.980_232_2e-8, 0x0000), // half of it: a tie, to even
            (2.980_232_6e-8, 0x0001),
            (6.103_515_6e-5, 0x0400), // the smallest normal
            (6.100_535e-5, 0x03FF),   // the largest subnormal
            (1.000_488_3, 0x3C00),    // a tie between 1 and its successor
            (1.001_464_8, 0x3C02),    // a tie that goes up to even
            (0.333_333_34, 0x3555),
        ];
        for &(x, bits) in cases {
            assert_eq!(f16_bits(x), bits, "{x:e}");
        }
        for bits in (0..0x7C00).chain(0x8000..0xFC00) {
            assert_eq!(f16_bits(f16_value(bits)), bits);
        }
        assert_eq!(bf16_bits(1.003_906_2), 0x3F80);
        assert_eq!(bf16_bits(1.011_718_8), 0x3F82);
        assert_eq!(Stored::Bf16.round(&[-0.1]), [-0.100_097_656]);
    }
}
