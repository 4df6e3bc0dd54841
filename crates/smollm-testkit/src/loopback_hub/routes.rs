//! Which answer belongs to which request: the hub's API, file resolution, the CDN, and the control routes of tests.

use serde_json::{Value, json};

use super::fault::{Fault, Port};
use super::repo::{Repo, RepoFile, Snapshot};
use super::wire::{Request, Response, percent_decode, percent_encode};
use super::{GRANTED_TOKEN, PLAIN_TOKEN, Shared, lock};

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visitor {
    Anonymous,
    Plain,
    Granted,
    /// A token that the hub does not know.
    Invalid,
}

pub(super) fn answer(shared: &Shared, port: Port, request: &Request) -> Response {
    let segments: Vec<String> = request.path.trim_start_matches('/').split('/').map(percent_decode).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let ["_loopback", what] = segments.as_slice() {
        return control(shared, what, request);
    }
    let visitor = match request.header("authorization").map(|value| value.trim_start_matches("Bearer ")) {
        None => Visitor::Anonymous,
        Some(GRANTED_TOKEN) => Visitor::Granted,
        Some(PLAIN_TOKEN) => Visitor::Plain,
        Some(_) => Visitor::Invalid,
    };
    if port == Port::Cdn {
        // Storage with a signed URL refuses a second credential, which is how a leaked token shows.
        if visitor != Visitor::Anonymous {
            return Response::error(400, "", "Only one auth mechanism allowed");
        }
        return cdn(shared, &segments);
    }
    if visitor == Visitor::Invalid {
        return Response::error(401, "", "Invalid credentials in Authorization header");
    }
    match segments.as_slice() {
        ["api", "models", org, name] => with_repo(shared, org, name, visitor, |repo| info(repo, "main")),
        ["api", "models", org, name, "revision", revision] => {
            with_repo(shared, org, name, visitor, |repo| info(repo, revision))
        }
        ["api", "models", org, name, "tree", revision, folder @ ..] => {
            let folder = folder.join("/");
            with_repo(shared, org, name, visitor, |repo| tree(shared, repo, revision, &folder, request))
        }
        ["api", "resolve-cache", "models", org, name, revision, path @ ..] => {
            let path = path.join("/");
            with_repo(shared, org, name, visitor, |repo| {
                with_file(repo, revision, &path, visitor, |snapshot, file| {
                    Response::file(file.bytes.clone())
                        .with("X-Repo-Commit", &snapshot.commit)
                        .with("ETag", format!("\"{}\"", file.etag()))
                })
            })
        }
        [org, name, "resolve", revision, path @ ..] => {
            let path = path.join("/");
            with_repo(shared, org, name, visitor, |repo| {
                with_file(repo, revision, &path, visitor, |snapshot, file| resolve(shared, repo, snapshot, &path, file))
            })
        }
        _ => Response::error(404, "", "Sorry, we can't find the page you are looking for."),
    }
}

fn with_repo(
    shared: &Shared,
    org: &str,
    name: &str,
    visitor: Visitor,
    then: impl FnOnce(&Repo) -> Response,
) -> Response {
    let repos = lock(&shared.repos);
    let found = repos.iter().find(|repo| repo.id() == format!("{org}/{name}"));
    match found.filter(|repo| !repo.private || visitor == Visitor::Granted) {
        Some(repo) => then(repo),
        // The hub does not tell a stranger whether a repository is private or absent.
        None if visitor == Visitor::Anonymous => Response::error(401, "RepoNotFound", "Invalid username or password."),
        None => Response::error(404, "RepoNotFound", "Repository not found"),
    }
}

fn with_file(
    repo: &Repo,
    revision: &str,
    path: &str,
    visitor: Visitor,
    then: impl FnOnce(&Snapshot, &RepoFile) -> Response,
) -> Response {
    let Some(snapshot) = repo.resolve(revision) else {
        return Response::error(404, "RevisionNotFound", &format!("Invalid rev id: {revision}"));
    };
    if repo.gated && visitor != Visitor::Granted {
        let message = format!("Access to model {} is restricted.", repo.id());
        let status = if visitor == Visitor::Anonymous { 401 } else { 403 };
        return Response::error(status, "GatedRepo", &message);
    }
    match snapshot.files.get(path) {
        Some(file) => then(snapshot, file),
        None => Response::error(404, "EntryNotFound", "Entry not found"),
    }
}

