//! HTTPS for the loopback hub: a certificate that nobody trusts who was not told to.

mod certificate;

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use certificate::SelfSigned;

/// A name, the certificate of it, and what a server needs to use it.
pub(super) struct Identity {
    pub(super) host: String,
    /// The certificate as a client reads it.
    pub(super) pem: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// A new key for `host`, with a certificate signed by itself.
    pub(super) fn of(host: &str) -> io::Result<Self> {
        let SelfSigned { key, certificate } = SelfSigned::new(host)?;
        let pem = certificate::pem(&certificate);
        // named, and not the default of the process, which tests share
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(certificate)], PrivatePkcs8KeyDer::from(key).into())
            .map_err(io::Error::other)?;
        Ok(Self { host: host.to_owned(), pem, config: Arc::new(config) })
    }

    /// Takes a connection; the handshake happens with the first byte that is read.
    pub(super) fn meet(&self, stream: TcpStream) -> io::Result<StreamOwned<ServerConnection, TcpStream>> {
        let connection = ServerConnection::new(self.config.clone()).map_err(io::Error::other)?;
        Ok(StreamOwned::new(connection, stream))
    }
}
