//! Formats of strings as regular expressions: every text that one of them matches has the format, if not every text that has the
//! format is matched.

/// The regular expression of a format that is supported.
pub(super) fn pattern(format: &str) -> Option<String> {
    let pattern = match format {
        "date" => date(),
        "time" => TIME.to_owned(),
        "date-time" => format!("{}T{TIME}", date()),
        "duration" => DURATION.to_owned(),
        "email" => format!(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@{HOST}"),
        "hostname" => HOST.to_owned(),
        "ipv4" => format!(r"(?:{OCTET}\.){{3}}{OCTET}"),
        "ipv6" => ipv6(),
        "uuid" => "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}".to_owned(),
        "uri" => format!(
            r"(?:https?|ftp)://{HOST}(?::[1-9][0-9]{{0,3}})?(?:/[A-Za-z0-9._~-]+)*/?(?:\?{QUERY})?(?:#{QUERY})?"
        ),
        _ => return None,
    };
    Some(format!("^(?:{pattern})$"))
}

/// All that there are, for messages.
pub(super) const KNOWN: &str = "date, time, date-time, duration, email, hostname, ipv4, ipv6, uuid, uri and those of numbers (int32, uint64, double, ...) are";

/// Limits of numbers of a format, where it is one of numbers (those of OpenAPI's registry, and of Rust's and C's integers). What is beyond
/// 2^53 is not written anyway.
pub(super) fn limits(format: &str) -> Option<[Option<i64>; 2]> {
    Some(match format {
        "int8" => [Some(i8::MIN.into()), Some(i8::MAX.into())],
        "int16" => [Some(i16::MIN.into()), Some(i16::MAX.into())],
        "int32" => [Some(i32::MIN.into()), Some(i32::MAX.into())],
        "uint8" => [Some(0), Some(u8::MAX.into())],
        "uint16" => [Some(0), Some(u16::MAX.into())],
        "uint32" => [Some(0), Some(u32::MAX.into())],
        "uint" | "uint64" | "uint128" => [Some(0), None],
        "int" | "int64" | "int128" | "float" | "double" => [None, None],
        _ => return None,
    })
}

/// Formats that say how a string is shown, not what it is.
pub(super) fn is_shown(format: &str) -> bool {
    format == "password"
}

/// RFC 3339, without leap seconds.
const TIME: &str =
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
/// RFC 3339, appendix A, with at least one part.
const DURATION: &str = "P(?:[0-9]+W|(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)(?:T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|\
                        [0-9]+M(?:[0-9]+S)?|[0-9]+S))?|T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S))";
/// Labels of letters, digits and single hyphens inside (RFC 1123); shorter than a host may be.
const HOST: &str =
    "[a-zA-Z][a-zA-Z0-9]{0,14}(?:-[a-zA-Z0-9]{1,14})?(?:\\.[a-zA-Z][a-zA-Z0-9]{0,14}(?:-[a-zA-Z0-9]{1,14})?){0,6}";
const OCTET: &str = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const QUERY: &str = "[A-Za-z0-9._~=&-]*";

/// Days that there are in the Gregorian calendar, from year 1.
fn date() -> String {
    let year = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})";
    let leap = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)";
    let days = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8])";
    format!("(?:{year}-(?:{days})|{leap}-02-29)")
}

/// RFC 4291, without embedded IPv4.
fn ipv6() -> String {
    let h = "[0-9a-fA-F]{1,4}";
    let mut forms = vec![format!("(?:{h}:){{7}}{h}"), format!("::(?:{h}(?::{h}){{0,6}})?")];
    // `before` groups, `::`, and at most as many after it as leave one out
    forms.extend((1..=6).map(|before| format!("(?:{h}:){{{before}}}(?::{h}){{1,{}}}", 7 - before)));
    forms.push(format!("(?:{h}:){{1,7}}:"));
    format!("(?:{})", forms.join("|"))
}
