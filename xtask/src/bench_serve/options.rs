//! The options of `cargo xtask bench-serve`.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

use crate::bench_peers::options::{list, positive};
use crate::bench_peers::subject::{Size, WeightType, size, weight_type};

/// Which llama-server takes part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Llama {
    /// The one that we build.
    Built,
    At(PathBuf),
    None,
}

/// What the caller says.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) sizes: Vec<&'static Size>,
    pub(crate) types: Vec<&'static WeightType>,
    pub(crate) chats: Vec<usize>,
    pub(crate) shared: usize,
    pub(crate) own: usize,
    pub(crate) answer: usize,
    pub(crate) threads: usize,
    pub(crate) rounds: usize,
    pub(crate) llama: Llama,
    pub(crate) overload: bool,
    /// One short round; the page stays as it is.
    pub(crate) quick: bool,
}

/// One line for the command list.
pub(crate) const SYNOPSIS: &str = "[OPTION...]";

/// What `cargo xtask bench-serve --help` prints.
pub(crate) const HELP: &str = "\
cargo xtask bench-serve: `smollm serve` beside llama-server, the same chats for both, in turn on this machine

  --sizes LIST     of 135m, 360m, 1.7b (135m,1.7b)
  --types LIST     of the weight types of bench-peers (q4_0,q8_0)
  --chats LIST     how many begin at once (1,8,32)
  --shared N       tokens that all chats begin with (512)
  --own N          tokens of each question (128)
  --answer N       tokens of each answer (128)
  --threads N      for everybody (2)
  --rounds N       how often each takes its turn (3)
  --llama-server PATH  another llama-server than the one that we build
  --no-llama       ours alone
  --no-overload    leave out ten times the load
  --quick          one round of 1 and 8 chats with answers of 16 tokens, no overload; leaves docs/PERFORMANCE.md alone

llama-server is built under target/peers as for bench-peers. Tables go to docs/PERFORMANCE.md.";

/// Reads the words after `bench-serve`.
pub(crate) fn read(words: &[String]) -> Result<Options> {
    let quick = words.iter().any(|word| word == "--quick");
    let mut options = Options {
        sizes: if quick { vec![size("135m")?] } else { vec![size("135m")?, size("1.7b")?] },
        types: vec![weight_type("q4_0")?, weight_type("q8_0")?],
        chats: if quick { vec![1, 8] } else { vec![1, 8, 32] },
        shared: 512,
        own: 128,
        answer: if quick { 16 } else { 128 },
        threads: 2,
        rounds: if quick { 1 } else { 3 },
        llama: Llama::Built,
        overload: !quick,
        quick,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} wants a value"));
        match word.as_str() {
            "--sizes" => options.sizes = list(word, value()?, size)?,
            "--types" => options.types = list(word, value()?, weight_type)?,
            "--chats" => options.chats = list(word, value()?, |n| positive(word, n))?,
            "--shared" => options.shared = positive(word, value()?)?,
            "--own" => options.own = positive(word, value()?)?,
            "--answer" => options.answer = positive(word, value()?)?,
            "--threads" => options.threads = positive(word, value()?)?,
            "--rounds" => options.rounds = positive(word, value()?)?,
            "--llama-server" => options.llama = Llama::At(PathBuf::from_str(value()?)?),
            "--no-llama" => options.llama = Llama::None,
            "--no-overload" => options.overload = false,
            "--quick" => {}
            other => bail!("unknown option {other}; `cargo xtask bench-serve --help` lists them"),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<Options> {
        read(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read() {
        let options = words("--chats 2,4 --sizes 360m --types q8_0 --answer 7 --llama-server x/y --rounds 2").unwrap();
        assert_eq!((options.chats, options.answer, options.rounds), (vec![2, 4], 7, 2));
        assert_eq!((options.sizes[0].name, options.types[0].name), ("360m", "q8_0"));
        assert_eq!((options.llama, options.overload), (Llama::At("x/y".into()), true));
        let quick = words("--quick --no-llama").unwrap();
        assert_eq!((quick.answer, quick.rounds, quick.llama, quick.overload), (16, 1, Llama::None, false));
        for wrong in ["--chats 0", "--chats 1,1", "--sizes 9b", "--nonsense", "--rounds"] {
            assert!(words(wrong).is_err(), "{wrong}");
        }
    }
}
