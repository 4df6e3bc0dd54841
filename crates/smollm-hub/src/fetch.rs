//! From a model name to local files: the cache where it is complete, the network where it is not.

use std::path::{Path, PathBuf};

use crate::api;
use crate::backoff::tell;
use crate::cache::RepoCache;
use crate::client::Client;
use crate::config::HubConfig;
use crate::download::{Wanted, fetch_blob};
use crate::error::HubError;
use crate::model_ref::{HubFile, ModelRef};
use crate::names::{RepoId, RepoPath, Revision};
use crate::progress::{Event, PlannedFile, Progress};
use crate::selection::{Selection, select};
use crate::tree::Tree;

/// One hub and one cache.
pub struct Hub {
    pub(crate) config: HubConfig,
    client: Client,
}

/// A model on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalModel {
    /// The folder with the safetensors and small files, or the GGUF (its first part) to open.
    pub path: PathBuf,
    /// What `path` is.
    pub kind: LocalKind,
    /// Every file of the model in the cache; empty for a local path.
    pub files: Vec<PathBuf>,
    /// The repository; `None` for a local path.
    pub repo: Option<RepoId>,
    /// The commit, 40 hexadecimal digits; `None` for a local path.
    pub commit: Option<String>,
}

/// The two forms of a local model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalKind {
    /// A folder with `model.safetensors` or shards, and the small files beside them.
    Folder,
    /// A `.gguf` file.
    Gguf,
}

/// A repository at a revision, with its place in the cache.
struct Target<'a> {
    repo: &'a RepoId,
    revision: Revision,
    file: Option<&'a HubFile>,
    cache: RepoCache,
}

impl Hub {
    /// A hub with these settings.
    ///
    /// # Errors
    /// [`HubError::Config`] where the endpoint is no address or the certificates cannot be read.
    pub fn new(config: HubConfig) -> Result<Self, HubError> {
        let client = Client::new(&config)?;
        Ok(Self { config, client })
    }

    /// A hub as the environment says, see [`HubConfig::from_env`].
    ///
    /// # Errors
    /// As [`Hub::new`].
    pub fn from_env() -> Result<Self, HubError> {
        Self::new(HubConfig::from_env())
    }

    /// The settings.
    pub fn config(&self) -> &HubConfig {
        &self.config
    }

    /// Makes a model local and says where it is.
    ///
    /// A branch or tag is looked up with one request; a commit whose files are cached needs none. Where the hub cannot
    /// be reached a complete cached copy is used ([`Event::Unreachable`] says so). Every file that arrives is checked
    /// against the length and hash of the hub's listing, and what does not match is not left in the cache.
    ///
    /// # Errors
    /// Any [`HubError`]; after [`HubError::Cut`], [`HubError::Cancelled`] and [`HubError::DiskFull`] another call resumes.
    pub fn fetch(&self, model: &ModelRef, progress: &dyn Progress) -> Result<LocalModel, HubError> {
        let target = match model {
            ModelRef::Path(path) => return local(path),
            ModelRef::Hub { repo, revision, file } => self.target(repo, revision.as_ref(), file.as_ref()),
        };
        if self.config.offline {
            return self.in_cache(&target);
        }
        let cached = self.in_cache(&target);
        match self.bring(&target, cached.is_ok(), progress) {
            Err(error) if error.is_unreachable() => match cached {
                Ok(model) => {
                    tell(progress, Event::Unreachable { reason: &error.to_string() })?;
                    Ok(model)
                }
                Err(_) => Err(error),
            },
            other => other,
        }
    }

