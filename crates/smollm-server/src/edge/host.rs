//! By which names the server is called. A web page can have its own name point to this machine and then ask as a page of the server
//! itself (DNS rebinding); it cannot help saying that name.

use crate::app::Shared;
use crate::error::ApiError;
use crate::settings::Settings;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, SocketAddr};

/// The names that requests may have in `Host`.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// Besides those of this machine for itself; `None` lets all names pass.
    further: Option<Vec<String>>,
}

impl Hosts {
    /// Those of a server that listens at `address`. Where other machines can reach it, and no list is given, any name will do.
    pub(crate) fn new(settings: &Settings, address: SocketAddr) -> Self {
        let listed = &settings.allowed_hosts;
        let any = listed.iter().any(|host| host == "*") || (listed.is_empty() && !address.ip().is_loopback());
        let names = || listed.iter().chain([&settings.host]).cloned().collect();
        Self { further: (!any).then(names) }
    }

    /// Whether all names in the head of a request are among them. Who says none is no browser.
    ///
    /// # Errors
    /// 403 with the name.
    fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(further) = &self.further else { return Ok(()) };
        let given = headers.get_all(header::HOST).iter().map(|host| String::from_utf8_lossy(host.as_bytes()));
        let mut given = given.chain(uri.authority().map(|authority| authority.as_str().into()));
        match given.find(|host| !allowed(host, further)) {
            None => Ok(()),
            Some(host) => Err(ApiError::new(
                StatusCode::FORBIDDEN,
                format!("the server is not asked for as `{host}`; if it is to be, start it with --allow-host"),
            )
            .code("host_not_allowed")),
        }
    }
}

/// Whether a name, with or without a port, is one of this machine for itself or one of `further`.
fn allowed(host: &str, further: &[String]) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        || further.iter().any(|known| bare.eq_ignore_ascii_case(known.trim_start_matches('[').trim_end_matches(']')))
}

/// Refuses requests to another name.
pub(crate) async fn require_host(State(app): State<Shared>, request: Request, next: Next) -> Response {
    match app.hosts.check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    /// Which of `hosts` a server bound to `address` answers.
    fn answered(address: &str, listed: &[&str], hosts: &[&'static str]) -> Vec<&'static str> {
        let settings = Settings {
            host: "my-machine".into(),
            allowed_hosts: listed.iter().map(|&host| host.into()).collect(),
            ..Settings::default()
        };
        let known = Hosts::new(&settings, address.parse().expect("an address"));
        let passes = |host: &&'static str| {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            let by_header = known.check(&Uri::from_static("/health"), &headers).is_ok();
            let uri = format!("http://{host}/health").parse::<Uri>();
            assert!(uri.is_err() || by_header == known.check(&uri.expect("checked"), &HeaderMap::new()).is_ok());
            by_header
        };
        hosts.iter().copied().filter(passes).collect()
    }

    const OWN: [&str; 7] =
        ["localhost", "LocalHost:8080", "127.0.0.1:80", "127.1.2.3", "[::1]", "[::1]:8080", "my-machine:8080"];
    const OTHERS: [&str; 8] = [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "",
        "a b",
        "[::2]",
    ];

    #[test]
    fn on_loopback_only_the_names_of_this_machine_are_answered() {
        assert_eq!(answered("127.0.0.1:8080", &[], &OWN), OWN);
        assert_eq!(answered("[::1]:8080", &[], &OWN), OWN);
        assert!(answered("127.0.0.1:8080", &[], &OTHERS).is_empty());
        assert!(
            Hosts::new(&Settings::default(), ([127, 0, 0, 1], 1).into())
                .check(&Uri::from_static("/health"), &HeaderMap::new())
                .is_ok()
        );
    }

    #[test]
    fn further_names_are_listed() {
        assert_eq!(answered("127.0.0.1:1", &["evil.example"], &OTHERS), OTHERS[..2]);
        assert_eq!(answered("127.0.0.1:1", &["*"], &OTHERS), OTHERS);
        assert_eq!(answered("0.0.0.0:1", &[], &OTHERS), OTHERS);
        assert_eq!(answered("0.0.0.0:1", &["10.0.0.1"], &OTHERS), ["10.0.0.1"]);
    }
}
