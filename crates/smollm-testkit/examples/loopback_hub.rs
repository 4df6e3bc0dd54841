//! Serves a loopback hub until standard input ends: `loopback_hub [ROOT [HOST CERTIFICATE]]`, ROOT holding `org/name/FILES`.
//!
//! Without ROOT the stand-in repositories are served, and `stand-in/large` with a GGUF of 24 MiB (the Python client
//! resumes in steps of 10 MiB). With HOST the hub speaks HTTPS under that name and
//! writes the certificate that it signs itself to CERTIFICATE. The first line printed is `LOOPBACK_HUB http://127.0.0.1:PORT`.
#![allow(clippy::print_stdout)]

use std::io::{self, Read};
use std::path::Path;
use std::{env, fs};

use smollm_testkit::loopback_hub::{LoopbackHub, Repo, stand_in_repos};

fn main() -> io::Result<()> {
    let repos = match env::args().nth(1) {
        Some(root) => repos_under(Path::new(&root))?,
        None => {
            let large: Vec<u8> =
                (0..24u32 << 18).flat_map(|word| word.wrapping_mul(0x9E37_79B9).to_le_bytes()).collect();
            let mut repos = stand_in_repos();
            repos.push(Repo::new("stand-in/large").file("large.gguf", large));
            repos
        }
    };
    let hub = match env::args().nth(2).zip(env::args().nth(3)) {
        None => LoopbackHub::start(repos)?,
        Some((host, certificate)) => {
            let hub = LoopbackHub::start_tls(repos, &host)?;
            fs::write(certificate, hub.certificate().unwrap_or_default())?;
            hub
        }
    };
    println!("LOOPBACK_HUB {}", hub.endpoint());
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn repos_under(root: &Path) -> io::Result<Vec<Repo>> {
    let mut repos = Vec::new();
    for org in folders(root)? {
        for name in folders(&root.join(&org))? {
            repos.push(Repo::from_folder(&format!("{org}/{name}"), &root.join(&org).join(&name))?);
        }
    }
    Ok(repos)
}

fn folders(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
