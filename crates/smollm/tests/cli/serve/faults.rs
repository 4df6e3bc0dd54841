//! Faults of clients, networks and files: nothing is left behind, nothing hangs, nothing is answered wrong.

use super::client::{Open, Served};
use crate::world::World;
use serde_json::{Value, json};
use std::io::{BufRead, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// A base model that can go on for `context` tokens.
fn slow(context: usize) -> World {
    let world = World::new().with_random();
    world.edit("random/config.json", |config| config["max_position_embeddings"] = context.into());
    world
}

fn answer(max_tokens: usize) -> Value {
    json!({"prompt": "abc", "max_tokens": max_tokens, "ignore_eos": true, "temperature": 0})
}

/// Sends a request for a stream of `max_tokens` tokens.
fn stream(served: &Served, max_tokens: usize) -> TcpStream {
    let mut body = answer(max_tokens);
    body["stream"] = true.into();
    let (mut connection, body) = (served.connect(), body.to_string());
    let head = "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ";
    connection.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
    connection
}

/// All that the server says until it closes; a reset is an end too.
fn rest(connection: &mut TcpStream) -> Vec<u8> {
    let (mut said, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = connection.read(&mut part) {
        said.extend_from_slice(&part[..read]);
    }
    said
}

/// Open files and threads of the server.
#[cfg(target_os = "linux")]
fn holds(served: &Served) -> (usize, usize) {
    let count = |what: &str| std::fs::read_dir(format!("/proc/{}/{what}", served.child.id())).unwrap().count();
    (count("fd"), count("task"))
}

/// Elsewhere nobody can look.
#[cfg(not(target_os = "linux"))]
fn holds(_: &Served) -> (usize, usize) {
    (0, 0)
}

/// Waits until the server holds nothing that it did not hold before, and answers as ever.
#[track_caller]
fn at_rest(served: &Served, before: (usize, usize), expected: &Value) {
    served.until("all requests are over", |served| {
        served.metric("vllm:num_requests_running") + served.metric("vllm:num_requests_waiting") == 0.0
    });
    assert_eq!(served.metric("vllm:kv_cache_usage_perc"), 0.0);
    served.until("all connections are closed", |served| holds(served).0 <= before.0);
    // threads that did what may block stay for a while
    assert!(holds(served).1 <= before.1 + 4, "{:?} after {before:?}", holds(served));
    assert_eq!(served.ask("/v1/completions", answer(8))["choices"], *expected);
}

#[test]
fn floods_of_headers_are_refused() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random", "--read-limit", "1"]);
    let expected = served.ask("/v1/completions", answer(8))["choices"].clone();
    let before = holds(&served);
    let many: String = (0..5000).map(|i| format!("x-{i}: a\r\n")).collect();
    let floods = [
        format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{many}\r\n"),
        format!("GET /health HTTP/1.1\r\nhost: localhost\r\nx-long: {}\r\n\r\n", "a".repeat(1 << 20)),
        format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(1 << 20)),
    ];
    for flood in floods {
        let mut connection = served.connect();
        // the server may have seen enough before all is written
        let _ = connection.write_all(flood.as_bytes());
        let said = rest(&mut connection);
        let status = String::from_utf8_lossy(&said[..said.len().min(12)]).into_owned();
        assert!(said.is_empty() || status.starts_with("HTTP/1.1 4"), "{status}");
    }
    // headers that never end, each in time by itself
    let mut connection = served.connect();
    connection.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n").unwrap();
    let started = Instant::now();
    while connection.write_all(b"x-more: a\r\n").is_ok() {
        assert!(started.elapsed() < Duration::from_secs(30), "somebody listens for ever");
        std::thread::sleep(Duration::from_millis(20));
    }
    at_rest(&served, before, &expected);
}

#[test]
fn connections_that_say_nothing_are_closed_and_keep_nobody_away() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random", "--read-limit", "1"]);
    let expected = served.ask("/v1/completions", answer(8))["choices"].clone();
    let before = holds(&served);
    let mut silent: Vec<TcpStream> = (0..200).map(|_| served.connect()).collect();
    assert_eq!(served.ask("/v1/completions", answer(8))["choices"], expected);
    for connection in &mut silent {
        assert_eq!(rest(connection), b"");
    }
    at_rest(&served, before, &expected);
}

