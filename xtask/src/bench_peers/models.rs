//! The models that everybody runs: random weights of the true shapes, made once by `smollm init`, `convert` and `quantize`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::subject::{Size, WeightType};
use crate::suites;
use crate::venv::run;
use crate::workspace::{Workspace, scrub};

/// Where they lie and what makes them.
#[derive(Debug)]
pub(crate) struct Models<'w> {
    workspace: &'w Workspace,
    folder: PathBuf,
    smollm: PathBuf,
}

impl<'w> Models<'w> {
    pub(crate) fn new(workspace: &'w Workspace, smollm: &Path) -> Result<Self> {
        let folder = workspace.root.join("target/peers/models");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self { workspace, folder, smollm: smollm.to_owned() })
    }

    /// A Hugging Face directory of bf16 safetensors with a synthetic tokenizer of 49,152 tokens.
    pub(crate) fn directory(&self, size: &Size) -> Result<PathBuf> {
        self.made(size.name, |out| {
            let tokenizer = self.tokenizer()?;
            let mut init = self.command();
            init.arg("init").arg(size.shape).arg(out).args(["--seed", "0", "--quiet", "--tokenizer"]).arg(tokenizer);
            run(self.workspace, "peers-init", &mut init)
        })
    }

    /// The GGUF file of a type.
    pub(crate) fn gguf(&self, size: &Size, weights: &WeightType) -> Result<PathBuf> {
        let name = |weights: &str| format!("{}-{weights}.gguf", size.name);
        let plain = |weights: &str| {
            let directory = self.directory(size)?;
            self.made(&name(weights), |out| {
                let mut convert = self.command();
                convert.args(["convert", "--quiet", "--dtype", weights]).arg(directory).arg(out);
                run(self.workspace, "peers-convert", &mut convert)
            })
        };
        if weights.plain {
            return plain(weights.name);
        }
        let source = plain("bf16")?;
        self.made(&name(weights.name), |out| {
            let mut quantize = self.command();
            quantize.args(["quantize", "--quiet", "--type", weights.name]).arg(source).arg(out);
            run(self.workspace, "peers-quantize", &mut quantize)
        })
    }

    /// OpenVINO's form with its own compression of the weights.
    pub(crate) fn openvino(&self, size: &Size, compression: &str, python: &Path) -> Result<PathBuf> {
        let directory = self.directory(size)?;
        self.made(&format!("{}-openvino-{compression}", size.name), |out| {
            let mut export = Command::new(python);
            export.args(["reference/openvino_speed.py", "export"]).arg(directory).arg(out).arg(compression);
            run(self.workspace, "peers-openvino-export", export.env("HF_HUB_OFFLINE", "1"))
        })
    }

    fn tokenizer(&self) -> Result<PathBuf> {
        self.made("tokenizer", |out| {
            let maker = suites::release(self.workspace, "smollm-testkit", "example", "byte_level_tokenizer")?;
            run(self.workspace, "peers-tokenizer", Command::new(maker).arg("49152").arg(out))
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.smollm);
        scrub(&mut command);
        command
    }

    /// The file or folder of this name; `make` writes it under another one first, so that what is there is complete.
    fn made(&self, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let path = self.folder.join(name);
        if path.exists() {
            return Ok(path);
        }
        println!("   making target/peers/models/{name}");
        let part = self.folder.join(format!("part-{name}")); // in front, for the ending decides the format
        if part.is_dir() {
            fs::remove_dir_all(&part).with_context(|| format!("cannot remove {}", part.display()))?;
        }
        make(&part).with_context(|| format!("cannot make {name}"))?;
        fs::rename(&part, &path).with_context(|| format!("cannot rename {}", part.display()))?;
        Ok(path)
    }
}
