//! The options of `cargo xtask bench-peers`.

use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

use super::llama_build::rows;
use super::subject::{Case, Engine, Size, WeightType, size, weight_type};

/// What the caller says.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) sizes: Vec<&'static Size>,
    pub(crate) types: Vec<&'static WeightType>,
    pub(crate) cases: Vec<Case>,
    pub(crate) threads: usize,
    pub(crate) rounds: usize,
    pub(crate) peers: Vec<Engine>,
    /// A row of kernels below the best one, for which llama.cpp is built with the same instructions.
    pub(crate) isa: Option<String>,
    /// Two short rounds of the main cases; the page stays as it is.
    pub(crate) quick: bool,
    /// Install and make models only.
    pub(crate) install: bool,
}

/// One line for the command list.
pub(crate) const SYNOPSIS: &str = "[OPTION...]";

/// What `cargo xtask bench-peers --help` prints.
pub(crate) const HELP: &str = "\
cargo xtask bench-peers: smollm beside llama.cpp, OpenVINO and PyTorch transformers, in turn on this machine

  --sizes LIST     of 135m, 360m, 1.7b (135m)
  --types LIST     of f32, f16, bf16, q8_0, q6_k, q5_k_m, q4_0, q4_k_m, q4_k_s, iq4_nl, q3_k_m, q2_k (bf16,q8_0,q4_0,q4_k_m)
  --cases LIST     of prefillN, decode, depthN, batchN, cold, rss
                   (prefill512,prefill2048,decode,depth4096,batch8,batch32,cold,rss)
  --peers LIST     of torch, llama, openvino (all three)
  --threads N      for everybody (2)
  --rounds N       how often each takes its turn (5)
  --isa ROW        avx512bf16, avx512 or avx2: hold smollm and llama.cpp to these instructions (llama is the only peer then)
  --quick          two short rounds of prefill512 and decode; prints the table and leaves docs/PERFORMANCE.md alone
  --install        install the peers and make the models, measure nothing

Peers and models live in target/peers. Needed: Python 3.11 or newer with PyPI in reach, and for llama.cpp clang 19 or newer
with its OpenMP library. Tables go to docs/PERFORMANCE.md, all samples to target/peers/results.";

/// Reads the words after `bench-peers`.
pub(crate) fn read(words: &[String]) -> Result<Options> {
    let mut sizes = vec![size("135m")?];
    let mut types = None;
    let mut cases = None;
    let mut peers = None;
    let (mut threads, mut rounds, mut isa) = (2, None, None);
    let (mut quick, mut install) = (false, false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} wants a value"));
        match word.as_str() {
            "--sizes" => sizes = list(word, value()?, size)?,
            "--types" => types = Some(list(word, value()?, weight_type)?),
            "--cases" => cases = Some(list(word, value()?, Case::from_str)?),
            "--peers" => peers = Some(list(word, value()?, Engine::from_str)?),
            "--threads" => threads = positive(word, value()?)?,
            "--rounds" => rounds = Some(positive(word, value()?)?),
            "--isa" => isa = Some(one_of(word, value()?, &rows())?),
            "--quick" => quick = true,
            "--install" => install = true,
            other => bail!("unknown option {other}; `cargo xtask bench-peers --help` lists them"),
        }
    }
    if isa.is_some() && peers.as_ref().is_some_and(|peers| *peers != [Engine::Llama]) {
        bail!("--isa leaves llama as the only peer, because no other can be built for chosen instructions");
    }
    let everybody = if isa.is_some() { vec![Engine::Llama] } else { Engine::PEERS.to_vec() };
    let main = if quick {
        vec![Case::Prefill(512), Case::Decode]
    } else {
        let (long, deep) = (Case::Prefill(2048), Case::Depth(4096));
        vec![Case::Prefill(512), long, Case::Decode, deep, Case::Batch(8), Case::Batch(32), Case::Cold, Case::Rss]
    };
    let common = ["bf16", "q8_0", "q4_0", "q4_k_m"].into_iter().map(weight_type).collect::<Result<_>>()?;
    Ok(Options {
        sizes,
        types: types.unwrap_or(common),
        cases: cases.unwrap_or(main),
        threads,
        rounds: rounds.unwrap_or(if quick { 2 } else { 5 }),
        peers: peers.unwrap_or(everybody),
        isa,
        quick,
        install,
    })
}

/// A list with commas between, no entry twice.
pub(crate) fn list<T: PartialEq>(option: &str, value: &str, read: impl Fn(&str) -> Result<T>) -> Result<Vec<T>> {
    let mut entries = Vec::new();
    for word in value.split(',') {
        let entry = read(word).with_context(|| format!("{option} {value}"))?;
        ensure!(!entries.contains(&entry), "{option} {value}: {word} stands there twice");
        entries.push(entry);
    }
    Ok(entries)
}

pub(crate) fn positive(option: &str, value: &str) -> Result<usize> {
    match value.parse() {
        Ok(0) | Err(_) => bail!("{option} wants a whole number from 1 on, not {value:?}"),
        Ok(number) => Ok(number),
    }
}

fn one_of(option: &str, value: &str, choices: &[&str]) -> Result<String> {
    ensure!(choices.contains(&value), "{option} is one of {}, not {value:?}", choices.join(", "));
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests;
