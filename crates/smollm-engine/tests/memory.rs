//! The memory that an engine takes is what its plan says. Alone in its process, since it looks at the process.

mod tiny_model;

use smollm_engine::{Engine, EngineOptions, MemoryPlan, Request, Submission};
use smollm_kernels::{Cpu, Dtype};
use smollm_testkit::tiny::prompt_ids;
use std::sync::Arc;

const MIB: usize = 1 << 20;

/// A number of /proc/self/status in bytes; `None` where there is no such file.
fn status(field: &str) -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<usize>().ok().map(|kib| kib * 1024)
}

#[test]
fn the_plan_is_what_is_taken() {
    let Some(_) = status("VmHWM") else {
        eprintln!("SKIP: no /proc/self/status on this system");
        return;
    };
    // Keys and values of 32 KiB a token beside next to no weights.
    let model = tiny_model::changed(
        &[("num_hidden_layers", 2), ("num_attention_heads", 32), ("num_key_value_heads", 32), ("head_dim", 64)],
        Dtype::F32,
    );
    let options = EngineOptions { context: Some(2048), kv_tokens: Some(3 * 1024), ..EngineOptions::default() };
    let plan = MemoryPlan::new(&model, &options).unwrap();
    assert_eq!(plan.kv, 96 * MIB);
    let before = status("VmRSS").unwrap();
    let cpu = Arc::new(Cpu::new(2).unwrap());
    let mut engine = Engine::new(model, cpu, &options).unwrap();
    let idle = status("VmRSS").unwrap() - before;
    assert!(idle < 4 * MIB, "an idle engine has touched {idle} bytes");
    for i in 0..6 {
        let request = Request { max_tokens: Some(24), ..Request::default() };
        engine.submit(Submission::new(prompt_ids(&format!("memory {i}"), 1000, 256), request)).unwrap();
    }
    while !engine.is_idle() {
        engine.step(&mut || None, &mut |_, _| {});
    }
    let taken = status("VmHWM").unwrap() - before;
    let planned = plan.kv + plan.buffers;
    let bound = (planned / 20).max(16 * MIB);
    assert!(taken.abs_diff(planned) <= bound, "{taken} bytes taken, {planned} planned");
}
