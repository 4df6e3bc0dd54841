//! API keys: their SHA-256 hashes in a file, which may change while the server runs.

use crate::app::Shared;
use crate::error::ApiError;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

type Hash = [u8; 32];

/// The keys in force.
#[derive(Debug)]
pub(crate) struct Keys {
    path: PathBuf,
    in_force: RwLock<InForce>,
}

#[derive(Debug)]
struct InForce {
    names: HashMap<Hash, Arc<str>>,
    read_at: Option<SystemTime>,
}

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum KeyFileError {
    #[error("cannot read the key file {}: {error}", path.display())]
    Read { path: PathBuf, error: std::io::Error },
    #[error(
        "{}:{line}: expected the SHA-256 of a key as 64 hexadecimal digits and perhaps a name, as sha256sum prints them",
        path.display()
    )]
    Line { path: PathBuf, line: usize },
    #[error("{}:{line}: this is the SHA-256 of nothing, so the key was empty when it was hashed", path.display())]
    OfNothing { path: PathBuf, line: usize },
    #[error("the key file {} has no keys", path.display())]
    Empty { path: PathBuf },
}

/// Who asks, by the name of the key.
#[derive(Debug, Clone)]
pub(crate) struct KeyName(pub(crate) Arc<str>);

impl Keys {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, a line is wrong, or there is no key.
    pub(crate) fn open(path: &Path) -> Result<Self, KeyFileError> {
        let read_at = changed_at(path);
        let names = read(path)?;
        Ok(Self { path: path.into(), in_force: RwLock::new(InForce { names, read_at }) })
    }

    /// Reads the file again if it has changed. If it cannot be used, the keys stay as they were.
    ///
    /// # Errors
    /// As [`Keys::open`], once for each change.
    pub(crate) fn refresh(&self) -> Result<(), KeyFileError> {
        let now = changed_at(&self.path);
        if self.in_force.read().unwrap_or_else(PoisonError::into_inner).read_at == now {
            return Ok(());
        }
        let names = read(&self.path);
        let mut state = self.in_force.write().unwrap_or_else(PoisonError::into_inner);
        state.read_at = now;
        state.names = names?;
        Ok(())
    }

    /// The name of a key, if it is in force. What is compared are hashes, so time tells nothing about keys.
    fn name(&self, key: &str) -> Option<Arc<str>> {
        let hash: Hash = Sha256::digest(key.as_bytes()).into();
        self.in_force.read().unwrap_or_else(PoisonError::into_inner).names.get(&hash).cloned()
    }
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn read(path: &Path) -> Result<HashMap<Hash, Arc<str>>, KeyFileError> {
    let text = std::fs::read_to_string(path).map_err(|error| KeyFileError::Read { path: path.into(), error })?;
    let mut names = HashMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (digits, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let hash = hash(digits).ok_or_else(|| KeyFileError::Line { path: path.into(), line: index + 1 })?;
        if hash[..] == Sha256::digest(b"")[..] {
            return Err(KeyFileError::OfNothing { path: path.into(), line: index + 1 });
        }
        let name = name.trim();
        // sha256sum calls its standard input `-`
        let name = if name.is_empty() || name == "-" { &digits[..8] } else { name };
        names.insert(hash, name.into());
    }
    if names.is_empty() {
        return Err(KeyFileError::Empty { path: path.into() });
    }
    Ok(names)
}

fn hash(digits: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    if digits.len() != 2 * hash.len() || !digits.is_ascii() {
        return None;
    }
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(hash)
}

/// Lets only requests with a key pass, where there are keys. Whether the server lives is no secret.
pub(crate) async fn require_key(
    State(app): State<Shared>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if let Some(keys) = &app.keys
        && !matches!(request.uri().path(), "/health" | "/v1/health" | "/ready")
    {
        let Some(key) = given_key(request.headers()) else {
            return Err(refused("an API key is required: send `Authorization: Bearer KEY`"));
        };
        let name = keys.name(key).ok_or_else(|| refused("the API key is not valid"))?;
        let mut response = {
            request.extensions_mut().insert(KeyName(name.clone()));
            next.run(request).await
        };
        response.extensions_mut().insert(KeyName(name));
        return Ok(response);
    }
    Ok(next.run(request).await)
}

fn refused(message: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, message).code("invalid_api_key")
}

/// The key of a request: OpenAI's header, or Anthropic's.
fn given_key(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION.as_str()).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let key = |key: &&str| !key.is_empty();
    bearer.filter(key).or_else(|| text("x-api-key").filter(key))
}

#[cfg(test)]
mod tests;
