//! Budgets that are kept, and those that are refused.

mod tiny_model;

use smollm_engine::{Engine, EngineError, EngineOptions, MemoryPlan};
use smollm_kernels::{Cpu, KvDtype};
use std::sync::Arc;

fn plan(options: &EngineOptions) -> Result<MemoryPlan, EngineError> {
    MemoryPlan::new(&tiny_model::tiny(), options)
}

#[test]
fn the_cache_gets_what_a_budget_leaves() {
    let plain = plan(&EngineOptions::default()).unwrap();
    // 3 layers of 3 heads of 8 in f32, keys and values; four contexts of 2,048
    assert_eq!((plain.kv_tokens, plain.kv), (8192, 8192 * 3 * 2 * 3 * 8 * 4));
    assert_eq!(plain.total(), plain.weights + plain.kv + plain.buffers);
    let bounded = |memory| plan(&EngineOptions { memory: Some(memory), ..EngineOptions::default() });
    let least = plain.weights + plain.buffers + plain.kv / 256;
    for memory in [least, least + 1, 2 * plain.total()] {
        let plan = bounded(memory).unwrap();
        assert!(plan.total() <= memory && memory < plan.total() + plain.kv / 256, "{plan:?}");
    }
    let error = bounded(least - 1).unwrap_err().to_string();
    assert!(
        error.contains(&format!("need {least} bytes")) && error.contains(&format!("{} bytes", least - 1)),
        "{error}"
    );
    // No more than all running sequences can fill.
    let huge = plan(&EngineOptions { memory: Some(1 << 50), max_running: 3, ..EngineOptions::default() }).unwrap();
    assert_eq!(huge.kv_tokens, 3 * 2048);
    let both = EngineOptions { memory: Some(1 << 50), kv_tokens: Some(100), ..EngineOptions::default() };
    assert_eq!(plan(&both).unwrap().kv_tokens, 96);
}

#[test]
fn a_cache_that_no_machine_has_room_for_is_refused_and_no_number_is_too_large_for_the_plan() {
    let model = tiny_model::tiny();
    let cpu = Arc::new(Cpu::new(1).unwrap());
    for tokens in [usize::MAX, usize::MAX / 2000, 1 << 50] {
        let options = EngineOptions { kv_tokens: Some(tokens), ..EngineOptions::default() };
        let error = Engine::new(model.clone(), cpu.clone(), &options).unwrap_err().to_string();
        let asked = format!("this system has no memory for a key/value cache of {} tokens", tokens / 32 * 32);
        assert!(error.starts_with(&asked), "{error}");
    }
    let most = usize::MAX;
    for options in [
        EngineOptions { max_running: most, ..EngineOptions::default() },
        EngineOptions { token_budget: most, ..EngineOptions::default() },
    ] {
        assert_eq!(plan(&options).unwrap().total(), most);
        let bounded = plan(&EngineOptions { memory: Some(1 << 50), ..options });
        assert!(matches!(bounded, Err(EngineError::OverBudget { .. })), "{bounded:?}");
    }
    assert!(plan(&EngineOptions { context: Some(most), ..EngineOptions::default() }).is_err());
}

#[test]
fn a_cache_type_that_does_not_suit_the_heads_is_refused() {
    let error = plan(&EngineOptions { kv_dtype: Some(KvDtype::Q8_0), ..EngineOptions::default() }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a Q8_0 cache needs heads of whole blocks of 32, and those of this model have 8 elements"
    );
}
