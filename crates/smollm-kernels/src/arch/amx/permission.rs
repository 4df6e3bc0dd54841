//! Whether this process may use the tile unit: the processor has it, the system saves its registers, and has given leave.
//!
//! Linux wants to be asked once per process (`ARCH_REQ_XCOMP_PERM`, since 5.16), because a signal frame grows by eight KiB.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count};
use std::sync::OnceLock;

/// Asks the first time, and remembers.
pub(super) fn granted() -> bool {
    static GRANTED: OnceLock<bool> = OnceLock::new();
    *GRANTED.get_or_init(|| in_processor() && saved_by_system() && given_leave())
}

/// CPUID, leaf 7: AMX-BF16, AMX-TILE and AMX-INT8.
fn in_processor() -> bool {
    const BF16: u32 = 1 << 22;
    const TILE: u32 = 1 << 24;
    const INT8: u32 = 1 << 25;
    let all = BF16 | TILE | INT8;
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & all == all
}

/// The system saves the shapes and the contents of tiles (XCR0, bits 17 and 18).
fn saved_by_system() -> bool {
    const OSXSAVE: u32 = 1 << 27;
    const TILES: u32 = 0b11 << 17;
    if __cpuid(1).ecx & OSXSAVE == 0 {
        return false;
    }
    let low: u32;
    // SAFETY: OSXSAVE says that the instruction may be used; register 0 is always there.
    unsafe { asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") _, options(nostack, nomem, preserves_flags)) };
    low & TILES == TILES
}

/// Asks Linux for leave to use the contents of tiles.
#[cfg(target_os = "linux")]
fn given_leave() -> bool {
    const ARCH_PRCTL: usize = 158;
    const ARCH_REQ_XCOMP_PERM: usize = 0x1023;
    const XFEATURE_XTILEDATA: usize = 18;
    let answer: isize;
    // SAFETY: the call reads no memory of ours; the kernel overwrites rcx and r11 only.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    answer == 0
}

/// Other systems have their own ways, which nobody has tried yet.
#[cfg(not(target_os = "linux"))]
fn given_leave() -> bool {
    false
}
