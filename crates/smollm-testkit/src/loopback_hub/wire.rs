//! As much HTTP/1.1 as a loopback server needs: read a request, write an answer, break it on the way.

use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

use serde_json::Value;

use super::fault::Effect;

const LARGEST_BODY: u64 = 1 << 20;

pub(super) struct Request {
    pub(super) method: String,
    /// Path and query as sent.
    pub(super) target: String,
    /// Path without the query, percent-decoded per segment only where the caller does so.
    pub(super) path: String,
    /// Query pairs.
    pub(super) query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Arc<[u8]>,
    /// The body is a file: byte ranges are honoured.
    pub(super) ranges: bool,
}

impl Response {
    pub(super) fn json(value: &Value) -> Self {
        let body = value.to_string().into_bytes().into();
        let headers = vec![("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned())];
        Self { status: 200, headers, body, ranges: false }
    }

    pub(super) fn file(bytes: Arc<[u8]>) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/octet-stream".to_owned())];
        Self { status: 200, headers, body: bytes, ranges: true }
    }

    pub(super) fn redirect(status: u16, location: String) -> Self {
        let body = format!("Found. Redirecting to {location}").into_bytes().into();
        Self { status, headers: vec![("Location".to_owned(), location)], body, ranges: false }
    }

    /// An error as the hub words it: code and message in headers, message in a JSON body.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        let mut response = Self::json(&serde_json::json!({ "error": message }));
        response.status = status;
        if !code.is_empty() {
            response.headers.push(("X-Error-Code".to_owned(), code.to_owned()));
        }
        response.headers.push(("X-Error-Message".to_owned(), message.to_owned()));
        response
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// The next request of a connection; `None` where the client closed it between requests.
pub(super) fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not an HTTP request line"));
    };
    let (method, target) = (method.to_owned(), target.to_owned());
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (path, query) = (path.to_owned(), query.to_owned());
    let query = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (percent_decode(key), percent_decode(value)))
        .collect();
    let mut request = Request { method, target, path, query, headers, body: Vec::new() };
    let length = request.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0u64);
    reader.take(length.min(LARGEST_BODY)).read_to_end(&mut request.body)?;
    Ok(Some(request))
}

/// Writes an answer, broken as `effect` says; whether the connection may serve another request.
pub(super) fn write_response(
    stream: &mut impl Write,
    request: &Request,
    response: Response,
    effect: Option<&Effect>,
) -> io::Result<bool> {
    let Response { mut status, mut headers, body, ranges } = response;
    if effect == Some(&Effect::OtherEtag) {
        for (name, value) in &mut headers {
            if name.eq_ignore_ascii_case("X-Linked-Etag") {
                *value = format!("\"{}\"", "0".repeat(64));
            }
        }
    }
    let mut bytes = body.to_vec();
    match effect {
        Some(Effect::Corrupt(at)) => {
            if let Some(byte) = usize::try_from(*at).ok().and_then(|at| bytes.get_mut(at)) {
                *byte ^= 1;
            }
        }
        Some(Effect::Shorten(by)) => bytes.truncate(bytes.len().saturating_sub(usize::try_from(*by).unwrap_or(0))),
        Some(Effect::Lengthen(by)) => bytes.resize(bytes.len() + usize::try_from(*by).unwrap_or(0), 0),
        _ => {}
    }
    if ranges {
        headers.push(("Accept-Ranges".to_owned(), "bytes".to_owned()));
        if let Some(start) = request.header("range").filter(|_| effect != Some(&Effect::IgnoreRange)).and_then(range) {
            let total = bytes.len();
            if start >= total {
                status = 416;
                headers.push(("Content-Range".to_owned(), format!("bytes */{total}")));
                bytes.clear();
            } else {
                status = 206;
                headers.push(("Content-Range".to_owned(), format!("bytes {start}-{}/{total}", total - 1)));
                bytes.drain(..start);
            }
        }
    }
    let mut head = format!("HTTP/1.1 {status} {}\r\nContent-Length: {}\r\n", reason(status), bytes.len());
    for (name, value) in &headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    if request.method == "HEAD" {
        return Ok(true);
    }
    match effect {
        Some(Effect::Cut(after)) => {
            let end = usize::try_from(*after).unwrap_or(usize::MAX).min(bytes.len());
            stream.write_all(&bytes[..end])?;
            Ok(false)
        }
        Some(Effect::Slow { bytes: piece, pause }) => {
            for piece in bytes.chunks((*piece).max(1)) {
                stream.write_all(piece)?;
                stream.flush()?;
                std::thread::sleep(*pause);
            }
            Ok(true)
        }
        Some(Effect::Stall(pause)) => {
            stream.flush()?;
            std::thread::sleep(*pause);
            Ok(false)
        }
        _ => stream.write_all(&bytes).map(|()| true),
    }
}

/// First byte of `bytes=N-`, the one form that downloads use.
fn range(header: &str) -> Option<usize> {
    header.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// `%41` to `A`; a stray `%` stays.
pub(super) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escaped = bytes
            .get(index + 1..index + 3)
            .filter(|_| bytes[index] == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(escaped.unwrap_or(bytes[index]));
        index += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The reverse, `/` kept, for `Location` headers.
pub(super) fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        302 => "Found",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
