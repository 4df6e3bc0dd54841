//! The two questions to the hub's API: which commit is this revision, and which files does a commit have.

use serde_json::Value;
use ureq::http::{HeaderMap, Uri};

use crate::address::quote;
use crate::client::{Asked, Client, text};
use crate::error::HubError;
use crate::names::{RepoId, Revision, is_hex};
use crate::progress::Progress;
use crate::tree::{Tree, TreeError};

/// A repository of more listing pages than this is not a model.
const MOST_PAGES: usize = 200;

/// The commit that a branch or tag names now. With `once` a passing failure is not tried again.
pub(crate) fn commit_of(
    client: &Client,
    repo: &RepoId,
    revision: &Revision,
    once: bool,
    progress: &dyn Progress,
) -> Result<String, HubError> {
    let url = format!("{}/api/models/{repo}/revision/{}", client.endpoint(), quote(revision.as_str(), false));
    let asked = Asked { repo, revision: revision.as_str(), file: None, etag: None };
    let (info, _) = client.json(&url, &asked, once, progress)?;
    match info["sha"].as_str().filter(|sha| is_hex(sha, 40)) {
        Some(sha) => Ok(sha.to_owned()),
        None => Err(HubError::BadReply { url, reason: "it names no commit".to_owned() }),
    }
}

/// The files of a commit.
pub(crate) fn tree_of(
    client: &Client,
    repo: &RepoId,
    commit: &str,
    once: bool,
    progress: &dyn Progress,
) -> Result<Tree, HubError> {
    let mut url = format!("{}/api/models/{repo}/tree/{commit}?recursive=true", client.endpoint());
    let asked = Asked { repo, revision: commit, file: None, etag: None };
    let mut tree = Tree::default();
    for _ in 0..MOST_PAGES {
        let (page, headers) = client.json(&url, &asked, once, progress)?;
        extend(&mut tree, &page, repo, &url)?;
        match next_page(&headers) {
            Some(next) => url = format!("{}{next}", client.endpoint()),
            None => return Ok(tree),
        }
    }
    Err(HubError::BadReply { url, reason: "the listing does not end".to_owned() })
}

fn extend(tree: &mut Tree, page: &Value, repo: &RepoId, url: &str) -> Result<(), HubError> {
    tree.extend(page).map_err(|error| match error {
        TreeError::UnsafeName(reason) => HubError::UnsafeName { repo: repo.to_string(), reason },
        TreeError::Malformed(reason) => HubError::BadReply { url: url.to_owned(), reason },
    })
}

/// Path and query of `Link: <URL>; rel="next"`. The host is left out on purpose: a mirror hands on the addresses of
/// the hub behind it, and the token must not follow them.
fn next_page(headers: &HeaderMap) -> Option<String> {
    let link = text(headers, "link")?;
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let url = next.split_once('<')?.1.split_once('>')?.0;
    let path_and_query = url.parse::<Uri>().ok()?.path_and_query()?.to_string();
    // An endpoint with a path of its own (a mirror behind a prefix) already ends where `/api` begins.
    let api = path_and_query.find("/api/models/")?;
    Some(path_and_query[api..].to_owned())
}
