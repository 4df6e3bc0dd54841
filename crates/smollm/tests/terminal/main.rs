//! The terminal chat with a scripted conversation: over streams, and on a real pseudo-terminal.

mod lines;
#[cfg(unix)]
mod picture;
#[cfg(unix)]
mod pty;
#[cfg(unix)]
mod screen;
mod scripted;
#[cfg(unix)]
mod svg;
