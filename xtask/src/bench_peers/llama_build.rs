//! llama.cpp, built by clang from the sources that the PyPI package llama-cpp-python carries; its server only for those who ask.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::venv::{Venv, run};
use crate::workspace::Workspace;

const SOURCE: &str = "llama-cpp-python==0.3.36";
/// Folder and archive of that source package.
const UNPACKED: &str = "llama_cpp_python-0.3.36";
const TOOLS: Venv<'_> = Venv {
    folder: "target/peers/build-tools",
    requirements: "reference/requirements-peers-llama-cpp.txt",
    borrowed: None,
};
/// gcc 12 makes AMX code that crashes, and 19 is the clang that was tried.
const OLDEST_CLANG: u32 = 19;
const CLANGS: [&str; 5] = ["clang-19", "clang-20", "clang-21", "clang-22", "clang"];
const PROGRAMS: [&str; 4] = ["llama-bench", "llama-batched-bench", "llama-completion", "llama-server"];

const OPTIONS: [&str; 9] = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=ON",
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF", // it would be downloaded
    // else the build looks for a git repository around itself, finds ours, and rebuilds with each of our commits
    "-DLLAMA_BUILD_COMMIT=llama-cpp-python-0.3.36",
];

/// A build for certain instructions.
struct Build {
    /// `native`, or the row of our kernels that it is to be compared with.
    name: &'static str,
    options: &'static [&'static str],
}

/// For whatever this machine has.
const NATIVE: &str = "native";

const BUILDS: &[Build] = &[
    Build { name: NATIVE, options: &["-DGGML_NATIVE=ON"] },
    Build {
        name: "avx512bf16",
        options: &[
            "-DGGML_NATIVE=OFF",
            "-DGGML_AVX512=ON",
            "-DGGML_AVX512_VBMI=ON",
            "-DGGML_AVX512_VNNI=ON",
            "-DGGML_AVX512_BF16=ON",
        ],
    },
    Build {
        name: "avx512",
        options: &["-DGGML_NATIVE=OFF", "-DGGML_AVX512=ON", "-DGGML_AVX512_VBMI=ON", "-DGGML_AVX512_VNNI=ON"],
    },
    // without GGML_NATIVE the options up to AVX2, FMA, F16C and BMI2 are on and all others off
    Build { name: "avx2", options: &["-DGGML_NATIVE=OFF"] },
];

/// The rows of our kernels that llama.cpp can be held to.
pub(crate) fn rows() -> Vec<&'static str> {
    BUILDS.iter().map(|build| build.name).filter(|name| *name != NATIVE).collect()
}

/// A compiler that will do.
#[derive(Debug)]
struct Clang {
    c: String,
    cpp: String,
    /// Its `--version`, first line.
    version: String,
}

/// A finished build.
#[derive(Debug)]
pub(crate) struct LlamaCpp {
    folder: PathBuf,
    /// What was built and how, for the page.
    pub(crate) version: String,
}

impl LlamaCpp {
    /// A build that is not there, for tests of command lines.
    #[cfg(test)]
    pub(crate) fn at(folder: &str) -> Self {
        Self { folder: PathBuf::from(folder), version: String::new() }
    }

    /// The path of one of [`PROGRAMS`].
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}

/// Builds llama.cpp for this machine, or for the instructions of a row of our kernels, if it is not there yet.
pub(crate) fn ensure_built(workspace: &Workspace, row: Option<&str>) -> Result<LlamaCpp> {
    let name = row.unwrap_or(NATIVE);
    let build = BUILDS.iter().find(|build| build.name == name);
    let build = build.with_context(|| format!("there is no build of llama.cpp for {name}"))?;
    let clang = find_clang(&CLANGS, |program| {
        let output = Command::new(program).arg("--version").output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
    })?;
    let folder = workspace.root.join("target/peers").join(format!("llama.cpp-{name}"));
    let built =
        LlamaCpp { folder, version: format!("llama.cpp of {} ({name}, {})", SOURCE.replace("==", " "), clang.version) };
    let recipe = format!("{SOURCE}\n{}\n{OPTIONS:?}\n{:?}\n{PROGRAMS:?}\n", clang.version, build.options);
    let marker = built.folder.join("smollm-recipe.txt");
    if fs::read_to_string(&marker).is_ok_and(|done| done == recipe) {
        return Ok(built);
    }
    let source = source(workspace)?;
    println!("   building {} into target/peers/llama.cpp-{name}: ten minutes on two cores", built.version);
    configure(workspace, build, &clang, &source, &built.folder)?;
    let mut make = Command::new(TOOLS.program(workspace, "cmake"));
    make.arg("--build").arg(&built.folder).arg("--target").args(PROGRAMS);
    run(workspace, "llama-cpp-build", &mut make)?;
    fs::write(&marker, recipe).with_context(|| format!("cannot write {}", marker.display()))?;
    Ok(built)
}

