//! One request over HTTP/1.1, and what there is to say about its answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Nobody waits longer for the next piece of an answer.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
const EVENT: &[u8] = b"data: ";

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) status: u16,
    /// Seconds from the beginning of the connection to the first event of a stream.
    pub(crate) first_s: Option<f64>,
    /// Seconds to the end.
    pub(crate) total_s: f64,
    /// Tokens of the answer as the server counts them, if it says so.
    pub(crate) tokens: Option<usize>,
    /// The body as it came, with the sizes of its chunks.
    pub(crate) body: String,
}

impl Asked {
    /// The beginning of the body, for whoever wants to know why.
    pub(crate) fn said(&self) -> &str {
        let end = self.body.char_indices().nth(300).map_or(self.body.len(), |(end, _)| end);
        &self.body[..end]
    }
}

/// Posts `body` to `path` of the server at `address` and reads the answer to its end, or until `events` events of a stream are there:
/// then it hangs up.
pub(crate) fn ask(address: &str, path: &str, body: &str, events: usize) -> Result<Asked> {
    let started = Instant::now();
    let mut stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    stream.set_read_timeout(Some(PATIENCE)).context("cannot set a time limit")?;
    stream.set_nodelay(true).context("cannot send at once")?;
    let method = if body.is_empty() { "GET" } else { "POST" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).context("cannot send the request")?;
    let (mut all, mut part) = (Vec::new(), [0; 1 << 14]);
    let (mut first_s, mut seen) = (None, 0);
    loop {
        let read = stream.read(&mut part).context("the answer broke off")?;
        let from = all.len().saturating_sub(EVENT.len() - 1);
        all.extend_from_slice(&part[..read]);
        let new = all[from..].windows(EVENT.len()).filter(|window| *window == EVENT).count();
        if new > 0 {
            first_s.get_or_insert_with(|| started.elapsed().as_secs_f64());
            seen += new;
        }
        if read == 0 || seen >= events {
            break;
        }
    }
    answer(&all, first_s, started.elapsed().as_secs_f64())
}

fn answer(all: &[u8], first_s: Option<f64>, total_s: f64) -> Result<Asked> {
    let text = String::from_utf8_lossy(all);
    let Some(status) = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()) else {
        bail!("no HTTP answer: {:?}", text.chars().take(100).collect::<String>());
    };
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    let counted = body.rsplit_once("\"completion_tokens\":").map(|(_, rest)| rest.trim_start());
    let digits = counted.map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default());
    let tokens = digits.and_then(|digits| digits.parse().ok());
    Ok(Asked { status, first_s, total_s, tokens, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// Asks somebody who sends `parts`, a moment apart, whatever the question.
    fn asked(parts: &'static [&'static str], events: usize) -> Result<Asked> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut question = [0; 4096];
            let _ = stream.read(&mut question).unwrap();
            for part in parts {
                // who has heard enough hangs up
                let _ = stream.write_all(part.as_bytes());
                thread::sleep(Duration::from_millis(20));
            }
        });
        let asked = ask(&address, "/x", "{}", events);
        server.join().unwrap();
        asked
    }

    #[test]
    fn streams_are_timed_and_counted() {
        let parts = &[
            "HTTP/1.1 200 OK\r\n\r\n",
            "5\r\nda",
            "ta: a\n\n",
            "data: {\"completion_tokens\": 12}\n\n",
            "data: [DONE]\n\n",
        ];
        let all = asked(parts, usize::MAX).unwrap();
        assert_eq!((all.status, all.tokens), (200, Some(12)));
        let first = all.first_s.unwrap();
        assert!(first >= 0.02 && all.total_s >= first + 0.04, "{all:?}");
        assert_eq!(asked(parts, 1).unwrap().tokens, None, "nobody listened so long");
    }

    #[test]
    fn refusals_and_nonsense_are_told_apart() {
        let refused = asked(&["HTTP/1.1 429 Too Many Requests\r\n\r\n{\"error\"", ": 1}"], usize::MAX).unwrap();
        assert_eq!((refused.status, refused.first_s, refused.said()), (429, None, "{\"error\": 1}"));
        assert!(asked(&["SSH-2.0"], usize::MAX).unwrap_err().to_string().contains("SSH"));
    }
}
