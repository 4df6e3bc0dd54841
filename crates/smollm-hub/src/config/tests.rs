//! The environment, read as `huggingface_hub` reads it.

use super::*;

fn from(variables: &[(&str, &str)]) -> HubConfig {
    let get = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    HubConfig::from_variables(&get, Some(PathBuf::from("/home/u")))
}

#[test]
fn where_the_cache_is() {
    for (variables, expected) in [
        (&[][..], "/home/u/.cache/huggingface/hub"),
        (&[("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
        (&[("HF_HOME", "/hf"), ("XDG_CACHE_HOME", "/x")], "/hf/hub"),
        (&[("HF_HOME", "~/hf")], "/home/u/hf/hub"),
        (&[("HF_HUB_CACHE", "/c"), ("HF_HOME", "/hf")], "/c"),
        (&[("HUGGINGFACE_HUB_CACHE", "/old"), ("HF_HOME", "/hf")], "/old"),
        (&[("HF_HUB_CACHE", ""), ("HF_HOME", "/hf")], "/hf/hub"),
    ] {
        assert_eq!(from(variables).cache, PathBuf::from(expected), "{variables:?}");
    }
}

#[test]
fn endpoint_and_switches() {
    let plain = from(&[]);
    assert_eq!(plain.endpoint, "https://huggingface.co");
    assert!(!plain.offline && plain.symlinks && plain.root_certificates.is_none());
    assert_eq!(from(&[("HF_ENDPOINT", "https://hub.example/x/")]).endpoint, "https://hub.example/x");
    for (value, offline) in [("1", true), ("true", true), ("ON", true), ("0", false), ("no", false), ("", false)] {
        assert_eq!(from(&[("HF_HUB_OFFLINE", value)]).offline, offline, "{value}");
    }
    assert!(from(&[("TRANSFORMERS_OFFLINE", "yes")]).offline);
    assert!(!from(&[("HF_HUB_DISABLE_SYMLINKS", "1")]).symlinks);
    assert_eq!(from(&[("HF_HUB_DOWNLOAD_TIMEOUT", "3")]).read_timeout, Duration::from_secs(3));
    assert_eq!(from(&[("SSL_CERT_FILE", "/ca.pem")]).root_certificates, Some(PathBuf::from("/ca.pem")));
}

#[test]
fn where_the_token_comes_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, " hf_file \n").expect("written");
    let home = folder.path().to_str().expect("text");
    let source = |variables: &[(&str, &str)]| from(variables).token.map(|token| (token.value, token.source));
    assert_eq!(source(&[("HF_HOME", home)]), Some(("hf_file".to_owned(), file.display().to_string())));
    assert_eq!(
        source(&[("HF_HOME", home), ("HF_TOKEN", "hf_env")]),
        Some(("hf_env".to_owned(), "HF_TOKEN".to_owned()))
    );
    assert_eq!(source(&[("HF_HOME", home), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
    assert_eq!(source(&[("HF_HOME", home), ("HF_TOKEN_PATH", "/no/such/file")]), None);
    assert_eq!(source(&[("HF_HOME", "/no/such/folder")]), None);
}

#[test]
fn the_token_is_never_printed() {
    let config = from(&[("HF_TOKEN", "hf_secret")]);
    assert!(!format!("{config:?}").contains("hf_secret"));
}
