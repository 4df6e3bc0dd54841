//! The tools themselves: values, files, and every way out of a folder.

use super::{calculator, folder, tools};
use crate::agent::{AgentTool, Arguments};
use proptest::prelude::*;
use serde_json::{Value, json};

#[track_caller]
fn call(tools: &mut [AgentTool<'_>], name: &str, arguments: Value) -> Result<Value, String> {
    let tool = tools.iter_mut().find(|tool| tool.name() == name).expect("a tool");
    tool.call(&Arguments::new(arguments.as_object().expect("an object").clone()))
}

#[test]
fn values_are_exact() {
    for (expression, value) in [
        ("(1 + 2) * 3 / 4", "2.25"),
        ("0.1 + 0.2", "0.3"),
        ("2^100", "1267650600228229401496703205376"),
        ("2**-3", "0.125"),
        ("-2^2", "-4"),
        ("2 ^ 3 ^ 2", "512"),
        ("6 * 7 - 2", "40"),
        ("6×7÷2−1", "20"),
        (" 1/3 ", "1/3 (about 0.3333333333333333)"),
        ("1/3 * 3", "1"),
        ("-7 % 3", "2"),
        ("7.5 % -2", "-0.5"),
        ("12.5 / 100 * 384", "48"),
        (".5 + 1.", "1.5"),
        ("-0.05", "-0.05"),
        ("--1", "1"),
        ("0 * -1", "0"),
        ("170141183460469231731687303715884105727", "170141183460469231731687303715884105727"),
    ] {
        assert_eq!(calculator::value(expression).as_deref(), Ok(value), "{expression}");
    }
}

#[test]
fn what_has_no_exact_value_is_said_at_once() {
    for (expression, problem) in [
        ("1 +", "the expression ends where a number is expected"),
        ("", "the expression ends where a number is expected"),
        ("1 / 0", "division by zero"),
        ("1 % 0", "division by zero"),
        ("0 ^ -1", "division by zero"),
        ("(1", "a closing parenthesis is missing"),
        ("1 2", "`2` is not expected here"),
        ("1)", "`)` is not expected here"),
        ("sqrt(2)", "`sqrt(2)` is neither a number nor one of + - * / % ^ ( )"),
        ("1.2.3", "`1.2.3` is no number"),
        (".", "`.` is no number"),
        ("2 ^ 0.5", "an exponent must be a whole number of at most 1000"),
        ("9^9^9^9", "an exponent must be a whole number of at most 1000"),
        ("9^999", "the numbers are too large to be exact"),
        ("170141183460469231731687303715884105728", "the numbers are too large to be exact"),
        ("170141183460469231731687303715884105727 + 1", "the numbers are too large to be exact"),
    ] {
        assert_eq!(calculator::value(expression), Err(problem.into()), "{expression}");
    }
    assert!(calculator::value(&"1+".repeat(300)).is_err_and(|error| error.contains("longer than 500")));
    for deep in ["(1+".repeat(60), "-".repeat(400), "1^".repeat(200)] {
        assert!(calculator::value(&deep).is_err_and(|error| error.contains("more than 50")), "{deep}");
    }
}

proptest! {
    #[test]
    fn no_expression_panics(expression in "([0-9.]{1,20}|[-+*/%^() ]|\\*\\*|\\PC){0,40}") {
        let _ = calculator::value(&expression);
    }

    #[test]
    fn whole_numbers_are_those_of_rust(a in -1000i64..1000, b in -1000i64..1000, c in 1i64..1000) {
        let value = calculator::value(&format!("{a} * {b} + {c} - ({a}) % {c}"));
        prop_assert_eq!(value, Ok((a * b + c - a.rem_euclid(c)).to_string()));
    }
}

#[test]
fn random_numbers_are_in_their_range_and_repeat_with_their_seed() {
    let numbers = |seed| -> Vec<i64> {
        let mut tools = tools(Some(seed)).expect("tools");
        (0..40)
            .map(|_| {
                let number = call(&mut tools, "get_random_number_between", json!({"min": -3, "max": 3}));
                number.expect("a number").as_i64().expect("a whole number")
            })
            .collect()
    };
    assert_eq!(numbers(5), numbers(5));
    assert_ne!(numbers(5), numbers(6));
    assert!((-3..=3).all(|n| numbers(5).contains(&n)) && numbers(5).iter().all(|n| (-3..=3).contains(n)));
    let mut tools = tools(None).expect("tools");
    let error = call(&mut tools, "get_random_number_between", json!({"min": 2, "max": 1}));
    assert_eq!(error, Err("min (2) is larger than max (1)".into()));
    assert!(call(&mut tools, "get_random_number_between", json!({"min": i64::MIN, "max": i64::MAX})).is_ok());
    let time = call(&mut tools, "get_current_time", json!({})).expect("the time");
    let time = time.as_str().expect("a text");
    assert!(time.len() == 19 && time.as_bytes()[10] == b' ' && time.matches(':').count() == 2, "{time}");
}

#[test]
fn files_are_listed_read_and_written() {
    let place = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(place.path().join("sub")).expect("a folder");
    let mut tools = folder(place.path()).expect("tools");
    let written = call(&mut tools, "write_file", json!({"path": "sub/a.txt", "text": "é"}));
    assert_eq!(written, Ok("2 bytes written".into()));
    assert_eq!(std::fs::read_to_string(place.path().join("sub/a.txt")).expect("a file"), "é");
    assert_eq!(call(&mut tools, "list_files", json!({"path": "."})), Ok(json!(["sub/"])));
    assert_eq!(call(&mut tools, "list_files", json!({"path": ""})), Ok(json!(["sub/"])));
    assert_eq!(call(&mut tools, "list_files", json!({"path": "sub"})), Ok(json!(["a.txt"])));
    assert_eq!(call(&mut tools, "read_file", json!({"path": "sub/a.txt"})), Ok("é".into()));
    assert_eq!(call(&mut tools, "write_file", json!({"path": "sub/a.txt", "text": ""})), Ok("0 bytes written".into()));
    assert_eq!(call(&mut tools, "read_file", json!({"path": "sub/a.txt"})), Ok("".into()));
    let missing = call(&mut tools, "read_file", json!({"path": "b.txt"}));
    assert_eq!(missing, Err("there is no b.txt in the folder".into()));
    assert_eq!(call(&mut tools, "read_file", json!({"path": "sub"})), Err("sub is not a file".into()));
    assert!(call(&mut tools, "write_file", json!({"path": "sub", "text": "x"})).is_err());
    assert!(call(&mut tools, "write_file", json!({"path": "no/a.txt", "text": "x"})).is_err());
    std::fs::write(place.path().join("large"), vec![b'x'; (16 << 10) + 1]).expect("a file");
    assert_eq!(call(&mut tools, "read_file", json!({"path": "large"})), Err("large is larger than 16384 bytes".into()));
    let long = json!({"path": "x", "text": "x".repeat((16 << 10) + 1)});
    assert_eq!(call(&mut tools, "write_file", long), Err("the text is longer than 16384 bytes".into()));
    std::fs::write(place.path().join("bytes"), [0xff]).expect("a file");
    assert_eq!(call(&mut tools, "read_file", json!({"path": "bytes"})), Err("bytes is not a text file".into()));
    for name in 0..201 {
        std::fs::write(place.path().join(format!("sub/{name}")), "").expect("a file");
    }
    assert!(call(&mut tools, "list_files", json!({"path": "sub"})).is_err_and(|error| error.contains("more than 200")));
    assert!(folder(&place.path().join("none")).is_err());
}

/// Every way out that paths and links know, from a folder beside which there is a secret.
#[test]
fn no_path_leads_out_of_the_folder() {
    let place = tempfile::tempdir().expect("a folder");
    let secret = place.path().join("secret.txt");
    std::fs::write(&secret, "secret").expect("a file");
    let inside = place.path().join("inside");
    std::fs::create_dir_all(inside.join("sub")).expect("folders");
    std::fs::write(inside.join("own.txt"), "own").expect("a file");
    let absolute = secret.to_str().expect("text").to_owned();
    let above = place.path().to_str().expect("text").to_owned();
    let mut paths = vec![
        absolute,
        above,
        "..".to_owned(),
        "../secret.txt".to_owned(),
        "sub/../../secret.txt".to_owned(),
        "./../inside/../secret.txt".to_owned(),
        "/".to_owned(),
        "/etc/passwd".to_owned(),
    ];
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink(&secret, inside.join("link.txt")).expect("a link");
        symlink("../secret.txt", inside.join("relative.txt")).expect("a link");
        symlink("..", inside.join("up")).expect("a link");
        symlink("/", inside.join("root")).expect("a link");
        symlink("../new.txt", inside.join("dangling.txt")).expect("a link");
        symlink("loop", inside.join("loop")).expect("a link");
        symlink("../own.txt", inside.join("sub/own.txt")).expect("a link");
        let links =
            ["link.txt", "relative.txt", "up", "up/secret.txt", "root/etc/passwd", "root", "dangling.txt", "loop"];
        paths.extend(links.map(str::to_owned));
    }
    let mut tools = folder(&inside).expect("tools");
    for path in paths {
        let read = call(&mut tools, "read_file", json!({"path": path}));
        let listed = call(&mut tools, "list_files", json!({"path": path}));
        let written = call(&mut tools, "write_file", json!({"path": path, "text": "overwritten"}));
        assert!(read.is_err() && listed.is_err() && written.is_err(), "{path}: {read:?} {listed:?} {written:?}");
    }
    #[cfg(unix)]
    assert_eq!(
        call(&mut tools, "read_file", json!({"path": "sub/own.txt"})),
        Ok("own".into()),
        "links may stay inside"
    );
    assert_eq!(call(&mut tools, "read_file", json!({"path": "sub/../own.txt"})), Ok("own".into()));
    assert_eq!(std::fs::read_to_string(&secret).expect("a file"), "secret");
    assert!(!place.path().join("new.txt").exists());
}

