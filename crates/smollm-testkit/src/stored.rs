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
mod tests;
