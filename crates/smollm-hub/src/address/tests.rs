//! Redirects and origins.

use super::*;

#[test]
fn redirects_lead_where_rfc_9110_says() {
    let base: Uri = "https://hub.example:8443/a/b/resolve/main/x?y=1".parse().expect("an address");
    for (location, expected) in [
        ("https://cdn.example/f?s=1", Some("https://cdn.example/f?s=1")),
        ("//cdn.example/f", Some("https://cdn.example/f")),
        ("/api/resolve-cache/x", Some("https://hub.example:8443/api/resolve-cache/x")),
        ("y", Some("https://hub.example:8443/a/b/resolve/main/y")),
        ("", None),
        ("file:///etc/passwd", None),
        ("ftp://x/y", None),
    ] {
        assert_eq!(resolve(&base, location).as_deref(), expected, "{location}");
    }
}

#[test]
fn an_origin_is_scheme_host_and_port() {
    let of = |text: &str| origin(&text.parse().expect("an address"));
    assert_eq!(of("https://Hub.example/x"), of("https://hub.example:443/y"));
    for other in
        ["http://hub.example/", "https://hub.example:444/", "https://hub.example.evil/", "https://evil/hub.example"]
    {
        assert_ne!(of("https://hub.example/"), of(other), "{other}");
    }
    assert_eq!(of("ftp://hub.example/"), None);
}

#[test]
fn quoting() {
    assert_eq!(quote("refs/pr/1", false), "refs%2Fpr%2F1");
    assert_eq!(quote("a b/ü#?.gguf", true), "a%20b/%C3%BC%23%3F.gguf");
}
