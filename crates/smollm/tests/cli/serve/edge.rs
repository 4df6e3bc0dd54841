//! The edge: keys, limits, origins, the access log, and clients and servers that leave.

use super::client::{Open, Served};
use crate::world::World;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::time::{Duration, Instant};

/// A base model that takes a while: `context` tokens of positions.
fn slow(context: usize) -> World {
    let world = World::new().with_random();
    world.edit("random/config.json", |config| config["max_position_embeddings"] = context.into());
    world
}

fn long(stream: bool) -> Value {
    json!({"prompt": "a", "max_tokens": -1, "ignore_eos": true, "stream": stream})
}

fn json_post(served: &Served, path: &str, headers: &[(&str, &str)], body: &Value) -> Open {
    let all: Vec<_> = [("content-type", "application/json")].iter().chain(headers).copied().collect();
    served.open("POST", path, &all, body.to_string().as_bytes())
}

#[test]
fn a_client_that_leaves_ends_its_request() {
    let world = slow(8192);
    let served = Served::ready(&world, &["-m", "random", "--ctx", "8192"]);
    for stream in [true, false] {
        let aborted = "vllm:request_success_total{model_name=\"random\",engine=\"0\",finished_reason=\"abort\"}";
        let before = served.metric(aborted);
        if stream {
            let mut open = json_post(&served, "/v1/completions", &[], &long(true));
            assert!(open.chunk().is_some());
            drop(open);
        } else {
            let mut connection = served.connect();
            let body = long(false).to_string();
            let head = format!(
                "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            connection.write_all((head + &body).as_bytes()).unwrap();
            served.until("the request runs", |served| served.metric("vllm:num_requests_running") == 1.0);
        }
        served.until("the request is given up", |served| served.metric("vllm:num_requests_running") == 0.0);
        served.until("it is counted", |served| served.metric(aborted) == before + 1.0);
    }
    assert!(served.metric("vllm:generation_tokens_total") < 8000.0);
}

#[cfg(unix)]
#[test]
fn a_server_that_is_told_to_stop_answers_what_is_under_way() {
    let world = slow(2048);
    let mut served = Served::ready(&world, &["-m", "random", "--ctx", "2048"]);
    let mut open = json_post(&served, "/v1/completions", &[], &long(true));
    assert!(open.chunk().is_some());
    served.signal("-TERM");
    let text = open.read().text;
    assert!(text.ends_with("data: [DONE]\n\n") && text.contains("\"finish_reason\":\"length\""), "{text}");
    let started = Instant::now();
    assert!(served.child.wait().unwrap().success());
    assert!(started.elapsed() < Duration::from_secs(30));
    let mut notes = String::new();
    served.notes.read_to_string(&mut notes).unwrap();
    assert_eq!(notes, "stopping: requests under way are answered, new ones are not taken\n");
}

#[test]
fn keys_are_asked_for_and_may_change() {
    let world = World::new().with_random();
    // sha256sum of `one` and `two`
    let one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed  anna\n";
    let two = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3\n";
    world.write("keys", one);
    let mut served = Served::start(&world, &["-m", "random", "--key-file", "keys", "--host", "0.0.0.0"]);
    served.address = served.address.replace("0.0.0.0", "127.0.0.1");
    let models = |headers: &[(&str, &str)]| served.open("GET", "/v1/models", headers, b"").read();
    assert_eq!(models(&[]).error(401).2, "invalid_api_key");
    assert_eq!(models(&[("authorization", "Bearer wrong")]).status, 401);
    assert_eq!(models(&[("authorization", "Bearer one")]).status, 200);
    assert_eq!(models(&[("x-api-key", "one")]).status, 200);
    assert_ne!(served.get("/health").status, 401);
    std::thread::sleep(Duration::from_millis(20)); // so that the time of the file differs
    world.write("keys", two);
    let started = Instant::now();
    while models(&[("authorization", "Bearer two")]).status != 200 {
        assert!(started.elapsed() < Duration::from_secs(30), "the keys are read again");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(models(&[("authorization", "Bearer one")]).status, 401);
}

#[test]
fn what_cannot_be_served_is_told_before_anything_is_loaded() {
    let world = World::new().with_random();
    let error = world.run(&["serve", "-m", "random", "--port", "0", "--host", "0.0.0.0"]);
    assert!(error.error(1).starts_with("error: 0.0.0.0:0 can be reached from other machines"), "{error:?}");
    world.write("keys", "nonsense\n");
    let error = world.run(&["serve", "-m", "random", "--port", "0", "--key-file", "keys"]);
    assert!(error.error(1).starts_with("error: keys:1: expected the SHA-256"), "{error:?}");
    let error = world.run(&["serve", "-m", "random", "--port", "0", "--host", "no.such.host.invalid"]);
    assert!(error.error(1).starts_with("error: cannot resolve the address"), "{error:?}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let error = world.run(&["serve", "-m", "random", "--port", &port]);
    assert!(error.error(1).ends_with("another program listens there, choose another --port"), "{error:?}");
    for places in ["0", "4097", "many"] {
        let error = world.run(&["serve", "-m", "random", "--port", "0", "--parallel", places]);
        assert!(error.error(2).contains("expected a whole number from 1 to 4096"), "{error:?}");
    }
}

#[test]
fn too_much_is_refused() {
    let world = slow(8192);
    let arguments = ["-m", "random", "--ctx", "8192", "--parallel", "1", "--queue", "1", "--max-body", "1K"];
    let served = Served::ready(&world, &arguments);
    let large = json!({"prompt": "a".repeat(2000)});
    assert!(served.post("/v1/completions", &large).error(413).0.contains("1024 bytes"));
    // one runs, one waits
    let mut first = json_post(&served, "/v1/completions", &[], &long(true));
    assert!(first.chunk().is_some());
    let waits = served.post_unread("/v1/completions", &long(true));
    served.until("one waits", |served| served.metric("vllm:num_requests_waiting") == 1.0);
    let refused = served.post("/v1/completions", &long(false));
    assert_eq!(refused.error(429).2, "queue_full");
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&after));
    drop((first, waits));
    served.until("all is given up", |served| served.metric("vllm:num_requests_running") == 0.0);
    assert_eq!(served.post("/v1/completions", &json!({"prompt": "a", "max_tokens": 1})).status, 200);
}

#[test]
fn what_takes_too_long_is_ended() {
    let world = slow(8192);
    let limits = ["-m", "random", "--ctx", "8192", "--request-limit", "0.2", "--read-limit", "0.3"];
    let served = Served::ready(&world, &limits);
    assert_eq!(served.post("/v1/completions", &long(false)).error(504).2, "timeout");
    let text = json_post(&served, "/v1/completions", &[], &long(true)).read().text;
    assert!(text.contains("\"code\":\"timeout\"") && !text.contains("[DONE]"), "{text}");
    served.until("both are given up", |served| served.metric("vllm:num_requests_running") == 0.0);
    // half a body
    let mut connection = served.connect();
    connection
        .write_all(
            b"POST /tokenize HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{",
        )
        .unwrap();
    assert_eq!(Open::read_head(connection).status, 408);
    // half a head
    let mut connection = served.connect();
    connection.write_all(b"GET /health HTTP/1.1\r\nhost:").unwrap();
    let mut rest = String::new();
    connection.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("200"), "{rest}");
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let world = slow(8192);
    let arguments = ["-m", "random", "--ctx", "8192", "--read-limit", "0.5", "--access-log"];
    let mut served = Served::ready(&world, &arguments);
    let mut log = BufReader::new(served.child.stdout.take().unwrap());
    // more than the buffers of both ends hold
    let body = json!({"prompt": "a", "max_tokens": -1, "ignore_eos": true, "stream": true, "logprobs": 100});
    let connection = served.post_unread("/v1/completions", &body);
    let line = loop {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "no line");
        let json: Value = serde_json::from_str(&line).unwrap();
        if json["path"] == "/v1/completions" {
            break json;
        }
    };
    assert_eq!((&line["status"], &line["cut"]), (&json!(200), &json!(true)), "{line}");
    drop(connection);
}

