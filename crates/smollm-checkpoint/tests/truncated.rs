//! A model file cut short while it is mapped ends the program with one line and exit code 1, never with a wrong answer.
#![cfg(unix)]

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Command, Output};

use smollm_checkpoint::{Checkpoint, Tensor, safetensors};
use smollm_kernels::{Bytes, Dtype};

/// Set for the child process: the file to open.
const FILE: &str = "SMOLLM_TEST_MAPPED_FILE";
/// Set for the child process: what to do.
const ROLE: &str = "SMOLLM_TEST_ROLE";
const PAGE: usize = 1 << 16; // at least a page on every system
const ROWS: usize = 4;
/// Length of the file: length field, header, data.
const LEN: usize = 8 + 72 + ROWS * PAGE;

/// Writes a checkpoint of a few pages to `path`.
fn write_model(path: &Path) {
    let data = Bytes::from(vec![1; ROWS * PAGE]);
    let tensor = Tensor { name: "w".to_owned(), dtype: Dtype::F32, shape: vec![ROWS, PAGE / 4], data };
    safetensors::write_tensors(path, &[&tensor], &[]).expect("written");
}

fn truncate(path: &str, len: u64) {
    OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(len)).expect("cut");
}

/// Not a test of its own: run by the others in a process that may die.
#[test]
#[allow(clippy::print_stdout)] // the parent reads it
fn child() {
    let (Ok(role), Ok(file)) = (std::env::var(ROLE), std::env::var(FILE)) else { return };
    let checkpoint = Checkpoint::open_safetensors(&file).expect("opened");
    let data = checkpoint.tensor("w").expect("there").data.clone();
    let sum = |data: &Bytes| data.as_slice().iter().map(|&byte| u64::from(byte)).sum::<u64>();
    match role.as_str() {
        "intact" => assert_eq!(sum(&data), (ROWS * PAGE) as u64),
        "cut" => {
            truncate(&file, PAGE as u64);
            println!("sum {}", sum(&data));
        }
        // The fault comes in a thread, and after other mappings have come and gone.
        "cut in a thread" => {
            for _ in 0..10 {
                Checkpoint::open_safetensors(&file).expect("opened");
            }
            truncate(&file, PAGE as u64);
            std::thread::scope(|scope| scope.spawn(|| println!("sum {}", sum(&data))).join()).expect("joined");
        }
        // A copy of the model out of the mapping: the fault must not surface as a write error of the copy.
        "cut while copying" => {
            truncate(&file, PAGE as u64);
            let copied =
                safetensors::write_tensors(Path::new(&format!("{file}.copy")), &[checkpoint.tensor("w").unwrap()], &[]);
            println!("copied {}", copied.is_ok());
        }
        // Less than a page: zeros, silently, which `still_intact` is for.
        "cut by a byte" => {
            truncate(&file, fs::metadata(&file).expect("there").len() - 1);
            let _ = sum(&data);
            print!("still_intact: {}", checkpoint.still_intact().expect_err("cut"));
        }
        // A fault in a mapping that is not a checkpoint's keeps its meaning.
        "foreign" => {
            let other = format!("{file}.other");
            fs::copy(&file, &other).expect("copied");
            let opened = fs::File::open(&other).expect("opened");
            // SAFETY: it is not safe: the file is cut below, and the fault that follows is what is tested.
            let map = unsafe { memmap2::Mmap::map(&opened) }.expect("mapped");
            truncate(&other, 0);
            println!("sum {}", sum(&Bytes::new(map)));
        }
        other => panic!("unknown role {other}"),
    }
}

/// Runs [`child`] in a process of its own on a fresh model file.
fn run(role: &str) -> (Output, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    write_model(&path);
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(FILE, &path)
        .output()
        .expect("the child runs");
    let left: Vec<_> = fs::read_dir(folder.path()).expect("listed").map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        !left.iter().any(|name| name.to_string_lossy().ends_with(".copy")),
        "{role}: a copy was finished: {left:?}"
    );
    (output, path.display().to_string())
}

#[test]
fn an_intact_file_is_read() {
    assert!(run("intact").0.status.success());
}

#[test]
fn a_cut_file_ends_the_program_with_one_line() {
    for role in ["cut", "cut in a thread", "cut while copying"] {
        let (output, path) = run(role);
        assert_eq!(output.status.code(), Some(1), "{role}: {output:?}");
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(!stdout.contains("sum") && !stdout.contains("copied"), "{role}: {stdout}");
        let expected = format!("error: {path} was truncated while in use; restore the file and run again\n");
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected, "{role}");
    }
}

#[test]
fn a_cut_inside_the_last_page_is_seen_by_still_intact() {
    let (output, path) = run("cut by a byte");
    assert!(output.status.success());
    let stdout = String::from_utf8_lossy(&output.stdout);
    let hint = "while in use; restore the file and run again";
    let expected = format!("still_intact: {path}: was truncated from {LEN} to {} bytes {hint}", LEN - 1);
    assert!(stdout.contains(&expected), "{stdout}");
}

#[test]
fn a_fault_in_another_mapping_still_kills_by_its_signal() {
    use std::os::unix::process::ExitStatusExt;
    let (output, _) = run("foreign");
    assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("truncated"), "{output:?}");
}
