//! `cargo xtask accept static`: the release binary without any library, in an empty folder that it takes for the whole machine.

mod elf;
mod names;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::command::{Finished, capture};
use crate::load::{Server, ask};
use crate::loopback::LoopbackHub;
use crate::report::Tally;
use crate::suites;
use crate::targets::rustc;
use crate::workspace::{Workspace, cargo, scrub};

/// Where the model that ships inside comes from, if this state of the repository has one.
const BUILT_IN: &str = "crates/smollm/model/nano.gguf";
/// One of the stand-ins: small, with random weights.
const MODEL: &str = "HuggingFaceTB/SmolLM2-135M-Instruct";
/// A name that the file `etc/hosts` of the empty machine has.
const IN_HOSTS: &str = "hub.in-hosts.test";
/// A name that only the name server of the empty machine knows.
const IN_DNS: &str = "hub.in-dns.test";
const LIMIT: Duration = Duration::from_secs(120);

/// Builds it, looks at it, and tries names, TLS, a model and the server where there is nothing else.
pub(crate) fn accept(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    if let Some(option) = options.first() {
        bail!("unknown option {option}");
    }
    let host = rustc(&["-vV"])?.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned));
    let Some(host) = host.filter(|host| host.ends_with("-linux-gnu")) else {
        println!("   SKIP only on Linux with glibc is there such a binary");
        return Ok(Tally::skip());
    };
    let binary = build(workspace, &host)?;
    let libraries = elf::libraries(&fs::read(&binary).with_context(|| format!("cannot read {}", binary.display()))?)?;
    if !libraries.is_empty() {
        println!("   {} wants {}", binary.display(), libraries.join(", "));
    }
    let mut tally = Tally::one(libraries.is_empty());
    let machine = Machine::new(workspace, &binary)?;
    if !is_root() {
        println!("   SKIP chroot is for root alone: what the binary does in an empty folder was not tried");
        tally += Tally::skip();
        return Ok(tally);
    }
    tally += machine.tries()?;
    Ok(tally)
}

/// With `--target`, so that build scripts and procedural macros, which are loaded while others run, are built as ever.
fn build(workspace: &Workspace, target: &str) -> Result<PathBuf> {
    let mut cargo = cargo(&workspace.root);
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    cargo.env("RUSTFLAGS", format!("{flags} -C target-feature=+crt-static").trim());
    suites::release_by(cargo, &["--target", target], "smollm", "bin", "smollm")
}

fn is_root() -> bool {
    let said = Command::new("id").arg("-u").output();
    said.is_ok_and(|said| said.stdout.trim_ascii() == b"0")
}

/// A folder that holds the binary and, after a while, what a machine has where there is more.
struct Machine<'w> {
    workspace: &'w Workspace,
    root: PathBuf,
}

impl<'w> Machine<'w> {
    /// The binary alone, without its symbols where `strip` is installed.
    fn new(workspace: &'w Workspace, binary: &Path) -> Result<Self> {
        let root = workspace.root.join("target/xtask/static/root");
        if root.exists() {
            fs::remove_dir_all(&root).with_context(|| format!("cannot empty {}", root.display()))?;
        }
        fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
        let program = root.join("smollm");
        let mebibytes = |path: &Path| -> Result<f64> { Ok(fs::metadata(path)?.len() as f64 / f64::from(1 << 20)) };
        let whole = mebibytes(binary)?;
        if Command::new("strip").arg("-o").arg(&program).arg(binary).status().is_ok_and(|status| status.success()) {
            println!("   {whole:.1} MiB, {:.1} MiB without symbols", mebibytes(&program)?);
        } else {
            fs::copy(binary, &program).with_context(|| format!("cannot copy {}", binary.display()))?;
            println!("   {whole:.1} MiB; strip is not installed, so its size without symbols is not known");
        }
        Ok(Self { workspace, root })
    }

