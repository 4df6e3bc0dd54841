//! Recognises the wrong kind of file by its first bytes, so that the message can say what to do about it.

const LFS_POINTER: &str = "a Git LFS pointer; run `git lfs pull`, or fetch the file itself";
const PICKLE: &str = "it looks like a PyTorch pickle or ZIP archive; save the model as safetensors first";
const HTML: &str = "it looks like a web page; fetch the file itself (the download link, not the page)";

/// What a file that should be safetensors is instead, if its first bytes say so. The length field may look like anything, so
/// a file whose header begins with a brace is never something else.
pub(crate) fn other_than_safetensors(bytes: &[u8]) -> Option<&'static str> {
    if bytes.get(8) == Some(&b'{') {
        None
    } else if bytes.starts_with(b"GGUF") {
        Some("it is a GGUF file; name it *.gguf")
    } else {
        other(bytes)
    }
}

/// What a file that should be GGUF is instead, if its first bytes say so.
pub(crate) fn other_than_gguf(bytes: &[u8]) -> Option<&'static str> {
    // ggml's formats before GGUF, in the order their bytes stand in the file.
    if [b"lmgg", b"fmgg", b"tjgg", b"algg"].iter().any(|magic| bytes.starts_with(*magic)) {
        return Some("it is a ggml file from before GGUF; convert it with an older llama.cpp");
    }
    if bytes.get(8) == Some(&b'{') { Some("it looks like a safetensors file") } else { other(bytes) }
}

fn other(bytes: &[u8]) -> Option<&'static str> {
    let starts =
        |prefix: &str| bytes.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()));
    if starts("version https://git-lfs") {
        Some(LFS_POINTER)
    } else if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
        Some(PICKLE)
    } else if starts("<!doctype") || starts("<html") {
        Some(HTML)
    } else {
        None
    }
}
