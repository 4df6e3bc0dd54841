//! Tests of the option reader.

use super::*;

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn nothing_said_means_the_whole_table_of_one_size() {
    let options = read(&[]).unwrap();
    assert_eq!(options.sizes.iter().map(|size| size.name).collect::<Vec<_>>(), ["135m"]);
    assert_eq!(
        options.types.iter().map(|weights| weights.name).collect::<Vec<_>>(),
        ["bf16", "q8_0", "q4_0", "q4_k_m"]
    );
    assert_eq!(options.cases.len(), 8);
    assert_eq!((options.threads, options.rounds, options.quick), (2, 5, false));
    assert_eq!(options.peers, Engine::PEERS);
}

#[test]
fn lists_and_numbers_are_read() {
    let options =
        read(&words("--sizes 360m,1.7b --types q4_0 --cases prefill128,cold --threads 1 --rounds 7 --peers torch"))
            .unwrap();
    assert_eq!(options.sizes.iter().map(|size| size.shape).collect::<Vec<_>>(), ["smollm2-360m", "smollm2-1.7b"]);
    assert_eq!(options.cases, [Case::Prefill(128), Case::Cold]);
    assert_eq!((options.threads, options.rounds), (1, 7));
    assert_eq!(options.peers, [Engine::Torch]);
}

#[test]
fn quick_is_short_but_yields_to_what_is_said() {
    let options = read(&words("--quick")).unwrap();
    assert_eq!((options.rounds, options.cases), (2, vec![Case::Prefill(512), Case::Decode]));
    let options = read(&words("--quick --rounds 3 --cases rss")).unwrap();
    assert_eq!((options.rounds, options.cases), (3, vec![Case::Rss]));
}

#[test]
fn a_row_of_kernels_leaves_llama_alone() {
    assert_eq!(read(&words("--isa avx2")).unwrap().peers, [Engine::Llama]);
    assert!(read(&words("--isa avx2 --peers torch")).is_err());
    assert!(read(&words("--isa sse2")).is_err());
}

#[test]
fn wrong_words_are_refused() {
    for wrong in [
        "--sizes",
        "--sizes 2b",
        "--types bf16,,q8_0",
        "--types bf16,bf16",
        "--cases tea",
        "--threads 0",
        "--rounds many",
        "--peers ollama",
        "135m",
    ] {
        assert!(read(&words(wrong)).is_err(), "{wrong}");
    }
}
