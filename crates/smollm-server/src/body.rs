//! The body of a request: JSON of a known type, with a list of what in it nobody knows.

mod words;

use crate::app::Shared;
use crate::error::ApiError;
use crate::refused;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;

/// Says which fields of the request were not known and had no effect.
pub(crate) const IGNORED_HEADER: &str = "x-ignored-params";
/// Bytes of a body above which it is read on a thread that may take its time.
const LONG_BODY: usize = 1 << 16;
/// A header that lists more than this says so.
const LONGEST_LIST: usize = 1024;

/// Fields that are handed on as they are, to templates for example, which may print `1.0` and `1` differently.
const HANDED_ON: [&str; 5] = ["chat_template_kwargs", "documents", "messages", "metadata", "tools"];

/// What an endpoint reads from a body.
pub(crate) trait Wire: Sized {
    /// Reads the fields that this type knows.
    fn read(fields: &mut Fields<'_>) -> Result<Self, ApiError>;
}

/// A body that was read, and what in it was not.
pub(crate) struct Body<T> {
    pub(crate) value: T,
    pub(crate) ignored: Ignored,
}

/// Paths of unknown fields.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Ignored(BTreeSet<String>);

/// A JSON object from which several types take their fields.
pub(crate) struct Fields<'v> {
    object: &'v Value,
    /// Keys of the object that no type has asked for yet; `None` before the first.
    unknown: Option<BTreeSet<String>>,
    /// Unknown fields inside of known ones.
    nested: BTreeSet<String>,
}

impl<'v> Fields<'v> {
    fn new(object: &'v Value) -> Self {
        Self { object, unknown: None, nested: BTreeSet::new() }
    }

    /// Takes the fields of `T`.
    ///
    /// # Errors
    /// 400 that names the field and what it must be.
    pub(crate) fn take<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        let mut unknown = BTreeSet::new();
        let nested = &mut self.nested;
        let mut note = |path: serde_ignored::Path<'_>| {
            let path = path.to_string().replace(".?", "").replace("?.", ""); // `?` stands for what may be absent
            if path.contains('.') {
                nested.insert(path)
            } else {
                unknown.insert(path)
            };
        };
        let fields = serde_ignored::Deserializer::new(self.object, &mut note);
        let value = serde_path_to_error::deserialize(fields).map_err(|error| {
            let path = error.path().to_string().replace(".?", "").replace("?.", "");
            let path = if matches!(path.as_str(), "." | "?") { "" } else { &path };
            let (message, param) = words::told(path, &error.inner().to_string());
            ApiError { param, ..ApiError::bad(message) }
        })?;
        self.unknown = Some(match self.unknown.take() {
            Some(before) => before.intersection(&unknown).cloned().collect(),
            None => unknown,
        });
        Ok(value)
    }

    /// Notes fields inside of known ones that turned out to be unknown.
    pub(crate) fn leave(&mut self, paths: Vec<String>) {
        self.nested.extend(paths);
    }

    /// What no type has asked for and has no effect.
    ///
    /// # Errors
    /// One of the fields is known elsewhere, and would change the answer.
    fn ignored(self) -> Result<Ignored, ApiError> {
        let mut unread = self.unknown.unwrap_or_default();
        unread.extend(self.nested);
        for path in &unread {
            let nested = || self.object.pointer(&format!("/{}", path.replace('.', "/")));
            if let Some(value) = self.object.get(path).or_else(nested) {
                refused::check(path, value)?;
            }
        }
        unread.retain(|path| !refused::is_known(path));
        Ok(Ignored(unread))
    }
}

/// Reads a body from its bytes.
pub(crate) fn read<T: Wire>(bytes: &[u8]) -> Result<Body<T>, ApiError> {
    let mut object: Value = serde_json::from_slice(bytes)
        .map_err(|error| ApiError::bad(format!("the body is no JSON: {error}")).code("invalid_json"))?;
    let Value::Object(keys) = &mut object else {
        return Err(ApiError::bad("the body must be a JSON object"));
    };
    keys.iter_mut().filter(|(key, _)| !HANDED_ON.contains(&key.as_str())).for_each(|(_, value)| whole_numbers(value));
    let mut fields = Fields::new(&object);
    let value = T::read(&mut fields)?;
    Ok(Body { value, ignored: fields.ignored()? })
}

/// Does `work` on a thread that may take its time if it is `long`, else at once. `what` is being done.
pub(crate) async fn beside<T: Send + 'static>(
    long: bool,
    what: &str,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    if !long {
        return work();
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(ApiError::internal(format!("{what} failed unexpectedly"))))
}

/// About how many bytes a value has.
pub(crate) fn weight(value: &Value) -> usize {
    const EACH: usize = 16;
    EACH + match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(weight).sum(),
        Value::Object(keys) => keys.iter().map(|(key, value)| key.len() + weight(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Makes integers of numbers such as `16.0`: in JSON both are the same number, and some languages write all numbers so.
fn whole_numbers(value: &mut Value) {
    const EXACT: f64 = (1_u64 << 53) as f64; // up to which every integer is a float
    match value {
        Value::Number(number) if number.is_f64() => {
            if let Some(whole) = number.as_f64().filter(|x| x.fract() == 0.0 && x.abs() <= EXACT) {
                *value = (whole as i64).into();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(whole_numbers),
        Value::Object(keys) => keys.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

impl<T: Wire + Send + 'static> FromRequest<Shared> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, ApiError> {
        expect_json(request.headers())?;
        let limit = app.settings.max_body;
        let bytes = tokio::time::timeout(app.settings.read_limit, Bytes::from_request(request, app)).await;
        let bytes = bytes
            .map_err(|_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"))?
            .map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} bytes"))
            }
            _ => ApiError::bad(rejection.body_text()),
        })?;
        let size = bytes.len();
        beside(size > LONG_BODY, "reading the body", move || read(&bytes)).await
    }
}

/// A web page may send other types to any server without being asked for permission: only JSON is taken.
fn expect_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = format!("Content-Type is `{given}`; it must be application/json");
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

impl Ignored {
    /// Says in a header of `response` what was ignored, if anything was.
    pub(crate) fn note(&self, response: &mut Response) {
        let mut list = String::new();
        for path in &self.0 {
            if list.len() + path.len() > LONGEST_LIST {
                list.push_str(", ...");
                break;
            }
            if !list.is_empty() {
                list.push_str(", ");
            }
            list.extend(path.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }));
        }
        if let Ok(value) = HeaderValue::from_str(&list)
            && !list.is_empty()
        {
            response.headers_mut().insert(IGNORED_HEADER, value);
        }
    }
}

#[cfg(test)]
mod tests;