fn info(repo: &Repo, revision: &str) -> Response {
    let Some(snapshot) = repo.resolve(revision) else {
        return Response::error(404, "RevisionNotFound", &format!("Invalid rev id: {revision}"));
    };
    let siblings: Vec<Value> = snapshot.files.keys().map(|path| json!({ "rfilename": path })).collect();
    let gated = if repo.gated { json!("auto") } else { json!(false) };
    Response::json(&json!({
        "_id": "621ffdc036468d709f17434d", "id": repo.id(), "modelId": repo.id(), "sha": snapshot.commit,
        "author": repo.id().split('/').next(), "lastModified": "2025-01-01T00:00:00.000Z",
        "createdAt": "2024-10-31T00:00:00.000Z", "private": repo.private, "gated": gated, "disabled": false,
        "downloads": 0, "likes": 0, "library_name": "transformers", "tags": [], "siblings": siblings,
    }))
}

fn tree(shared: &Shared, repo: &Repo, revision: &str, folder: &str, request: &Request) -> Response {
    let Some(snapshot) = repo.resolve(revision) else {
        return Response::error(404, "RevisionNotFound", &format!("Invalid rev id: {revision}"));
    };
    let recursive = matches!(request.query("recursive"), Some("true" | "True" | "1"));
    let entries: Vec<Value> = snapshot
        .listing()
        .into_iter()
        .filter(|entry| {
            let path = entry["path"].as_str().unwrap_or_default();
            let inside = if folder.is_empty() { Some(path) } else { path.strip_prefix(&format!("{folder}/")) };
            inside.is_some_and(|rest| recursive || !rest.contains('/'))
        })
        .collect();
    let start = request.query("cursor").and_then(|cursor| cursor.parse().ok()).unwrap_or(0usize).min(entries.len());
    let end = (start + shared.tree_page).min(entries.len());
    let response = Response::json(&Value::Array(entries[start..end].to_vec()));
    if end == entries.len() {
        return response;
    }
    let next = format!("{}{}?recursive=true&cursor={end}", shared.hub_url, request.path);
    response.with("Link", format!("<{next}>; rel=\"next\""))
}

fn resolve(shared: &Shared, repo: &Repo, snapshot: &Snapshot, path: &str, file: &RepoFile) -> Response {
    let commit = &snapshot.commit;
    let (id, etag) = (repo.id(), file.etag());
    let path = percent_encode(path);
    let response = match &file.sha256 {
        Some(_) => {
            let location = format!("{}/files/{id}/{commit}/{path}?signature=abc", shared.cdn_url);
            Response::redirect(302, location).with("Accept-Ranges", "bytes")
        }
        None => Response::redirect(307, format!("/api/resolve-cache/models/{id}/{commit}/{path}?download=1")),
    };
    response
        .with("X-Repo-Commit", commit)
        .with("X-Linked-Size", file.bytes.len().to_string())
        .with("X-Linked-Etag", format!("\"{etag}\""))
        .with("ETag", format!("\"{etag}\""))
}

fn cdn(shared: &Shared, segments: &[&str]) -> Response {
    let ["files", org, name, commit, path @ ..] = segments else {
        return Response::error(404, "", "NoSuchKey");
    };
    let repos = lock(&shared.repos);
    let repo = repos.iter().find(|repo| repo.id() == format!("{org}/{name}"));
    match repo.and_then(|repo| repo.resolve(commit)).and_then(|snapshot| snapshot.files.get(&path.join("/"))) {
        // Storage has an entity tag of its own, which is neither of the hub's hashes.
        Some(file) => Response::file(file.bytes.clone()).with("ETag", "\"d41d8cd98f00b204e9800998ecf8427e\""),
        None => Response::error(404, "", "NoSuchKey"),
    }
}

/// `POST /_loopback/fault`, `POST /_loopback/clear`, `GET /_loopback/requests`: for clients outside this process.
fn control(shared: &Shared, what: &str, request: &Request) -> Response {
    match what {
        "fault" => match serde_json::from_slice(&request.body).ok().as_ref().and_then(Fault::from_json) {
            Some(fault) => lock(&shared.faults).push(fault),
            None => return Response::error(400, "", "not a fault"),
        },
        "clear" => {
            lock(&shared.faults).clear();
            lock(&shared.records).clear();
        }
        "requests" => {}
        _ => return Response::error(404, "", "no such control route"),
    }
    let records: Vec<Value> = lock(&shared.records)
        .iter()
        .map(|record| {
            json!({"port": if record.port == Port::Hub { "hub" } else { "cdn" }, "method": record.method,
                   "target": record.target, "range": record.range, "authorization": record.authorization,
                   "status": record.status})
        })
        .collect();
    Response::json(&Value::Array(records))
}
