//! How strong the inputs of each matrix are on a text: the importance matrix of a model.

use crate::error::Error;
use crate::model::Model;
use smollm_checkpoint::imatrix::{Imatrix, Inputs};
use smollm_kernels::KvDtype;
use smollm_model::{BLOCK_TOKENS, Batch, KvPool, LayerSlot, Runner, Slot, params};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Tokens of a piece of text where nobody asks for another number; llama.cpp's default too.
pub const IMATRIX_CHUNK: usize = 512;

/// Sums of squares of what was multiplied by the matrices of a layer that share their input.
type Sums = HashMap<(usize, LayerSlot), Vec<f64>>;

/// Reads `ids` in pieces of `chunk` tokens, each from an empty cache and with the first token of the text again where that
/// is a start token, as llama.cpp does. What is left at the end is not read. `progress` hears of pieces (done, total); if it
/// stops the work, what was read so far counts. `dataset` is the name of the text.
///
/// # Errors
/// A token does not exist, there is not one whole piece, or the model has infinite activations.
pub fn imatrix(
    model: &Model,
    ids: &[u32],
    chunk: usize,
    dataset: &str,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Imatrix, Error> {
    let decoder = model.decoder();
    let total = ids.len() / chunk.max(1);
    if total == 0 {
        return Err(Error::TextTooShort { tokens: ids.len(), needed: chunk.max(1) });
    }
    let session = model.session();
    session.check_vocabulary(ids)?;
    session.check(&ids[..chunk])?;
    let bos = model.tokenizer().ok().filter(|tokenizer| tokenizer.add_bos()).and_then(|tokenizer| tokenizer.bos());
    let mut kv = KvPool::new(&decoder.config, KvDtype::F32, chunk);
    let block_table: Vec<u32> = (0..chunk.div_ceil(BLOCK_TOKENS) as u32).collect();
    let (mut runner, mut sums) = (Runner::default(), Sums::new());
    let mut chunks = 0;
    while chunks < total && progress(chunks, total).is_continue() {
        let mut tokens = ids[chunks * chunk..][..chunk].to_vec();
        tokens[0] = bos.unwrap_or(tokens[0]);
        let batch = Batch::single(tokens, 0, block_table.clone(), decoder.prompt_end(model.cpu(), chunk));
        runner.forward_seen(model.cpu(), decoder, &batch, &mut kv, &mut |layer, slot, inputs| {
            if shares_input_of(slot).is_some() {
                add_squares(sums.entry((layer, slot)).or_default(), inputs, chunk);
            }
        });
        chunks += 1;
    }
    decoder.still_intact()?;
    let mut imatrix = Imatrix {
        datasets: vec![dataset.to_owned()],
        chunks: chunks as u32,
        chunk_tokens: chunk as u32,
        ..Imatrix::default()
    };
    for param in params(&decoder.config) {
        let Slot::Layer(layer, slot) = param.slot else { continue };
        let Some(sums) = shares_input_of(slot).and_then(|first| sums.get(&(layer, first))) else { continue };
        let sums: Vec<f32> = sums.iter().map(|sum| *sum as f32).collect();
        if sums.iter().any(|sum| !sum.is_finite()) {
            return Err(Error::InfiniteInputs { model: model.name().into(), tensor: param.gguf_name });
        }
        imatrix.entries.insert(param.gguf_name, Inputs { sums, tokens: (chunks * chunk) as f32 });
    }
    Ok(imatrix)
}

/// Adds the squares of `rows` rows.
fn add_squares(sums: &mut Vec<f64>, inputs: &[f32], rows: usize) {
    let width = inputs.len() / rows;
    sums.resize(width, 0.0);
    for row in inputs.chunks_exact(width) {
        for (sum, x) in sums.iter_mut().zip(row) {
            *sum += f64::from(*x) * f64::from(*x);
        }
    }
}

/// The matrix whose input this one has too, by which the forward pass shows it; none for norms.
fn shares_input_of(slot: LayerSlot) -> Option<LayerSlot> {
    match slot {
        LayerSlot::QProj | LayerSlot::KProj | LayerSlot::VProj => Some(LayerSlot::QProj),
        LayerSlot::GateProj | LayerSlot::UpProj => Some(LayerSlot::GateProj),
        LayerSlot::OProj | LayerSlot::DownProj => Some(slot),
        LayerSlot::InputLayernorm | LayerSlot::PostAttentionLayernorm => None,
    }
}
