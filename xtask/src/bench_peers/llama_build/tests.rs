//! Tests of the choice of a compiler.

use super::*;

fn found(installed: &[(&str, &str)]) -> Result<Clang> {
    find_clang(&CLANGS, |program| {
        installed.iter().find(|(name, _)| *name == program).map(|(_, line)| (*line).to_owned())
    })
}

#[test]
fn the_first_clang_that_is_new_enough() {
    let clang = found(&[("clang", "Debian clang version 14.0.6"), ("clang-20", "clang version 20.1.0 (x)")]).unwrap();
    assert_eq!((&*clang.c, &*clang.cpp, &*clang.version), ("clang-20", "clang++-20", "clang 20.1.0"));
    let clang = found(&[("clang", "Debian clang version 21.1.8")]).unwrap();
    assert_eq!((&*clang.c, &*clang.cpp), ("clang", "clang++"));
}

#[test]
fn without_clang_the_message_says_what_to_do() {
    for installed in [&[][..], &[("clang", "Debian clang version 14.0.6")], &[("clang", "nonsense")]] {
        let error = found(installed).unwrap_err().to_string();
        assert!(error.contains("apt-get install clang-19") && error.contains("--peers"), "{error}");
    }
}

#[test]
fn only_the_native_build_takes_what_the_machine_has() {
    assert_eq!(rows(), ["avx512bf16", "avx512", "avx2"]);
    for build in BUILDS {
        let native = build.options.contains(&"-DGGML_NATIVE=ON");
        assert_eq!(native, build.name == NATIVE, "{}", build.name);
        assert!(native || build.options.contains(&"-DGGML_NATIVE=OFF"), "{}", build.name);
    }
}