/// To open a pipe would wait for its other end.
#[cfg(unix)]
#[test]
fn a_pipe_is_no_file() {
    let place = tempfile::tempdir().expect("a folder");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let pipe = place.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
    let mut tools = folder(place.path()).expect("tools");
    assert_eq!(call(&mut tools, "read_file", json!({"path": "pipe"})), Err("pipe is not a file".into()));
    let written = call(&mut tools, "write_file", json!({"path": "pipe", "text": "x"}));
    assert_eq!(written, Err("pipe is not a file".into()));
}

/// Nor is one that comes to be there between a look at the path and its opening.
#[cfg(unix)]
#[test]
fn a_pipe_that_is_opened_all_the_same_is_not_waited_for() {
    use cap_std::ambient_authority;
    use cap_std::fs::Dir;
    use std::time::Duration;
    let place = tempfile::tempdir().expect("a folder");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let pipe = place.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
    let folder = Dir::open_ambient_dir(place.path(), ambient_authority()).expect("a folder");
    let (send, opened) = std::sync::mpsc::channel();
    // on a thread of its own, which is left behind if it waits
    std::thread::spawn(move || {
        send.send(super::files::open(&folder, "pipe").map(|_| ())).expect("somebody waits");
    });
    let read = opened.recv_timeout(Duration::from_secs(60)).expect("nothing waits");
    assert_eq!(read, Err("pipe is not a file".into()));
}