#[test]
fn origins_on_the_list_may_ask_and_others_may_not() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random", "--cors", "https://chat.example"]);
    let allowed = |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization"),
        ];
        let answer = served.open("OPTIONS", "/v1/completions", &headers, b"").read();
        answer.header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(allowed("https://chat.example").as_deref(), Some("https://chat.example"));
    assert_eq!(allowed("https://evil.example"), None);
    // what needs no permission is not taken
    let plain =
        served.open("POST", "/v1/completions", &[("content-type", "text/plain")], b"{\"prompt\": \"a\"}").read();
    assert!(plain.error(415).0.contains("application/json"));
}

#[test]
fn every_request_has_an_id_and_a_line() {
    let world = World::new().with_random();
    let mut served = Served::ready(&world, &["-m", "random", "--access-log"]);
    let mut log = BufReader::new(served.child.stdout.take().unwrap());
    let given = served.open("GET", "/v1/models", &[("x-request-id", "mine-1")], b"").read();
    assert_eq!(given.header("x-request-id"), Some("mine-1"));
    let made = served.get("/nowhere");
    assert!(made.header("x-request-id").unwrap().starts_with("req_"));
    assert_eq!(made.error(404).2, "not_found");
    assert_eq!(served.get("/v1/completions").error(405).2, "method_not_allowed");
    let mut line = |path: &str| loop {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "no line for {path}");
        let json: Value = serde_json::from_str(&line).unwrap();
        if json["path"] == path {
            return json;
        }
    };
    let first = line("/v1/models");
    assert_eq!((&first["id"], &first["status"], &first["method"]), (&json!("mine-1"), &json!(200), &json!("GET")));
    assert_eq!((first["bytes"].as_u64(), &first["cut"]), (Some(given.text.len() as u64), &json!(false)));
    assert_eq!(line("/nowhere")["status"], 404);
}

