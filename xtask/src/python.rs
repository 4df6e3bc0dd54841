//! Python clients: scripts in `reference/` that use what we write and serve with the libraries people have.

use std::path::Path;

use anyhow::{Result, bail};

use crate::bench_peers::TORCH;
use crate::report::Tally;
use crate::scripts::{Argument, Client, TOUR, run};
use crate::venv::Venv;
use crate::workspace::Workspace;

/// Downloading and unpacking the packages takes about 20 s on a good line.
pub(crate) const VENV: Venv<'_> =
    Venv { folder: "target/venv", requirements: "reference/requirements-test.txt", borrowed: None };

const CLIENTS: &[Client] = &[
    Client {
        script: "reference/hub_check.py",
        arguments: &[Argument::LoopbackHub, Argument::EmptyFolder, Argument::Example("smollm-hub", "fetch")],
    },
    Client { script: "reference/openai_check.py", arguments: TOUR },
    Client { script: "reference/readme_check.py", arguments: TOUR },
    Client {
        script: "reference/tokenizer_train_check.py",
        arguments: &[Argument::EmptyFolder, Argument::Smollm, Argument::Fixtures],
    },
    TOOLS,
    CONSTRAINED,
];
/// Of `cargo xtask test` a sample, of `cargo xtask accept` the whole.
const CONSTRAINED: Client = Client {
    script: "reference/constrained_check.py",
    arguments: &[
        Argument::EmptyFolder,
        Argument::Smollm,
        Argument::Example("smollm-testkit", "stand_in_models"),
        Argument::Fixtures,
    ],
};

/// A sample of functions in the ordinary test, all in `cargo xtask accept tools`.
const TOOLS: Client = Client {
    script: "reference/tools_check.py",
    arguments: &[
        Argument::EmptyFolder,
        Argument::Smollm,
        Argument::Example("smollm-testkit", "stand_in_models"),
        Argument::Fixtures,
    ],
};

/// What stands on the `openai` package of the ordinary test, and 300 MB beside it.
const FURTHER_VENV: Venv<'_> =
    Venv { folder: "target/venv-clients", requirements: "reference/requirements-clients.txt", borrowed: None };
const FURTHER: &[Client] = &[
    Client { script: "reference/litellm_check.py", arguments: TOUR },
    Client { script: "reference/langchain_check.py", arguments: TOUR },
    Client { script: "reference/pydantic_ai_check.py", arguments: TOUR },
];
/// It does not take the `openai` of the others.
const INSTRUCTOR: Client = Client { script: "reference/instructor_check.py", arguments: TOUR };
const INSTRUCTOR_VENV: Venv<'_> =
    Venv { folder: "target/venv-instructor", requirements: "reference/requirements-instructor.txt", borrowed: None };

const SCHEMATHESIS: Client = Client { script: "reference/schemathesis_check.py", arguments: TOUR };
const SCHEMATHESIS_VENV: Venv<'_> = Venv {
    folder: "target/venv-schemathesis",
    requirements: "reference/requirements-schemathesis.txt",
    borrowed: None,
};

const LM_EVAL: Client = Client {
    script: "reference/lm_eval_check.py",
    arguments: &[
        Argument::EmptyFolder,
        Argument::Smollm,
        Argument::Example("smollm-testkit", "stories260k"),
        Argument::Fixtures,
    ],
};
/// Torch and transformers are those of `cargo xtask bench-peers`.
const LM_EVAL_VENV: Venv<'_> = Venv {
    folder: "target/venv-lm-eval",
    requirements: "reference/requirements-lm-eval.txt",
    borrowed: Some(TORCH.folder),
};

const TOOL_SCHEMA: Client = Client { script: "reference/tool_schema_golden.py", arguments: &[] };
/// Torch and transformers are those of `cargo xtask bench-peers`.
const TOOL_SCHEMA_VENV: Venv<'_> = Venv {
    folder: "target/venv-tool-schema",
    requirements: "reference/requirements-tool-schema.txt",
    borrowed: Some(TORCH.folder),
};

/// Runs every script of the table.
pub(crate) fn clients(workspace: &Workspace) -> Result<Tally> {
    let python = match VENV.ensure(workspace) {
        Ok(python) => python,
        Err(error) => {
            println!("   SKIP there is no Python environment: {error:#}");
            return Ok(Tally::skip());
        }
    };
    all(workspace, &python, CLIENTS)
}

/// `cargo xtask accept clients`: tours of the server with clients that are large to install.
pub(crate) fn further_clients(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    no_options(options)?;
    let mut tally = all(workspace, &FURTHER_VENV.ensure(workspace)?, FURTHER)?;
    tally += run(workspace, &INSTRUCTOR_VENV.ensure(workspace)?, &INSTRUCTOR, &[])?;
    Ok(tally)
}

/// `cargo xtask accept tools`: calls of 500 functions, all ways to ask for them, of a hundred in SmolLM3's form too.
pub(crate) fn tools(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    no_options(options)?;
    run(workspace, &VENV.ensure(workspace)?, &TOOLS, &["500".to_owned()])
}

/// `cargo xtask accept tool-schema`: the table of schemas of Python functions, made again and compared.
pub(crate) fn tool_schema(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    no_options(options)?;
    TORCH.ensure(workspace)?;
    let check = ["testdata/tools/schemas.json".to_owned(), "--check".to_owned()];
    run(workspace, &TOOL_SCHEMA_VENV.ensure(workspace)?, &TOOL_SCHEMA, &check)
}

/// `cargo xtask accept schemathesis`: requests made from the document of our own API.
pub(crate) fn schemathesis(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    no_options(options)?;
    run(workspace, &SCHEMATHESIS_VENV.ensure(workspace)?, &SCHEMATHESIS, &[])
}

/// `cargo xtask accept lm-eval`: its log-likelihoods over our server beside `smollm score` and transformers.
pub(crate) fn lm_eval(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    TORCH.ensure(workspace)?;
    run(workspace, &LM_EVAL_VENV.ensure(workspace)?, &LM_EVAL, options)
}

/// `cargo xtask accept constrained`: answers under every schema of the JSON-Schema-Test-Suite and 1,000 others.
pub(crate) fn constrained(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    no_options(options)?;
    run(workspace, &VENV.ensure(workspace)?, &CONSTRAINED, &["--all".to_owned()])
}

fn all(workspace: &Workspace, python: &Path, clients: &[Client]) -> Result<Tally> {
    let mut tally = Tally::default();
    for client in clients {
        tally += run(workspace, python, client, &[])?;
    }
    Ok(tally)
}

fn no_options(options: &[String]) -> Result<()> {
    match options.first() {
        Some(option) => bail!("unknown option {option}"),
        None => Ok(()),
    }
}