#[test]
fn what_is_no_request_is_refused() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random", "--read-limit", "0.5"]);
    let expected = served.ask("/v1/completions", answer(8))["choices"].clone();
    let before = holds(&served);
    let post = "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let cases: [(&str, String); 8] = [
        ("no HTTP", "\u{1}\u{2}\u{3} nonsense\r\n\r\n".into()),
        ("a TLS greeting", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}".into()),
        ("two lengths", format!("{post}content-length: 5\r\ncontent-length: 6\r\n\r\n{{}}")),
        ("a length below none", format!("{post}content-length: -1\r\n\r\n{{}}")),
        ("chunks of no size", format!("{post}transfer-encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n")),
        ("a chunk that does not end", format!("{post}transfer-encoding: chunked\r\n\r\nffff\r\n{{")),
        ("half a body", format!("{post}content-length: 100\r\n\r\n{{\"prompt\": ")),
        ("more than one encoding", format!("{post}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n")),
    ];
    for (what, text) in cases {
        let mut connection = served.connect();
        let _ = connection.write_all(text.as_bytes());
        let said = String::from_utf8_lossy(&rest(&mut connection)).into_owned();
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{what}: {said}");
    }
    // and with half of it, the client is gone
    for text in [&post[..20], post, &format!("{post}content-length: 100\r\n\r\n{{")] {
        let mut connection = served.connect();
        connection.write_all(text.as_bytes()).unwrap();
        connection.shutdown(Shutdown::Both).unwrap();
    }
    at_rest(&served, before, &expected);
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let world = slow(4096);
    let served = Served::ready(&world, &["-m", "random", "--ctx", "4096", "--parallel", "8", "--kv-tokens", "16384"]);
    let expected = served.ask("/v1/completions", answer(8))["choices"].clone();
    let before = holds(&served);
    std::thread::scope(|scope| {
        for client in 0..40_u64 {
            let served = &served;
            scope.spawn(move || {
                let mut connection = stream(served, 4000);
                // some before the head, some in the middle of an answer, some with bytes unread, which resets the connection
                let mut part = vec![0; (client % 5 * 200) as usize];
                let _ = connection.read_exact(&mut part);
                std::thread::sleep(Duration::from_millis(client * 7 % 50));
            });
        }
    });
    at_rest(&served, before, &expected);
}

#[cfg(unix)]
#[test]
fn told_to_stop_under_load_it_answers_all_that_it_took() {
    let world = slow(2048);
    let arguments = ["-m", "random", "--ctx", "2048", "--parallel", "4", "--quiet"];
    let mut served = Served::ready(&world, &arguments);
    let mut open: Vec<TcpStream> = (0..16).map(|_| stream(&served, 300)).collect();
    served.until("some run and some wait", |served| served.metric("vllm:num_requests_waiting") >= 8.0);
    let address = served.address.clone();
    served.signal("-TERM");
    let whole: Vec<String> = open.iter_mut().map(|c| String::from_utf8(rest(c)).unwrap()).collect();
    for text in &whole {
        assert!(text.contains("\"finish_reason\":\"length\"") && text.contains("data: [DONE]"), "{text}");
    }
    assert!(served.child.wait().unwrap().success());
    assert!(TcpStream::connect(address).is_err(), "nobody listens");
}

#[cfg(unix)]
#[test]
fn what_takes_longer_than_the_drain_limit_is_cut() {
    let world = slow(8192);
    let arguments = ["-m", "random", "--ctx", "8192", "--drain-limit", "0.2"];
    let mut served = Served::ready(&world, &arguments);
    let mut open: Vec<TcpStream> = (0..4).map(|_| stream(&served, 8000)).collect();
    served.until("they run", |served| served.metric("vllm:num_requests_running") == 4.0);
    served.signal("-TERM");
    let started = Instant::now();
    for connection in &mut open {
        let text = String::from_utf8_lossy(&rest(connection)).into_owned();
        assert!(!text.contains("[DONE]"), "{text}");
    }
    assert!(served.child.wait().unwrap().success());
    assert!(started.elapsed() < Duration::from_secs(30));
    let mut notes = String::new();
    served.notes.read_to_string(&mut notes).unwrap();
    assert!(notes.ends_with("stopped with requests under way: they took too long\n"), "{notes}");
}

/// Another model is renamed over the file: what is mapped is the old one, and the old one answers.
#[test]
fn a_model_that_is_replaced_answers_as_before() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random"]);
    let expected = served.ask("/v1/completions", answer(8))["choices"].clone();
    let mut other = world.read("random/model.safetensors");
    other.iter_mut().rev().take(4000).for_each(|byte| *byte ^= 1);
    world.write("other", other);
    std::fs::rename(world.path("other"), world.path("random/model.safetensors")).unwrap();
    assert_eq!(served.ask("/v1/completions", answer(8))["choices"], expected);
    assert_ne!(Served::ready(&world, &["-m", "random"]).ask("/v1/completions", answer(8))["choices"], expected);
}