    /// The binary with these arguments and no environment but this one, for which the folder is all there is.
    fn command(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
        let known = ["/usr/sbin/chroot", "/usr/bin/chroot", "/sbin/chroot"];
        let chroot = known.iter().find(|path| Path::new(path).exists()).copied().unwrap_or("chroot");
        let mut command = Command::new(chroot);
        command.env_clear().envs(environment.iter().copied());
        command.arg(&self.root).arg("/smollm").args(arguments);
        command
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Finished> {
        capture(&mut self.command(arguments, environment), &self.workspace.log("static"), LIMIT)
    }

    /// One try: whether it went as it should, and all that was said where it did not.
    fn one(
        &self,
        what: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
        fine: impl Fn(&Finished) -> bool,
    ) -> Result<Tally> {
        let finished = self.run(arguments, environment)?;
        let passed = fine(&finished);
        println!("   {what:<64} {}", if passed { "passed" } else { "FAILED" });
        if !passed {
            println!("   smollm {}: {:?}\n{}", arguments.join(" "), finished.exit_code, finished.output.trim_end());
        }
        Ok(Tally::one(passed))
    }

    fn write(&self, name: &str, content: &str) -> Result<()> {
        let path = self.root.join(name);
        let folder = path.parent().context("a file lies in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
    }

    /// From nothing to a server that answers. What is refused is refused in one line.
    fn tries(&self) -> Result<Tally> {
        let refused = |finished: &Finished, part: &str| {
            finished.exit_code == Some(1) && finished.output.lines().count() == 1 && finished.output.contains(part)
        };
        let mut tally = self.one("nothing but the binary", &["--version"], &[], |f| f.output.starts_with("smollm "))?;
        tally += self.one("no home, no cache", &["list"], &[], |f| f.success)?;
        if self.workspace.root.join(BUILT_IN).exists() {
            let asked = ["generate", "-q", "--chat", "What is the capital of France?", "--temperature", "0"];
            tally += self.one("the built-in model", &asked, &[], |f| f.success && !f.output.trim().is_empty())?;
        } else {
            println!("   there is no {BUILT_IN}, so no model that ships inside was tried");
        }

        let models = self.stand_ins()?;
        let open = LoopbackHub::start(self.workspace, Some(&models))?;
        let port = open.address.rsplit(':').next().unwrap_or_default();
        let pull = ["pull", "-q", MODEL];
        let by = |host: &str| format!("http://{host}:{port}");
        let unknown = [("HF_ENDPOINT", &*by(IN_HOSTS)), ("HF_HOME", "/unknown")];
        tally += self.one("a name that nothing knows is refused", &pull, &unknown, |f| refused(f, "lookup"))?;
        self.write("etc/hosts", &format!("127.0.0.1 {IN_HOSTS}\n"))?;
        let in_hosts = [("HF_ENDPOINT", &*by(IN_HOSTS)), ("HF_HOME", "/in-hosts")];
        tally += self.one("a name in /etc/hosts", &pull, &in_hosts, |f| f.success)?;
        match names::answer(IN_DNS) {
            Ok(()) => {
                self.write("etc/resolv.conf", "nameserver 127.0.0.1\n")?;
                let in_dns = [("HF_ENDPOINT", &*by(IN_DNS)), ("HF_HOME", "/in-dns")];
                tally += self.one("a name that a name server knows", &pull, &in_dns, |f| f.success)?;
            }
            Err(error) => {
                println!("   SKIP no name server can listen at port 53 ({error}), so none was asked");
                tally += Tally::skip();
            }
        }

        let closed = LoopbackHub::start_tls(self.workspace, &models, IN_HOSTS, &self.root.join("hub.pem"))?;
        let stranger = [("HF_ENDPOINT", &*closed.address), ("HF_HOME", "/tls")];
        let certificate = |f: &Finished| refused(f, "invalid peer certificate");
        tally += self.one("TLS: a certificate of a stranger is refused", &pull, &stranger, certificate)?;
        let trusted = [stranger[0], stranger[1], ("SSL_CERT_FILE", "/hub.pem")];
        tally += self.one("TLS: one that SSL_CERT_FILE names is taken", &pull, &trusted, |f| f.success)?;

        let offline = [("HF_HOME", "/tls"), ("HF_HUB_OFFLINE", "1")];
        let asked = ["generate", "-q", "-m", MODEL, "once", "-n", "8", "--ignore-eos", "--json"];
        tally += self.one("a model that was pulled", &asked, &offline, |f| f.success && f.output.starts_with('{'))?;
        let serve = |port: u16| self.command(&["serve", "-q", "-m", MODEL, "--port", &port.to_string()], &offline);
        let answered = Server::start(serve, &self.workspace.log("static-serve")).and_then(|server| {
            let asked = ask(&server.address, "/v1/completions", r#"{"prompt": "once", "max_tokens": 4}"#, usize::MAX)?;
            ensure!(asked.status == 200, "it answers {}: {}", asked.status, asked.said());
            Ok(())
        });
        println!("   {:<64} {}", "a server that answers", if answered.is_ok() { "passed" } else { "FAILED" });
        if let Err(error) = &answered {
            println!("   {error:#}");
        }
        tally += Tally::one(answered.is_ok());
        Ok(tally)
    }

    /// A folder of small models under the names of released ones.
    fn stand_ins(&self) -> Result<PathBuf> {
        let models = self.workspace.root.join("target/xtask/static/models");
        let mut maker =
            Command::new(suites::executable(self.workspace, "smollm-testkit", "example", "stand_in_models")?);
        scrub(&mut maker);
        let made = capture(maker.arg(&models), &self.workspace.log("static-models"), LIMIT)?;
        ensure!(made.success, "the example stand_in_models: {}", made.output.trim());
        Ok(models)
    }
}
