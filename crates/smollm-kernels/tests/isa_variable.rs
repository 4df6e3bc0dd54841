//! `SMOLLM_ISA` chooses the row, or is refused with what there is; alone in its process, since it sets the variable.

use smollm_kernels::Cpu;

#[test]
fn the_variable_forces_a_row_or_is_refused() {
    let isas = Cpu::available_isas();
    let set = |value: &str| {
        // SAFETY: this is the only test of this process, and no other thread runs while the variable changes.
        unsafe { std::env::set_var("SMOLLM_ISA", value) };
    };
    for isa in &isas {
        set(isa);
        assert_eq!(Cpu::new(1).expect("available").isa(), *isa);
    }
    set("");
    assert_eq!(Cpu::new(1).expect("available").isa(), isas[0]);
    set("sse9");
    let error = Cpu::new(1).expect_err("unknown").to_string();
    assert_eq!(error, format!("unknown instruction set `sse9` (available here: {})", isas.join(", ")));
}
