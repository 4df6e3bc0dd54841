//! Web addresses: origins, redirects, percent-encoding.

use ureq::http::Uri;

/// Scheme, host and port: who gets the token.
pub(crate) type Origin = (String, String, u16);

/// Scheme, host and port.
pub(crate) fn origin(uri: &Uri) -> Option<Origin> {
    let scheme = uri.scheme_str()?;
    let port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    Some((scheme.to_owned(), uri.host()?.to_ascii_lowercase(), uri.port_u16().unwrap_or(port)))
}

/// The address that a `Location` header means (RFC 9110, section 10.2.2).
pub(crate) fn resolve(base: &Uri, location: &str) -> Option<String> {
    let scheme = base.scheme_str()?;
    if location.starts_with("https://") || location.starts_with("http://") {
        return Some(location.to_owned());
    }
    if location.starts_with("//") {
        return Some(format!("{scheme}:{location}"));
    }
    let authority = base.authority()?;
    if location.starts_with('/') {
        return Some(format!("{scheme}://{authority}{location}"));
    }
    if location.is_empty() || location.contains("://") {
        return None;
    }
    let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    Some(format!("{scheme}://{authority}{folder}/{location}"))
}

/// Percent-encodes one part of a path, or a path whose `/` stay.
pub(crate) fn quote(text: &str, keep_slash: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        if plain || (keep_slash && byte == b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests;
