//! The access log: one JSON object a line for every request, written when its answer has gone out or its client has gone.

use super::keys::KeyName;
use crate::app::fresh_id;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Extension, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use serde::Serialize;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A client may name its request, but not at any length.
const LONGEST_ID: usize = 128;

/// Where lines go.
pub(crate) type AccessLog = Arc<dyn Fn(&str) + Send + Sync>;

/// The other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// One line.
#[derive(Debug, Serialize)]
struct Line {
    /// Seconds since 1970 when the request came.
    time: f64,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    method: String,
    path: String,
    status: u16,
    /// Bytes of the answer's body.
    bytes: u64,
    /// Until the head of the answer, and until its end.
    first_ms: f64,
    total_ms: f64,
    /// Whether the client left before the end.
    cut: bool,
}

/// Gives each request an id, says it in the answer, and logs it.
pub(crate) async fn log_access(Extension(log): Extension<AccessLog>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let given = given.filter(|id| !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(|b| b.is_ascii_graphic()));
    let id = given.map_or_else(|| fresh_id("req_"), str::to_owned);
    let mut entry = Entry {
        line: Line {
            time,
            id: id.clone(),
            peer: request.extensions().get::<Peer>().map(|peer| peer.0),
            key: None,
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            status: 499, // the client left before there was a status
            bytes: 0,
            first_ms: 0.0,
            total_ms: 0.0,
            cut: true,
        },
        start,
        log,
    };
    let mut response = next.run(request).await;
    entry.line.first_ms = milliseconds(start);
    entry.line.status = response.status().as_u16();
    entry.line.cut = !response.body().is_end_stream(); // an empty body is not asked for
    entry.line.key = response.extensions().get::<KeyName>().map(|name| name.0.to_string());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response.map(|body| Body::new(Logged { body, entry }))
}

fn milliseconds(start: Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 1e6).round() / 1e3
}

/// A line that is written when it is dropped.
struct Entry {
    line: Line,
    start: Instant,
    log: AccessLog,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.line.total_ms = milliseconds(self.start);
        if let Ok(json) = serde_json::to_string(&self.line) {
            (self.log)(&json);
        }
    }
}

/// A body that counts what goes out.
struct Logged {
    body: Body,
    entry: Entry,
}

impl HttpBody for Logged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                this.entry.line.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                this.entry.line.cut &= !this.body.is_end_stream();
            }
            Poll::Ready(None) => this.entry.line.cut = false,
            _ => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
