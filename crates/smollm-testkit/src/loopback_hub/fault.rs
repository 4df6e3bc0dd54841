//! The ways in which the loopback hub can be told to break.

use std::time::Duration;

use serde_json::Value;

/// Which of the hub's two ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// The hub itself: API, small files, redirects.
    Hub,
    /// The second port, which serves large files.
    Cdn,
}

/// What goes wrong with one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The connection closes after this many bytes of the body.
    Cut(u64),
    /// The connection closes without an answer.
    Drop,
    /// This status instead of the answer, with `Retry-After` in seconds.
    Status {
        /// HTTP status code.
        code: u16,
        /// Seconds for the `Retry-After` header.
        retry_after: Option<u32>,
    },
    /// One bit of the byte at this offset of the whole file is flipped.
    Corrupt(u64),
    /// The file ends this many bytes early, and `Content-Length` says so.
    Shorten(u64),
    /// This many zero bytes follow the file, and `Content-Length` says so.
    Lengthen(u64),
    /// A `Range` header is ignored: status 200 and the whole file.
    IgnoreRange,
    /// `X-Linked-Etag` names another hash than the listing does.
    OtherEtag,
    /// The body comes in pieces of `bytes` with a pause after each.
    Slow {
        /// Bytes per piece.
        bytes: usize,
        /// Pause after each piece.
        pause: Duration,
    },
    /// Headers are sent, then nothing for this long, then the connection closes.
    Stall(Duration),
}

/// An effect and the answers that it hits.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The port; `None` for both.
    pub port: Option<Port>,
    /// A part of the request's path.
    pub target: String,
    /// Only requests of this method; `None` for every method.
    pub method: Option<String>,
    /// How many answers it hits before it is used up.
    pub times: u32,
    /// What happens.
    pub effect: Effect,
}

impl Fault {
    /// `effect` on the next `times` GET requests whose path contains `target`, on either port.
    pub fn on_get(target: &str, times: u32, effect: Effect) -> Self {
        Self { port: None, target: target.to_owned(), method: Some("GET".to_owned()), times, effect }
    }

    /// The same on one port only.
    pub fn at(mut self, port: Port) -> Self {
        self.port = Some(port);
        self
    }

    pub(super) fn matches(&self, port: Port, method: &str, target: &str) -> bool {
        self.times > 0
            && self.port.is_none_or(|own| own == port)
            && self.method.as_deref().is_none_or(|own| own == method)
            && target.contains(&self.target)
    }

    /// Reads `{"port": "cdn", "target": "model", "times": 1, "effect": "cut", "bytes": 1000}` (the control route that
    /// `reference/hub_check.py` uses); `None` where it does not understand.
    pub(super) fn from_json(value: &Value) -> Option<Self> {
        let number = |key: &str| value.get(key).and_then(Value::as_u64);
        let effect = match value.get("effect")?.as_str()? {
            "cut" => Effect::Cut(number("bytes")?),
            "status" => Effect::Status {
                code: u16::try_from(number("code")?).ok()?,
                retry_after: number("retry_after").and_then(|seconds| u32::try_from(seconds).ok()),
            },
            "corrupt" => Effect::Corrupt(number("bytes")?),
            "slow" => Effect::Slow {
                bytes: usize::try_from(number("bytes")?).ok()?,
                pause: Duration::from_millis(number("pause_ms")?),
            },
            _ => return None,
        };
        let port = match value.get("port").and_then(Value::as_str) {
            Some("hub") => Some(Port::Hub),
            Some("cdn") => Some(Port::Cdn),
            _ => None,
        };
        let times = u32::try_from(number("times").unwrap_or(1)).ok()?;
        let target = value.get("target").and_then(Value::as_str).unwrap_or_default();
        Some(Self { port, ..Self::on_get(target, times, effect) })
    }
}
