//! The order in which a batch is computed.

use super::{Batch, Span};

fn span(position: usize, len: usize, prompt_end: usize) -> Span {
    Span { len, position, block_table: vec![position as u32], prompt_end, adapter: None }
}

/// A batch whose tokens are numbered.
fn batch(sequences: Vec<Span>) -> Batch {
    let len: usize = sequences.iter().map(|span| span.len).sum();
    Batch { tokens: (0..len as u32).collect(), sequences }
}

#[test]
fn tokens_of_the_prompt_class_come_first_and_spans_are_cut_there() {
    // generated; both; prompt; an empty one; both; generated, beyond the prompt
    let batch =
        batch(vec![span(70, 1, 64), span(60, 7, 64), span(0, 3, 64), span(9, 0, 64), span(63, 2, 64), span(64, 2, 64)]);
    let arranged = batch.by_class();
    assert_eq!(arranged.prompt_rows, 4 + 3 + 1);
    assert_eq!(arranged.batch.tokens, [1, 2, 3, 4, 8, 9, 10, 11, 0, 5, 6, 7, 12, 13, 14]);
    let spans: Vec<_> = arranged.batch.sequences.iter().map(|s| (s.position, s.len, s.block_table[0])).collect();
    assert_eq!(spans, [(60, 4, 60), (0, 3, 0), (63, 1, 63), (70, 1, 70), (64, 3, 60), (64, 1, 63), (64, 2, 64)]);
    // Each token is where it came from.
    let origins: Vec<usize> = arranged.rows.iter().cloned().flatten().collect();
    let tokens: Vec<usize> = arranged.batch.tokens.iter().map(|&token| token as usize).collect();
    assert_eq!(origins, tokens);
}

#[test]
fn a_batch_of_one_class_stays_as_it_is() {
    for (sequences, prompt_rows) in
        [(vec![span(0, 5, 0), span(70, 1, 64)], 0), (vec![span(0, 5, 64), span(60, 4, 64)], 9), (vec![], 0)]
    {
        let batch = batch(sequences);
        let arranged = batch.by_class();
        assert_eq!(arranged.prompt_rows, prompt_rows);
        assert_eq!(arranged.batch.tokens, batch.tokens);
        assert!(arranged.rows.iter().cloned().eq(std::iter::once(0..batch.len())));
    }
}
