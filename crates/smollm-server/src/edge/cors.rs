//! Which web pages may use the server: those whose origin is on the list, and no others.

use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// The layer for a list of origins (`localhost` is every page of this machine, `*` every page); without any, browsers let no page of another origin read an answer. An entry that is no header
/// value matches nothing.
pub(crate) fn cors(origins: &[String]) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(["x-request-id", crate::body::IGNORED_HEADER].map(HeaderName::from_static));
    if origins.iter().any(|origin| origin == "*") {
        return layer.allow_origin(AllowOrigin::any());
    }
    let local = origins.iter().any(|origin| origin == "localhost");
    let listed = origins.iter().filter_map(|origin| HeaderValue::from_str(origin.trim_end_matches('/')).ok());
    let listed: Vec<HeaderValue> = listed.collect();
    layer.allow_origin(AllowOrigin::predicate(move |origin, _| listed.contains(origin) || (local && is_local(origin))))
}

/// Whether an origin is a page of this machine, on whatever port.
fn is_local(origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let Some(authority) = origin.strip_prefix("http://").or(origin.strip_prefix("https://")) else { return false };
    let rest = ["localhost", "127.0.0.1", "[::1]"].iter().find_map(|host| authority.strip_prefix(host));
    rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()))
}

#[cfg(test)]
mod tests {
    use super::is_local;
    use axum::http::HeaderValue;

    #[track_caller]
    fn check(origin: &'static str, expected: bool) {
        assert_eq!(is_local(&HeaderValue::from_static(origin)), expected, "{origin}");
    }

    #[test]
    fn pages_of_this_machine() {
        for origin in
            ["http://localhost", "https://localhost:8080", "http://127.0.0.1:3000", "http://[::1]", "http://[::1]:1"]
        {
            check(origin, true);
        }
        for origin in
            ["http://notlocalhost", "http://localhost.evil.com", "http://localhost:x", "localhost", "null", ""]
        {
            check(origin, false);
        }
    }
}