/// The file is written to in its place: what is under way ends with an error, and what comes later is answered by what is in the
/// file now.
#[test]
fn a_model_that_is_overwritten_is_loaded_anew() {
    let world = slow(8192);
    let served = Served::ready(&world, &["-m", "random", "--ctx", "8192"]);
    let old = served.ask("/v1/completions", answer(8))["choices"].clone();
    let mut open = Open::read_head(stream(&served, 8000));
    assert!(open.chunk().is_some());
    let good = world.read("random/model.safetensors");
    let mut bytes = good.clone();
    bytes.iter_mut().rev().take(4000).for_each(|byte| *byte ^= 1);
    overwrite(&world, &bytes);
    let text = open.read().text;
    assert!(text.contains("model.safetensors: was written to") && !text.contains("[DONE]"), "{text}");
    let new = Served::ready(&world, &["-m", "random", "--ctx", "8192"]).ask("/v1/completions", answer(8));
    assert_ne!(new["choices"], old);
    served.until("it is loaded", |served| {
        let said = served.post("/v1/completions", &answer(8));
        match said.status {
            200 => assert_eq!(said.json(200)["choices"], new["choices"]),
            _ => assert_eq!(said.error(503).2, "loading"),
        }
        said.status == 200
    });
    assert_eq!(served.get("/health").status, 200);
    // what cannot be loaded is told until it can be
    overwrite(&world, &vec![b'x'; good.len()]);
    served.until("the damage is told", |served| served.get("/health").status == 500);
    let (message, _, code) = served.post("/v1/completions", &answer(8)).error(500);
    assert!(code == "model_not_loaded" && message.contains("model.safetensors"), "{message}");
    overwrite(&world, &good);
    served.until("it is well again", |served| served.get("/health").status == 200);
    assert_eq!(served.ask("/v1/completions", answer(8))["choices"], old);
}

/// Writes to the file of the model in its place.
fn overwrite(world: &World, bytes: &[u8]) {
    std::thread::sleep(Duration::from_millis(20)); // so that the time of the file differs
    let mut file = std::fs::File::options().write(true).open(world.path("random/model.safetensors")).unwrap();
    file.write_all(bytes).unwrap();
}

/// The file is cut short: an error, or the end of the server with a line that says why, and no answer.
#[cfg(unix)]
#[test]
fn a_model_that_is_cut_short_answers_no_more() {
    for keep in [0, 4096] {
        let world = slow(8192);
        let mut served = Served::ready(&world, &["-m", "random", "--ctx", "8192"]);
        let mut open = stream(&served, 8000);
        let mut first = [0; 100];
        open.read_exact(&mut first).unwrap();
        std::fs::File::options()
            .write(true)
            .open(world.path("random/model.safetensors"))
            .unwrap()
            .set_len(keep)
            .unwrap();
        let text = String::from_utf8_lossy(&rest(&mut open)).into_owned();
        assert!(!text.contains("[DONE]"), "{text}");
        if text.contains("\"error\"") {
            assert!(text.contains("was truncated"), "{text}");
        } else {
            assert_eq!(served.child.wait().unwrap().code(), Some(1));
            let mut line = String::new();
            served.notes.read_line(&mut line).unwrap();
            assert!(line.contains("was truncated"), "{line}");
        }
    }
}

#[test]
fn nobody_is_let_in_to_wait_longer_than_the_limit() {
    let world = slow(8192);
    let arguments = ["-m", "random", "--ctx", "8192", "--parallel", "1", "--queue-limit", "0.001"];
    let served = Served::ready(&world, &arguments);
    let mut first = Open::read_head(stream(&served, 8000));
    assert!(first.chunk().is_some());
    served.until("it runs", |served| served.metric("vllm:num_requests_running") == 1.0);
    let refused = served.post("/v1/completions", &answer(8));
    let (message, _, code) = refused.error(429);
    assert!(code == "queue_full" && message.contains("expected to wait"), "{message}");
    assert!((1..=60).contains(&refused.header("retry-after").unwrap().parse::<u64>().unwrap()));
    drop(first);
    served.until("it is given up", |served| served.metric("vllm:num_requests_running") == 0.0);
    served.ask("/v1/completions", answer(8));
}
