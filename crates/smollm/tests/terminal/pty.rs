//! A program in a pseudo-terminal, and what its screen shows.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// After this the awaited text is not coming; no correct run comes near it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that runs in a pseudo-terminal.
pub(crate) struct Session {
    child: Child,
    terminal: File,
    output: Receiver<Vec<u8>>,
    bytes: Vec<u8>,
    prompts: usize,
    emulator: vt100::Parser,
    _home: tempfile::TempDir,
}

impl Session {
    /// This test binary, as the program of `screen::inside`.
    pub(crate) fn start(variables: &[(&str, &str)], rows: u16, columns: u16) -> Self {
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.args(["--exact", "screen::inside", "--nocapture", "--test-threads=1"]);
        Self::of(program, variables, rows, columns)
    }

    /// A program, with a home of its own and in colours unless the variables say otherwise.
    pub(crate) fn of(mut program: Command, variables: &[(&str, &str)], rows: u16, columns: u16) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let inner = File::from(open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap());
        let home = tempfile::tempdir().unwrap();
        tcsetwinsize(&terminal, size(rows, columns)).unwrap();
        let stdio = || Stdio::from(inner.try_clone().unwrap());
        program.env("HOME", home.path()).env("XDG_DATA_HOME", home.path()).env("TERM", "xterm-256color");
        program.env_remove("NO_COLOR").envs(variables.iter().copied());
        let child = program.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
        drop(program); // it has copies of the terminal
        drop(inner);
        let terminal = File::from(terminal);
        let (send, output) = channel();
        let mut reader = terminal.try_clone().unwrap();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            // Reading fails once the program has ended.
            while let Ok(read @ 1..) = reader.read(&mut piece) {
                if send.send(piece[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        let dimension = |n| NonZeroU16::new(n).unwrap();
        let emulator = vt100::Parser::new(dimension(rows), dimension(columns), 1000);
        Self { child, terminal, output, bytes: Vec::new(), prompts: 0, emulator, _home: home }
    }

    pub(crate) fn send(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn resize(&mut self, rows: u16, columns: u16) {
        let dimension = |n| NonZeroU16::new(n).unwrap();
        self.emulator.screen_mut().set_size(dimension(rows), dimension(columns));
        tcsetwinsize(&self.terminal, size(rows, columns)).unwrap();
    }

    /// All bytes written so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the terminal shows, with its styles.
    pub(crate) fn cells(&self) -> &vt100::Screen {
        self.emulator.screen()
    }

    /// The screen now, rows without trailing blanks.
    pub(crate) fn screen(&self) -> String {
        let screen = self.emulator.screen();
        let (_, columns) = screen.size();
        screen.rows(0, columns.get()).map(|row| row.trim_end().to_owned() + "\n").collect()
    }

    #[track_caller]
    fn wait_until(&mut self, what: &str, met: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !met(self) {
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(piece) => {
                    self.emulator.process(&piece);
                    self.bytes.extend(piece);
                }
                Err(_) => panic!("{what:?} never came; the screen:\n{}", self.screen()),
            }
        }
    }

    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait_until(text, |session| session.screen().contains(text));
    }

    #[track_caller]
    pub(crate) fn wait_for_times(&mut self, text: &str, times: usize) {
        self.wait_until(text, |session| session.screen().matches(text).count() >= times);
    }

    /// Waits for the next prompt and types there.
    #[track_caller]
    pub(crate) fn prompt(&mut self, keys: &str) {
        // The line editor asks for bracketed paste at the start of each prompt.
        const START: &[u8] = b"\x1b[?2004h";
        self.prompts += 1;
        let starts = |bytes: &[u8]| bytes.windows(START.len()).filter(|bytes| *bytes == START).count();
        self.wait_until("a prompt", |session| starts(&session.bytes) >= session.prompts);
        self.send(keys);
    }

    /// Waits for text that may be folded at the edge of the screen.
    #[track_caller]
    pub(crate) fn wait_for_unwrapped(&mut self, text: &str) {
        self.wait_until(text, |session| session.screen().replace('\n', "").contains(text));
    }

    #[track_caller]
    pub(crate) fn wait_for_rows(&mut self, rows: &[&str]) {
        let rows = rows.join("\n") + "\n";
        self.wait_until(&rows, |session| session.screen().contains(&rows));
    }

    /// Whether the row that begins with `text` is dim.
    pub(crate) fn is_dim(&self, text: &str) -> bool {
        let row = self.screen().lines().position(|line| line.starts_with(text)).unwrap();
        self.emulator.screen().cell(row.try_into().unwrap(), 0).unwrap().dim()
    }

    pub(crate) fn has_colours(&self) -> bool {
        let screen = self.emulator.screen();
        let (rows, columns) = screen.size();
        let mut cells =
            (0..rows.get()).flat_map(|row| (0..columns.get()).filter_map(move |column| screen.cell(row, column)));
        cells.any(|cell| cell.fgcolor() != vt100::Color::Default)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}