/// A file is another one after it was written, never a cut one: whoever has the old one open, as a full disk would, keeps it whole.
#[cfg(unix)]
#[test]
fn what_a_file_held_is_whole_until_the_new_text_is() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().expect("a folder");
    let (file, old) = (place.path().join("a.txt"), place.path().join("old"));
    std::fs::write(&file, "before").expect("a file");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).expect("permissions");
    std::fs::hard_link(&file, &old).expect("another name");
    let mut tools = folder(place.path()).expect("tools");
    let written = call(&mut tools, "write_file", json!({"path": "a.txt", "text": "after"}));
    assert_eq!(written, Ok("5 bytes written".into()));
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "after");
    assert_eq!(std::fs::read_to_string(&old).expect("a file"), "before");
    assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o640);
    assert_eq!(
        call(&mut tools, "list_files", json!({"path": "."})),
        Ok(json!(["a.txt", "old"])),
        "nothing is left beside"
    );
}

/// The permission to write a file is that of the file, not that of its folder, in which anybody may have put another in its place.
#[cfg(target_os = "linux")]
#[test]
fn what_may_not_be_written_is_not_replaced() {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("a.txt");
    std::fs::write(&file, "before").expect("a file");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o444)).expect("permissions");
    let folder_path = place.path().to_owned();
    // on a thread of its own, for which nobody is root
    let written = std::thread::spawn(move || {
        let mut sets = capabilities(None).expect("capabilities");
        sets.effective.remove(CapabilitySet::DAC_OVERRIDE);
        set_capabilities(None, sets).expect("fewer capabilities");
        let mut tools = folder(&folder_path).expect("tools");
        let written = call(&mut tools, "write_file", json!({"path": "a.txt", "text": "after"}));
        (written, call(&mut tools, "list_files", json!({"path": "."})))
    });
    let (written, listed) = written.join().expect("no panic");
    assert_eq!(written, Err("a.txt is outside of the folder, or closed to this program".into()));
    assert_eq!(listed, Ok(json!(["a.txt"])), "nothing is left beside");
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "before");
}