    /// The model as the cache has it, without the network; `None` where it is not there or not complete.
    ///
    /// # Errors
    /// Where the name is wrong for what the cache holds, such as an ambiguous quantisation.
    pub fn cached(&self, model: &ModelRef) -> Result<Option<LocalModel>, HubError> {
        let ModelRef::Hub { repo, revision, file } = model else { return self.fetch(model, &crate::Silent).map(Some) };
        match self.in_cache(&self.target(repo, revision.as_ref(), file.as_ref())) {
            Ok(model) => Ok(Some(model)),
            Err(HubError::Offline { .. } | HubError::Partial { .. } | HubError::NoModel { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn target<'a>(&self, repo: &'a RepoId, revision: Option<&Revision>, file: Option<&'a HubFile>) -> Target<'a> {
        let cache = RepoCache::new(&self.config.cache, repo);
        Target { repo, revision: revision.cloned().unwrap_or_else(Revision::main), file, cache }
    }

    /// The complete model of the commit that the cache knows for the revision.
    fn in_cache(&self, target: &Target<'_>) -> Result<LocalModel, HubError> {
        let what = || format!("{}@{}", target.repo, target.revision);
        let absent = || HubError::Offline { what: what(), cache: self.config.cache.clone() };
        let commit = target.cache.commit(&target.revision).ok_or_else(absent)?;
        let tree = target.cache.read_tree(&commit);
        let present = target.cache.snapshot_files(&commit);
        if present.is_empty() {
            return Err(absent());
        }
        // Without a listing (an older client filled the cache) what is there has to speak for itself.
        let paths = tree.as_ref().map_or(present, Tree::paths);
        let selection = select(target.repo, &paths, target.file)?;
        let missing: Vec<String> =
            missing(&target.cache, &commit, tree.as_ref(), selection.files()).map(RepoPath::to_string).collect();
        if missing.is_empty() {
            Ok(found(target, &commit, &selection))
        } else {
            Err(HubError::Partial { what: what(), missing })
        }
    }

    /// The model as the hub has it now. `once`: there is a cached copy, so failures are not worth waiting for.
    fn bring(&self, target: &Target<'_>, once: bool, progress: &dyn Progress) -> Result<LocalModel, HubError> {
        let (repo, cache) = (target.repo, &target.cache);
        let commit = if target.revision.is_commit() {
            target.revision.as_str().to_owned()
        } else {
            api::commit_of(&self.client, repo, &target.revision, once, progress)?
        };
        let (tree, known) = match cache.read_tree(&commit) {
            Some(tree) => (tree, true),
            None => (api::tree_of(&self.client, repo, &commit, once, progress)?, false),
        };
        let selection = select(repo, &tree.paths(), target.file)?;
        let missing: Vec<&RepoPath> = missing(cache, &commit, Some(&tree), selection.files()).collect();
        if missing.is_empty() {
            // Nothing to fetch; a cache that cannot be written to (a shared, read-only one) is then no obstacle.
            let _ = if known { Ok(()) } else { cache.write_tree(&commit, &tree) };
            let _ = target.remember(&commit);
            return Ok(found(target, &commit, &selection));
        }
        cache.prepare(&commit)?;
        if !known {
            cache.write_tree(&commit, &tree)?;
        }
        tell(progress, Event::Plan(&plan(cache, &tree, selection.files(), &missing)))?;
        for path in missing {
            let Some(file) = tree.get(path) else { continue };
            let fresh = fetch_blob(&self.client, cache, &Wanted { repo, commit: &commit, path, file }, progress)?;
            cache.place(&commit, path, file.etag(), self.config.symlinks, fresh)?;
        }
        // Last, so that offline the branch names the newest commit that is complete.
        target.remember(&commit)?;
        Ok(found(target, &commit, &selection))
    }
}

impl Target<'_> {
    fn remember(&self, commit: &str) -> Result<(), HubError> {
        if self.revision.is_commit() { Ok(()) } else { self.cache.remember(&self.revision, commit) }
    }
}

/// The files that the snapshot does not show, or shows with another length than listed.
fn missing<'a>(
    cache: &'a RepoCache,
    commit: &'a str,
    tree: Option<&'a Tree>,
    files: &'a [RepoPath],
) -> impl Iterator<Item = &'a RepoPath> {
    files.iter().filter(move |path| {
        let listed = tree.and_then(|tree| tree.get(path)).map(|file| file.bytes);
        match cache.entry_bytes(commit, path) {
            Some(bytes) => listed.is_some_and(|listed| listed != bytes),
            None => true,
        }
    })
}

fn plan(cache: &RepoCache, tree: &Tree, files: &[RepoPath], missing: &[&RepoPath]) -> Vec<PlannedFile> {
    let length = |path: PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    files
        .iter()
        .filter_map(|path| tree.get(path).map(|file| (path, file)))
        .map(|(path, file)| {
            let present = if missing.contains(&path) {
                length(cache.blob(file.etag())).max(length(cache.incomplete(file.etag()))).min(file.bytes)
            } else {
                file.bytes
            };
            PlannedFile { path: path.to_string(), bytes: file.bytes, present }
        })
        .collect()
}

fn found(target: &Target<'_>, commit: &str, selection: &Selection) -> LocalModel {
    let files: Vec<PathBuf> = selection.files().iter().map(|path| target.cache.entry(commit, path)).collect();
    let (path, kind) = match selection {
        Selection::Folder(_) => (target.cache.snapshot(commit), LocalKind::Folder),
        Selection::Gguf(_) => (files[0].clone(), LocalKind::Gguf),
    };
    LocalModel { path, kind, files, repo: Some(target.repo.clone()), commit: Some(commit.to_owned()) }
}

fn local(path: &Path) -> Result<LocalModel, HubError> {
    let gguf = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"));
    let kind = if path.is_dir() {
        LocalKind::Folder
    } else if path.is_file() && gguf {
        LocalKind::Gguf
    } else {
        return Err(HubError::LocalKind { path: path.to_path_buf() });
    };
    Ok(LocalModel { path: path.to_path_buf(), kind, files: Vec::new(), repo: None, commit: None })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_hub_can_be_shared_by_threads() {
        fn thread_safe<T: Send + Sync>() {}
        thread_safe::<super::Hub>();
    }
}
