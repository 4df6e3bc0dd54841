//! Which web pages may use the server: those whose origin is on the list, and no others.

use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// The layer for a list of origins; without any, browsers let no page of another origin read an answer. An entry that is no header
/// value matches nothing.
pub(crate) fn cors(origins: &[String]) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(["x-request-id", crate::body::IGNORED_HEADER].map(HeaderName::from_static));
    if origins.iter().any(|origin| origin == "*") {
        return layer.allow_origin(AllowOrigin::any());
    }
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin.trim_end_matches('/')).ok());
    layer.allow_origin(AllowOrigin::list(origins))
}
