//! Where a user's saved chats and input history live.

use std::env;
use std::path::PathBuf;

/// The folder for this program's user data: `$XDG_DATA_HOME/smollm` or `~/.local/share/smollm`, on
/// macOS `~/Library/Application Support/smollm`, on Windows `%APPDATA%\smollm`. `None` without a home.
pub(crate) fn data() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(windows) {
        absolute("APPDATA")
    } else if cfg!(target_os = "macos") {
        absolute("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
    };
    base.map(|base| base.join("smollm"))
}

/// Where chats are saved, if nothing else is asked for; in the current directory without a home.
pub(crate) fn chats() -> PathBuf {
    data().unwrap_or_default().join("chat_history")
}