/// llama-server of the native build, which is made if it is not there yet.
pub(crate) fn server(workspace: &Workspace) -> Result<PathBuf> {
    const NAME: &str = "llama-server";
    let built = ensure_built(workspace, None)?;
    println!("   building {NAME}, if it is not there yet: ten more minutes");
    let mut make = Command::new(TOOLS.program(workspace, "cmake"));
    make.arg("--build").arg(&built.folder).args(["--target", NAME]);
    run(workspace, "llama-cpp-server", &mut make)?;
    Ok(built.program(NAME))
}

fn configure(workspace: &Workspace, build: &Build, clang: &Clang, source: &Path, folder: &Path) -> Result<()> {
    let mut cmake = Command::new(TOOLS.program(workspace, "cmake"));
    let ninja = TOOLS.program(workspace, "ninja");
    cmake.args(["-G", "Ninja"]).arg(format!("-DCMAKE_MAKE_PROGRAM={}", ninja.display()));
    cmake.arg("-S").arg(source).arg("-B").arg(folder).args(OPTIONS).args(build.options);
    cmake.env("CC", &clang.c).env("CXX", &clang.cpp);
    run(workspace, "llama-cpp-configure", &mut cmake)?;
    let log = workspace.log("llama-cpp-configure");
    let said = fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
    if said.contains("OpenMP not found") {
        let cache = folder.join("CMakeCache.txt");
        fs::remove_file(&cache).with_context(|| format!("cannot remove {}", cache.display()))?;
        bail!("{} has no OpenMP library, without which llama.cpp is slower: apt-get install libomp-19-dev", clang.c);
    }
    Ok(())
}

/// The unpacked sources.
pub(crate) fn source(workspace: &Workspace) -> Result<PathBuf> {
    TOOLS.ensure(workspace)?;
    let peers = workspace.root.join("target/peers");
    let folder = peers.join("source");
    let source = folder.join(UNPACKED).join("vendor/llama.cpp");
    if source.join("CMakeLists.txt").exists() {
        return Ok(source);
    }
    println!("   fetching {SOURCE} from PyPI");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let python = TOOLS.program(workspace, "python");
    let mut fetch = Command::new(&python);
    fetch.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    fetch.args(["--no-binary", "llama-cpp-python", "--dest"]).arg(&folder).arg(SOURCE);
    run(workspace, "llama-cpp-fetch", &mut fetch)?;
    let part = folder.join("part");
    if part.exists() {
        fs::remove_dir_all(&part).with_context(|| format!("cannot remove {}", part.display()))?;
    }
    let mut unpack = Command::new(&python);
    unpack.args(["-m", "tarfile", "-e"]).arg(folder.join(format!("{UNPACKED}.tar.gz"))).arg(&part);
    run(workspace, "llama-cpp-unpack", &mut unpack)?;
    fs::rename(part.join(UNPACKED), folder.join(UNPACKED)).context("the source package holds another folder")?;
    ensure!(source.join("CMakeLists.txt").exists(), "{SOURCE} holds no vendor/llama.cpp");
    Ok(source)
}

/// The first of `names` that is new enough, by what `version` says of it; `None` where there is no such program.
fn find_clang(names: &[&str], version: impl Fn(&str) -> Option<String>) -> Result<Clang> {
    for name in names {
        let Some(line) = version(name) else { continue };
        if major(&line).is_some_and(|major| major >= OLDEST_CLANG) {
            let cpp = name.replacen("clang", "clang++", 1);
            let number = line.split("version ").nth(1).and_then(|rest| rest.split_whitespace().next());
            return Ok(Clang { c: (*name).to_owned(), cpp, version: format!("clang {}", number.unwrap_or("?")) });
        }
    }
    bail!(
        "llama.cpp is measured as clang {OLDEST_CLANG} or newer builds it, and there is none: apt-get install clang-19 libomp-19-dev \
         (or leave it out: --peers torch,openvino)"
    );
}

/// 19 of `Debian clang version 19.1.7 (3)`.
fn major(line: &str) -> Option<u32> {
    line.split("clang version ").nth(1)?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests;
