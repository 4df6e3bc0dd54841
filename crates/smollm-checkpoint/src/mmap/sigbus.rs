//! Turns the SIGBUS of a mapped file cut short into one line on stderr and exit code 1.
//!
//! The handler may run in the middle of anything, so it only reads atomics, calls `write(2)` and `_exit(2)`, and allocates
//! and locks nothing. What it must know of each mapping stands in a fixed table that is written under a lock and read
//! without one. Process-wide state is what a signal handler is made of: this table, and the handler that was there before.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::error::{CheckpointError, OneLine};

/// How many files may be mapped at once.
const SLOTS: usize = 1024;

/// One watched address range and the line to print for it.
struct Slot {
    /// Odd while the slot is being changed (a sequence lock: a reader that sees it odd or changed looks elsewhere).
    version: AtomicUsize,
    start: AtomicUsize,
    /// One past the last byte; equal to `start` in a free slot.
    end: AtomicUsize,
    line: AtomicPtr<u8>,
    line_len: AtomicUsize,
}

static TABLE: [Slot; SLOTS] = [const {
    Slot {
        version: AtomicUsize::new(0),
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        line: AtomicPtr::new(std::ptr::null_mut()),
        line_len: AtomicUsize::new(0),
    }
}; SLOTS];

/// Held by whoever changes the table, and true once the handler is installed; the handler never takes it.
static WRITER: Mutex<bool> = Mutex::new(false);

/// Whether a thread is already writing its last line.
static SPOKEN: AtomicBool = AtomicBool::new(false);

/// What handled SIGBUS before us; set before our handler is installed.
static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

/// Keeps one range in the table; dropped, the range is forgotten.
pub(super) struct Watch {
    slot: &'static Slot,
    /// The line the slot points to. Freed after the slot is cleared, and the mapping outlives neither.
    _line: Box<[u8]>,
}

/// Watches `map`, the mapping of `path`; the first call installs the handler.
pub(super) fn watch(map: &[u8], path: &Path) -> Result<Watch, CheckpointError> {
    let io = |error| CheckpointError::io(path, "map", error);
    let mut installed = WRITER.lock().unwrap_or_else(PoisonError::into_inner);
    if !*installed {
        install().map_err(io)?;
        *installed = true;
    }
    let free = |slot: &&Slot| slot.end.load(Ordering::Relaxed) == slot.start.load(Ordering::Relaxed);
    let slot = TABLE.iter().find(free).ok_or_else(|| {
        io(std::io::Error::new(std::io::ErrorKind::OutOfMemory, format!("{SLOTS} model files are mapped already")))
    })?;
    let line = format!("error: {} was truncated while in use; restore the file and run again\n", OneLine(path));
    let line = line.into_bytes().into_boxed_slice();
    let start = map.as_ptr() as usize;
    slot.set(start, start + map.len(), line.as_ptr(), line.len());
    Ok(Watch { slot, _line: line })
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _writer = WRITER.lock().unwrap_or_else(PoisonError::into_inner);
        self.slot.set(0, 0, std::ptr::null(), 0);
    }
}

impl Slot {
    /// Changes the slot; the caller holds `WRITER`.
    fn set(&self, start: usize, end: usize, line: *const u8, line_len: usize) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        self.start.store(start, Ordering::Relaxed);
        self.end.store(end, Ordering::Relaxed);
        self.line.store(line.cast_mut(), Ordering::Relaxed);
        self.line_len.store(line_len, Ordering::Relaxed);
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// The line of this slot if `address` is in its range. A slot that changes during the look is not the one: the range
    /// that faulted is borrowed by the thread that faulted, so its slot stands still.
    fn line_for(&self, address: usize) -> Option<(*const u8, usize)> {
        let version = self.version.load(Ordering::Acquire);
        let range = self.start.load(Ordering::Relaxed)..self.end.load(Ordering::Relaxed);
        let line = (self.line.load(Ordering::Relaxed).cast_const(), self.line_len.load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        let stood_still = version.is_multiple_of(2) && version == self.version.load(Ordering::Relaxed);
        (stood_still && range.contains(&address)).then_some(line)
    }
}

/// Installs [`on_sigbus`] and remembers the handler it replaces; the caller holds `WRITER`.
fn install() -> std::io::Result<()> {
    // SAFETY: `sigaction` is plain data for which all zeros is a valid value; both calls get valid pointers to it, and
    // `on_sigbus` has the signature that SA_SIGINFO asks for.
    unsafe {
        let mut previous: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGBUS, std::ptr::null(), &mut previous) != 0 {
            return Err(std::io::Error::last_os_error());
        }
        // Stored first: our handler may run from the moment it is installed.
        let _ = PREVIOUS.set(previous);
        let mut ours: libc::sigaction = std::mem::zeroed();
        let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_sigbus;
        ours.sa_sigaction = handler as usize;
        // On the alternate stack where the thread has one (threads of std do).
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigemptyset(&mut ours.sa_mask);
        if libc::sigaction(libc::SIGBUS, &ours, std::ptr::null_mut()) != 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    Ok(())
}

/// The handler: our own ranges end the program with their line, everything else goes to whoever was there before.
extern "C" fn on_sigbus(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid `siginfo_t` to an SA_SIGINFO handler; for SIGBUS it carries an address.
    let (address, code) = unsafe { ((*info).si_addr() as usize, (*info).si_code) };
    // A signal sent by `kill` has no address (its code is 0 or negative).
    if code > 0 {
        for slot in &TABLE {
            if let Some((line, len)) = slot.line_for(address) {
                // SAFETY: the line belongs to the `Watch` of the mapping that faulted, which is alive: the thread in
                // which we run borrows it. `write` and `_exit` may be called from a signal handler.
                unsafe {
                    // Several threads read a model at once; the first to fault speaks for all and ends the process.
                    while SPOKEN.swap(true, Ordering::AcqRel) {
                        libc::pause();
                    }
                    let _ = libc::write(libc::STDERR_FILENO, line.cast(), len);
                    libc::_exit(1);
                }
            }
        }
    }
    // SAFETY: as above for `info` and `context`, which are passed on unchanged.
    unsafe { pass_on(signal, info, context, code) };
}

/// Gives a SIGBUS that is not ours to the previous handler, or to the default action.
///
/// # Safety
/// The arguments must be those of the running signal handler.
unsafe fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void, code: libc::c_int) {
    let Some(previous) = PREVIOUS.get() else { return };
    match previous.sa_sigaction {
        libc::SIG_IGN if code <= 0 => {}
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: `previous` came from `sigaction`. With it back in place, returning repeats the faulting instruction,
            // which then ends the program; a signal that was sent is sent again and delivered on return.
            unsafe {
                libc::sigaction(libc::SIGBUS, previous, std::ptr::null_mut());
                if code <= 0 {
                    libc::raise(signal);
                }
            }
        }
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: a handler registered with SA_SIGINFO has this signature.
            let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: a handler registered without SA_SIGINFO has this signature.
            let handler: extern "C" fn(libc::c_int) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
    }
}