#[cfg(unix)]
#[test]
fn what_a_link_leads_to_is_written() {
    use std::os::unix::fs::symlink;
    let place = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(place.path().join("sub")).expect("a folder");
    std::fs::write(place.path().join("sub/a.txt"), "before").expect("a file");
    symlink("sub/a.txt", place.path().join("link")).expect("a link");
    symlink("link", place.path().join("sub/../again")).expect("a link");
    symlink("none", place.path().join("dangling")).expect("a link");
    let mut tools = folder(place.path()).expect("tools");
    for (name, text) in [("link", "first"), ("again", "second")] {
        let written = call(&mut tools, "write_file", json!({"path": name, "text": text}));
        assert_eq!(written, Ok(format!("{} bytes written", text.len()).into()));
        assert!(place.path().join(name).is_symlink(), "{name}");
        assert_eq!(std::fs::read_to_string(place.path().join("sub/a.txt")).expect("a file"), text);
    }
    let written = call(&mut tools, "write_file", json!({"path": "dangling", "text": "x"}));
    assert_eq!(written, Err("there is no dangling in the folder".into()));
    assert!(place.path().join("dangling").is_symlink() && !place.path().join("none").exists());
    assert_eq!(call(&mut tools, "list_files", json!({"path": "sub"})), Ok(json!(["a.txt"])));
}

#[test]
fn neither_a_leftover_nor_a_long_name_is_in_the_way() {
    let place = tempfile::tempdir().expect("a folder");
    let mut tools = folder(place.path()).expect("tools");
    let mut write = |name: &str| call(&mut tools, "write_file", json!({"path": name, "text": "x"}));
    // the numbers of a thread follow from its seed
    fastrand::seed(5);
    let names: Vec<String> = (0..7).map(|_| super::files::hidden_name()).collect();
    let left = [format!(".a.txt.{}.smollm", std::process::id())];
    for name in names.iter().chain(&left) {
        std::fs::write(place.path().join(name), "left").expect("a file");
    }
    fastrand::seed(5);
    assert_eq!(write("a.txt"), Ok("1 bytes written".into()));
    assert_eq!(std::fs::read_to_string(place.path().join("a.txt")).expect("a file"), "x");
    assert!(names.iter().all(|name| std::fs::read_to_string(place.path().join(name)).is_ok_and(|held| held == "left")));
    let long = "n".repeat(255);
    assert_eq!(write(&long), Ok("1 bytes written".into()));
    assert_eq!(write(&long), Ok("1 bytes written".into()), "and once more in its place");
}
