//! The smallest certificate that a TLS client takes: X.509 version 3 (RFC 5280, section 4.1), one name, signed by its own key.
//!
//! By hand, because the crate that makes certificates brings twenty others; `ring` is what HTTPS stands on here anyway.

use std::io;

use base64::Engine as _;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT: u8 = 0x06;
const UTF8: u8 = 0x0C;
const TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

// Object identifiers in DER (RFC 5280, RFC 5480).
const ECDSA_WITH_SHA256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2];
const EC_PUBLIC_KEY: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1];
const P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1D, 17];

/// A key and the certificate of it, both in DER.
pub(super) struct SelfSigned {
    /// In PKCS#8.
    pub(super) key: Vec<u8>,
    pub(super) certificate: Vec<u8>,
}

impl SelfSigned {
    /// For the DNS name `host`, valid from 2020 to 2100.
    pub(super) fn new(host: &str) -> io::Result<Self> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let refused = |_| io::Error::other("ring makes no key");
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(refused)?.as_ref().to_vec();
        let pair =
            EcdsaKeyPair::from_pkcs8(algorithm, &key, &random).map_err(|error| io::Error::other(error.to_string()))?;
        let to_be_signed = to_be_signed(host, pair.public_key().as_ref());
        let signature = pair.sign(&random, &to_be_signed).map_err(refused)?;
        let certificate = sequence(&[to_be_signed, signed_with(), bits(signature.as_ref())]);
        Ok(Self { key, certificate })
    }
}

/// A certificate in PEM.
pub(super) fn pem(certificate: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..(at + 64).min(text.len())]).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

fn to_be_signed(host: &str, public_key: &[u8]) -> Vec<u8> {
    let name =
        sequence(&[value(SET, &sequence(&[value(OBJECT, COMMON_NAME), value(UTF8, b"the loopback hub of a test")]))]);
    let validity = sequence(&[value(TIME, b"20200101000000Z"), value(TIME, b"21000101000000Z")]);
    let key = sequence(&[sequence(&[value(OBJECT, EC_PUBLIC_KEY), value(OBJECT, P256)]), bits(public_key)]);
    let names = sequence(&[value(0x82, host.as_bytes())]); // [2]: a DNS name
    let extensions = sequence(&[sequence(&[value(OBJECT, SUBJECT_ALT_NAME), value(OCTET_STRING, &names)])]);
    sequence(&[
        value(0xA0, &value(INTEGER, &[2])), // [0]: version 3 is written as 2
        value(INTEGER, &[1]),               // the serial number
        signed_with(),
        name.clone(), // of who signs
        validity,
        name,
        key,
        value(0xA3, &extensions), // [3]
    ])
}

fn signed_with() -> Vec<u8> {
    sequence(&[value(OBJECT, ECDSA_WITH_SHA256)])
}

/// Whole bytes as a string of bits: none of the last byte is unused.
fn bits(bytes: &[u8]) -> Vec<u8> {
    value(BIT_STRING, &[&[0], bytes].concat())
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    value(SEQUENCE, &parts.concat())
}

/// Tag, length and content (X.690, section 8.1); contents are shorter than 64 KiB.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).expect("a certificate is short").to_be_bytes();
    let length: &[u8] = match (high, low) {
        (0, 0..128) => &[low],
        (0, _) => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], length, content].concat()
}
