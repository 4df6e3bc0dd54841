//! Tests on text as Linux writes it.

use super::*;

#[test]
fn a_machine_in_words() {
    let cpuinfo =
        "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: A CPU\nflags\t\t: fpu avx2 avx512f amx_tile\n";
    let meminfo = "MemTotal:       25165824 kB\nMemFree:  1 kB\n";
    assert_eq!(in_words(cpuinfo, meminfo, 2), "A CPU (family 25 model 17; AVX2, AVX-512, AMX), 2 cores, 26 GB");
    assert_eq!(in_words("", "", 1), "? (family ? model ?; no vector set that we use), 1 cores, 0 GB");
}

#[test]
fn the_busy_share_leaves_idling_and_waiting_out() {
    let before = cpu_times("cpu  100 0 50 1000 10 0 0 0 0 0\ncpu0 1\n").unwrap();
    let after = cpu_times("cpu  130 0 60 1150 20 0 0 10 0 0\n").unwrap();
    assert_eq!(share(before, after), 50.0 / 210.0);
    assert_eq!(share(before, before), 0.0);
    for wrong in ["", "intr 1 2 3\n", "cpu  1 2 3\n"] {
        assert!(cpu_times(wrong).is_err(), "{wrong}");
    }
}
