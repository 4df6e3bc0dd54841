//! A running server, and as much of an HTTP client as it takes to look at every byte.

use crate::world::World;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command};
use std::time::{Duration, Instant};

/// The binary, serving; it is gone when the test is.
pub(crate) struct Served {
    pub(crate) child: Child,
    pub(crate) address: String,
    pub(crate) notes: BufReader<ChildStderr>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
}

/// An answer under way.
pub(crate) struct Open {
    reader: BufReader<TcpStream>,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    length: Option<usize>,
}

impl Drop for Served {
    fn drop(&mut self) {
        // it may have ended already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    /// Starts the binary in the world's folder on a free port.
    pub(crate) fn start(world: &World, arguments: &[&str]) -> Self {
        let all: Vec<&str> = ["serve", "--port", "0"].iter().chain(arguments).copied().collect();
        let mut child = world.command(&all).spawn().unwrap();
        let mut notes = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        notes.read_line(&mut line).unwrap();
        let (_, address) = line.trim().split_once(" at http://").unwrap_or_else(|| panic!("{line:?}"));
        Self { address: address.to_owned(), child, notes }
    }

    /// As [`Served::start`], and waits until it answers.
    pub(crate) fn ready(world: &World, arguments: &[&str]) -> Self {
        let served = Self::start(world, arguments);
        let started = Instant::now();
        loop {
            let health = served.get("/health");
            match health.status {
                200 => return served,
                503 => assert!(started.elapsed() < Duration::from_secs(60), "{health:?}"),
                _ => panic!("{health:?}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.open("GET", path, &[], b"").read()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.open("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes()).read()
    }

    /// The JSON of an answer that must succeed.
    #[track_caller]
    pub(crate) fn ask(&self, path: &str, body: Value) -> Value {
        self.post(path, &body).json(200)
    }

    /// The data of the events of a stream that must succeed, without `[DONE]`, which must end it.
    #[track_caller]
    pub(crate) fn stream(&self, path: &str, mut body: Value) -> Vec<Value> {
        body["stream"] = true.into();
        let answer = self.post(path, &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut events: Vec<&str> = answer.text.split("\n\n").filter(|event| event.starts_with("data: ")).collect();
        assert_eq!(events.pop(), Some("data: [DONE]"), "{answer:?}");
        events.iter().map(|event| serde_json::from_str(&event[6..]).unwrap()).collect()
    }

    /// Sends a request.
    pub(crate) fn open(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Open {
        let mut stream = self.connect();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        // a server that has seen enough may close before it has read all
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        Open::read_head(stream)
    }

    /// Sends a request whose answer is left unread.
    pub(crate) fn post_unread(&self, path: &str, body: &Value) -> TcpStream {
        let (mut connection, body) = (self.connect(), body.to_string());
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all((head + &body).as_bytes()).unwrap();
        connection
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// The value of the samples of `/metrics` whose line begins so, summed.
    #[track_caller]
    pub(crate) fn metric(&self, beginning: &str) -> f64 {
        let text = self.get("/metrics").text;
        let samples = text.lines().filter(|line| line.starts_with(beginning));
        let values: Vec<f64> = samples.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
        assert!(!values.is_empty(), "{beginning} is not in {text}");
        values.iter().sum()
    }

    /// Waits until a condition holds.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !holds(self) {
            assert!(started.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends the process a signal.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }
}

impl Open {
    pub(crate) fn read_head(stream: TcpStream) -> Self {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{line:?}"));
        let mut headers = Vec::new();
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            match line.trim().split_once(": ") {
                Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
                None => break,
            }
        }
        let length = find(&headers, "content-length").map(|length| length.parse().unwrap());
        Self { reader, status, headers, length }
    }

    /// The next chunk of a body that comes in chunks; `None` at its end.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut size = String::new();
        self.reader.read_line(&mut size).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        self.reader.read_exact(&mut chunk).unwrap();
        chunk.truncate(size);
        (size > 0).then_some(chunk)
    }

    /// The rest.
    pub(crate) fn read(mut self) -> Answer {
        let mut body = Vec::new();
        match self.length {
            Some(length) => {
                body = vec![0; length];
                self.reader.read_exact(&mut body).unwrap();
            }
            None => {
                while let Some(chunk) = self.chunk() {
                    body.extend(chunk);
                }
            }
        }
        Answer { status: self.status, headers: self.headers, text: String::from_utf8(body).expect("UTF-8") }
    }
}

fn find<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Message, parameter and code of an error of OpenAI's shape.
    #[track_caller]
    pub(crate) fn error(&self, status: u16) -> (String, Value, Value) {
        let json = self.json(status);
        let error = json["error"].as_object().unwrap_or_else(|| panic!("{self:?}"));
        let keys: Vec<_> = error.keys().map(String::as_str).collect();
        assert_eq!(keys[..4], ["message", "type", "param", "code"]);
        (error["message"].as_str().unwrap().to_owned(), error["param"].clone(), error["code"].clone())
    }
}