/// While a request is answered nobody reads what follows it, and the end of the connection comes after that.
#[test]
fn a_client_that_leaves_after_further_bytes_is_noticed() {
    let world = slow(8192);
    let served = Served::ready(&world, &["-m", "random", "--ctx", "8192"]);
    let mut connection = served.post_unread("/v1/completions", &long(false));
    connection.write_all(b"\r\n\r\nGET /health").unwrap();
    served.until("the request runs", |served| served.metric("vllm:num_requests_running") == 1.0);
    drop(connection);
    served.until("the request is given up", |served| served.metric("vllm:num_requests_running") == 0.0);
    assert!(served.metric("vllm:generation_tokens_total") < 8000.0);
}

#[test]
fn a_name_that_is_not_the_servers_is_refused() {
    let world = World::new().with_random();
    let served = Served::ready(&world, &["-m", "random", "--allow-host", "chat.example"]);
    let ask = |host: &str| {
        let mut connection = served.connect();
        connection.write_all(format!("GET /v1/models HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes()).unwrap();
        Open::read_head(connection).read()
    };
    for host in [served.address.as_str(), "localhost", "127.0.0.1:1", "[::1]", "chat.example"] {
        assert_eq!(ask(host).status, 200, "{host}");
    }
    let refused = ask("evil.example:8080");
    let (message, _, code) = refused.error(403);
    assert!(code == "host_not_allowed" && message.contains("`evil.example:8080`"), "{message}");
    assert!(refused.header("x-request-id").is_some());
}

#[test]
fn an_answer_that_takes_too_much_memory_is_ended() {
    let world = slow(8192);
    let arguments = ["-m", "random", "--ctx", "8192", "--answer-memory", "32M", "--read-limit", "60"];
    let served = Served::ready(&world, &arguments);
    let ask = |tokens: i64, stream: bool| json!({"prompt": "a", "max_tokens": tokens, "ignore_eos": true, "logprobs": 100, "stream": stream});
    served.ask("/v1/completions", ask(300, false));
    let (message, _, code) = served.post("/v1/completions", &ask(1000, false)).error(400);
    assert!(code == "answer_too_large" && message.contains("8388608 bytes"), "{message}");
    // nobody reads it
    let connection = served.post_unread("/v1/completions", &ask(-1, true));
    served.until("it runs", |served| served.metric("vllm:num_requests_running") == 1.0);
    served.until("it is given up", |served| served.metric("vllm:num_requests_running") == 0.0);
    assert!(served.metric("vllm:generation_tokens_total") < 8000.0);
    drop(connection);
    served.ask("/v1/completions", ask(300, false));
}

/// The engine knows no stop strings: it is told.
#[test]
fn a_choice_that_met_its_stop_string_runs_no_more() {
    let world = slow(8192);
    let served = Served::ready(&world, &["-m", "random", "--ctx", "8192"]);
    let mut body = json!({"prompt": "a", "max_tokens": 60, "ignore_eos": true, "n": 2, "seed": 1, "temperature": 1});
    let both = served.ask("/v1/completions", body.clone());
    let text: Vec<char> = both["choices"][1]["text"].as_str().unwrap().chars().collect();
    // long enough for the other choice not to say it too
    body["stop"] = text[10..18].iter().collect::<String>().into();
    body["max_tokens"] = json!(-1);
    body["stream"] = true.into();
    let mut open = json_post(&served, "/v1/completions", &[], &body);
    assert!(open.chunk().is_some());
    served.until("one runs alone", |served| served.metric("vllm:num_requests_running") == 1.0);
    let mut said = String::new();
    while !said.contains("\"finish_reason\":\"stop\"") {
        said = String::from_utf8(open.chunk().expect("more")).unwrap();
    }
    assert!(said.contains("\"index\":1"), "{said}");
    assert!(open.chunk().is_some(), "the other goes on");
}
