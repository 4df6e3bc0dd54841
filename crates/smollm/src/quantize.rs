//! A model into a quantised GGUF file.

use crate::convert::quantized_matrix;
use crate::error::Error;
use crate::files::ModelFiles;
use crate::gguf_file;
use crate::model::Parts;
use smollm_checkpoint::Progress;
use smollm_checkpoint::gguf::GgufValue;
use smollm_checkpoint::imatrix::Imatrix;
use smollm_kernels::{Cpu, granted_threads};
use smollm_model::{Mix, ModelError, Param, Slot, WeightsError, load_matrix, params, store};
use std::path::{Path, PathBuf};

/// How to quantise.
#[derive(Debug, Clone)]
pub struct QuantizeOptions {
    /// Which type each matrix gets.
    pub mix: &'static Mix,
    /// An importance matrix of the same model: errors count for as much as the inputs that meet them are strong.
    pub imatrix: Option<PathBuf>,
    /// Quantise again what is quantised, which adds the errors of both.
    pub requantize: bool,
    /// Threads; what the affinity mask and the cgroup grant where absent.
    pub threads: Option<usize>,
}

/// Writes the model in `from` to the GGUF file `to`, tensor by tensor; the same bytes with any number of threads. `progress`
/// hears of bytes and may stop the work with an error; then nothing is left at `to`.
///
/// # Errors
/// The source is damaged, unsupported, or quantised already; the importance matrix is that of another model; the file system.
pub fn quantize(
    from: &ModelFiles,
    to: &Path,
    options: &QuantizeOptions,
    progress: impl FnMut(Progress) -> Result<(), Error>,
) -> Result<(), Error> {
    let parts = Parts::read(from)?;
    let (config, mix) = (&parts.config, options.mix);
    let file = || from.to_string();
    if let Some(tensor) = quantized_matrix(&parts, &params(config)).filter(|_| !options.requantize) {
        let (tensor, dtype) = (tensor.name.clone(), tensor.dtype.name());
        return Err(ModelError::from(WeightsError::AlreadyQuantized { file: file(), tensor, dtype }).into());
    }
    let imatrix = options.imatrix.as_deref().map(Importance::open).transpose()?;
    let cpu = Cpu::new(options.threads.unwrap_or_else(granted_threads))?;
    let dtype = |param: &Param| mix.dtype(config, param, imatrix.is_some());
    let mut make = |param: &Param| {
        let matrix = load_matrix(&parts.checkpoint, param).map_err(ModelError::from)?;
        let importance = imatrix.as_ref().map(|imatrix| imatrix.of(param, matrix.cols())).transpose()?.flatten();
        store(&cpu, &matrix, dtype(param), importance.as_deref()).map_err(|source| {
            let tensor = param.name_in(&parts.checkpoint).to_owned();
            ModelError::from(WeightsError::NotFinite { file: file(), tensor, source }).into()
        })
    };
    let extra = imatrix.as_ref().map(Importance::metadata).unwrap_or_default();
    let matrices = gguf_file::Matrices { file_type: Some(mix.file_type()), extra, dtype: &dtype, make: &mut make };
    gguf_file::write(&parts, from, to, matrices, progress)
}

/// An importance matrix and where it is from.
struct Importance<'a> {
    path: &'a Path,
    imatrix: Imatrix,
}

impl<'a> Importance<'a> {
    fn open(path: &'a Path) -> Result<Self, Error> {
        Ok(Self { path, imatrix: Imatrix::open(path)? })
    }

    /// The importance of each input of a matrix. None for the embedding and the head, which such files leave out, nor where
    /// no token was seen.
    fn of(&self, param: &Param, cols: usize) -> Result<Option<Vec<f32>>, Error> {
        let other = |problem: String| Error::OtherImatrix { path: self.path.into(), problem };
        let name = &param.gguf_name;
        match self.imatrix.entries.get(name) {
            None if matches!(param.slot, Slot::Layer(..)) => Err(other(format!("has nothing for `{name}`"))),
            None => Ok(None),
            Some(inputs) if inputs.sums.len() != cols => {
                Err(other(format!("has {} inputs for `{name}`, which takes {cols}", inputs.sums.len())))
            }
            Some(inputs) => Ok(inputs.mean_squares()),
        }
    }

    /// As llama.cpp's quantiser writes it.
    fn metadata(&self) -> Vec<(&'static str, GgufValue)> {
        vec![
            ("quantize.imatrix.file", self.path.display().to_string().into()),
            ("quantize.imatrix.dataset", self.imatrix.datasets.last().cloned().unwrap_or_default().into()),
            ("quantize.imatrix.entries_count", (self.imatrix.entries.len() as u32).into()),
            ("quantize.imatrix.chunks_count", self.imatrix.chunks.into()),
        ]
    }
}
