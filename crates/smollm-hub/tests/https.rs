//! The hub by HTTPS: whose certificate is taken, and whose is not.

mod world;

use std::fs;

use smollm_hub::{Hub, HubError, Silent};
use smollm_testkit::loopback_hub::{LoopbackHub, stand_in_repos};
use world::{MODEL, ONE_GGUF, World, parse};

fn hub() -> LoopbackHub {
    LoopbackHub::start_tls(stand_in_repos(), "localhost").expect("loopback hub")
}

/// What fetching from `world`'s hub says where only the certificate of `trusted` counts, or those that are built in.
fn fetch(world: &World, trusted: Option<&LoopbackHub>, name: &str) -> Result<(), HubError> {
    let mut config = world.config();
    if let Some(trusted) = trusted {
        let path = world.cache().with_extension("pem");
        fs::write(&path, trusted.certificate().expect("a certificate")).expect("written");
        config.root_certificates = Some(path);
    }
    Hub::new(config).expect("a client").fetch(&parse(name), &Silent).map(drop)
}

#[test]
fn a_certificate_that_was_named_is_trusted() {
    let world = World::of(hub());
    fetch(&world, Some(&world.hub), MODEL).expect("small files and weights");
    fetch(&world, Some(&world.hub), ONE_GGUF).expect("from the second port");
    assert!(world.hub.endpoint().starts_with("https://localhost:"));
}

#[test]
fn any_other_is_refused() {
    let world = World::of(hub());
    let other = hub();
    for trusted in [None, Some(&other)] {
        let error = fetch(&world, trusted, MODEL).expect_err("not trusted");
        let shown = error.to_string();
        assert!(matches!(error, HubError::Unreachable { .. }), "{shown}");
        assert!(shown.contains("invalid peer certificate") && shown.contains("SSL_CERT_FILE"), "{shown}");
    }
    assert!(world.hub.requests().is_empty(), "nothing was asked of a stranger");
}

#[test]
fn a_certificate_of_another_name_is_refused() {
    let world = World::of(LoopbackHub::start_tls(stand_in_repos(), "elsewhere.example").expect("loopback hub"));
    let mut config = world.config();
    config.endpoint = config.endpoint.replace("elsewhere.example", "localhost");
    let path = world.cache().with_extension("pem");
    fs::write(&path, world.hub.certificate().expect("a certificate")).expect("written");
    config.root_certificates = Some(path);
    let error = Hub::new(config).expect("a client").fetch(&parse(MODEL), &Silent).expect_err("another name");
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
}
