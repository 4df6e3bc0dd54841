//! A name server on 127.0.0.1:53 that knows one name (RFC 1035, section 4).

use std::io;
use std::net::UdpSocket;
use std::thread;

const HEAD: usize = 12;
const TYPE_A: [u8; 2] = [0, 1];

/// Answers 127.0.0.1 to whoever asks for `known`, as long as this process lives.
///
/// # Errors
/// The port is taken, or not for us.
pub(super) fn answer(known: &'static str) -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:53")?;
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, asker)) = socket.recv_from(&mut buffer) {
            if let Some(reply) = reply(&buffer[..length], known) {
                // who does not hear it asks again
                let _ = socket.send_to(&reply, asker);
            }
        }
    });
    Ok(())
}

/// What is answered to one question; `None` to what is no question.
fn reply(query: &[u8], known: &str) -> Option<Vec<u8>> {
    let question = query.get(HEAD..)?;
    let mut labels = Vec::new();
    let mut at = 0;
    while question.get(at)? != &0 {
        let length = usize::from(question[at]);
        labels.push(String::from_utf8_lossy(question.get(at + 1..=at + length)?).into_owned());
        at += 1 + length;
    }
    let question = question.get(..at + 5)?; // the end of the name, type and class
    let found = labels.join(".").eq_ignore_ascii_case(known);
    let answers = u8::from(found && question[at + 1..at + 3] == TYPE_A);
    let mut reply = query[..2].to_vec();
    // an answer, recursion asked for and had; 3: there is no such name
    reply.extend([0x81, if found { 0x80 } else { 0x83 }, 0, 1, 0, answers, 0, 0, 0, 0]);
    reply.extend(question);
    if answers == 1 {
        // the name stands at offset 12; A, internet, a minute, four bytes
        reply.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    Some(reply)
}

#[cfg(test)]
mod tests {
    use super::reply;

    fn query(kind: u8) -> Vec<u8> {
        [&[7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x03hub\x04test\0", &[0, kind, 0, 1]].concat()
    }

    #[test]
    fn one_name_is_known() {
        let found = reply(&query(1), "hub.test").unwrap();
        assert_eq!((&found[..4], found[7]), (&[7, 9, 0x81, 0x80][..], 1));
        assert!(found.ends_with(&[127, 0, 0, 1]));
        let no_such_type = reply(&query(28), "hub.test").unwrap();
        assert_eq!((no_such_type[3], no_such_type[7]), (0x80, 0));
        let no_such_name = reply(&query(1), "hub.other").unwrap();
        assert_eq!((no_such_name[3], no_such_name[7]), (0x83, 0));
    }

    #[test]
    fn noise_is_not_answered() {
        for length in 0..query(1).len() {
            assert!(reply(&query(1)[..length], "hub.test").is_none(), "{length}");
        }
    }
}
