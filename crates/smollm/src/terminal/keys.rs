//! The keyboard while an answer is being written: Ctrl-C stops the answer, other text is kept for the
//! next prompt.
//!
//! The terminal is in raw mode meanwhile, so that typed text does not mix with the answer, and Ctrl-C
//! arrives as a key instead of a signal: the same on every system, without a signal handler.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal;

/// Presses of Ctrl-C after which the program ends, should the model not stop when asked.
const INSISTENT: usize = 3;
/// How long a key may wait.
const PATIENCE: Duration = Duration::from_millis(20);

/// Watches the keyboard from its start to [`Keys::finish`].
pub(crate) struct Keys {
    stops: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    watch: Option<JoinHandle<String>>,
}

impl Keys {
    pub(crate) fn start() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let (stops, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let watch = {
            let (stops, over) = (Arc::clone(&stops), Arc::clone(&over));
            thread::spawn(move || watch(&stops, &over))
        };
        Ok(Self { stops, over, watch: Some(watch) })
    }

    /// True after Ctrl-C.
    pub(crate) fn stopped(&self) -> bool {
        self.stops.load(Ordering::Relaxed) > 0
    }

    /// Ends the watch and returns what was typed.
    pub(crate) fn finish(mut self) -> String {
        self.end()
    }

    fn end(&mut self) -> String {
        self.over.store(true, Ordering::Relaxed);
        let typed = self.watch.take().and_then(|watch| watch.join().ok()).unwrap_or_default();
        // A terminal that cannot be set back is gone: nothing is left to do about it.
        let _ = terminal::disable_raw_mode();
        typed
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if self.watch.is_some() {
            self.end();
        }
    }
}

fn watch(stops: &AtomicUsize, over: &AtomicBool) -> String {
    let mut typed = String::new();
    while let Ok(waiting) = event::poll(PATIENCE) {
        if !waiting {
            if over.load(Ordering::Relaxed) {
                break;
            }
            continue;
        }
        match event::read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                if is_stop(&key) {
                    typed.clear();
                    if stops.fetch_add(1, Ordering::Relaxed) + 1 >= INSISTENT {
                        let _ = terminal::disable_raw_mode();
                        std::process::exit(130);
                    }
                } else {
                    take(&key, &mut typed);
                }
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    typed
}

fn is_stop(key: &KeyEvent) -> bool {
    key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL)
}

/// Adds what a key types. Enter becomes a line break: nothing is sent before it was seen.
fn take(key: &KeyEvent, typed: &mut String) {
    match key.code {
        KeyCode::Char(c) if !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => typed.push(c),
        KeyCode::Enter if !typed.is_empty() => typed.push('\n'),
        KeyCode::Backspace => {
            typed.pop();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_typed_ahead() {
        let mut typed = String::new();
        let key = |code, modifiers| KeyEvent::new(code, modifiers);
        let plain = KeyModifiers::NONE;
        for code in [KeyCode::Enter, KeyCode::Char('h'), KeyCode::Char('x'), KeyCode::Backspace, KeyCode::Char('é')] {
            take(&key(code, plain), &mut typed);
        }
        take(&key(KeyCode::Enter, plain), &mut typed);
        take(&key(KeyCode::Char('u'), KeyModifiers::CONTROL), &mut typed);
        take(&key(KeyCode::Up, plain), &mut typed);
        assert_eq!(typed, "hé\n");
        assert!(is_stop(&key(KeyCode::Char('c'), KeyModifiers::CONTROL)));
        assert!(!is_stop(&key(KeyCode::Char('c'), plain)));
    }
}
