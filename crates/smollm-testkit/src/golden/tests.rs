//! The golden files agree with the weights and prompts computed here.

use super::*;
use crate::stored::Stored;
use crate::tiny;

#[test]
fn weights_and_tensor_lists_are_those_of_the_python_script() {
    let goldens = logits_goldens();
    assert!(goldens.len() >= 10, "only {} golden files", goldens.len());
    for golden in goldens {
        assert_eq!(tiny::tensor_list(&golden.config), golden.tensors, "{}", golden.name);
        let weights = tiny::weights(&golden.config);
        assert_eq!(weights.iter().map(|t| t.data.len()).sum::<usize>(), golden.parameters, "{}", golden.name);
        assert_eq!(tiny::sha256(&weights), golden.weights_sha256, "{}", golden.name);
        let bf16 = tiny::rounded(&weights, Stored::Bf16);
        assert_eq!(tiny::sha256(&bf16), golden.bf16_weights_sha256, "{}", golden.name);
    }
}

#[test]
fn the_greedy_continuation_starts_at_the_largest_recorded_logit() {
    for golden in logits_goldens() {
        for prompt in &golden.prompts {
            let last = prompt.f32.rows.last().expect("the last position is recorded");
            let top = (0..last.len()).max_by(|&a, &b| last[a].total_cmp(&last[b])).expect("a vocabulary");
            if let Some(greedy) = &prompt.greedy {
                assert_eq!(greedy.ids[0] as usize, top, "{}", prompt.name);
                assert_eq!((greedy.ids.len(), greedy.gaps.len()), (64, 64));
            }
        }
    }
}

#[test]
fn adapter_weights_are_those_of_the_python_script() {
    let goldens = lora_goldens();
    assert_eq!(goldens.len(), 3);
    for golden in goldens {
        let tensors: Vec<_> = golden.tensors.iter().map(|(name, shape)| tiny::tensor(name, shape)).collect();
        assert_eq!(tiny::sha256(&tensors), golden.weights_sha256, "{}", golden.name);
        assert_eq!(golden.prompts.iter().map(|p| p.greedy.ids.len()).collect::<Vec<_>>(), [32, 32]);
    }
}

#[test]
fn llama_cpp_judged_a_thousand_positions_of_each_model() {
    let goldens = llama_cpp_goldens();
    assert_eq!(goldens.len(), 9);
    for golden in goldens {
        let positions = golden.sequences.iter().map(|s| (s.ids.len(), s.top1.len(), s.top2.len(), s.gap.len()));
        assert_eq!(positions.collect::<Vec<_>>(), [(250, 250, 250, 250); 4], "{}", golden.name);
    }
}
