//! Quantises rows of f32 from a file: TYPE COLS IN OUT [IMPORTANCE], all files without headers; for `reference/quantize_check.py`.

use std::error::Error;
use std::fs;

use smollm_kernels::{Cpu, Dtype, Matrix, granted_threads, ops};

fn floats(path: &str) -> Result<Vec<f32>, Box<dyn Error>> {
    let bytes = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dtype, cols, input, output, rest @ ..] = &arguments[..] else {
        return Err("TYPE COLS IN OUT [IMPORTANCE]".into());
    };
    let dtype = Dtype::ALL.into_iter().find(|known| known.name() == dtype).ok_or("no such type")?;
    let (cols, values) = (cols.parse()?, floats(input)?);
    let importance = rest.first().map(|path| floats(path)).transpose()?;
    let matrix = Matrix::from_f32(values.len() / cols, cols, values);
    let blocks = ops::quantize(&Cpu::new(granted_threads())?, &matrix, dtype, importance.as_deref());
    fs::write(output, blocks.bytes().as_slice())?;
    Ok(())
}
