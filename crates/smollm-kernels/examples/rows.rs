//! Prints the instruction-set rows that this machine can run, best first, one a line.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    for isa in smollm_kernels::Cpu::available_isas() {
        println!("{isa}");
    }
}
