//! `clock_gettime` on Linux. It can be called at any moment of a process: it takes no lock and allocates nothing.

#![expect(
    unsafe_code,
    reason = "what stands in for a function of libc is called by its address, and calls the kernel as libc does"
)]

use std::sync::atomic::{AtomicI32, Ordering};

use libc::{c_int, clockid_t, timespec};

/// The variable with the path of the file: how far the time is ahead, in milliseconds, as eight bytes, the lowest first.
const VARIABLE: &std::ffi::CStr = c"SANDBOX_CLOCK_FILE";

const NOT_OPENED_YET: c_int = -2;
const NONE: c_int = -1;

/// The open file, or one of the two above.
static FILE: AtomicI32 = AtomicI32::new(NOT_OPENED_YET);

/// libc's function of this name.
///
/// # Safety
///
/// As libc's: `at` is valid for a write, or the kernel refuses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, at: *mut timespec) -> c_int {
    // SAFETY: the kernel checks the address before it writes there.
    let result = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, at) };
    if result == 0 && matches!(clock, libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE) {
        // SAFETY: the kernel has just written there.
        let at = unsafe { &mut *at };
        *at = later(*at, ahead_ms());
    }
    c_int::try_from(result).unwrap_or(-1)
}

fn later(at: timespec, ms: i64) -> timespec {
    let nanoseconds = at.tv_nsec + ms % 1_000 * 1_000_000;
    timespec {
        tv_sec: at.tv_sec + ms / 1_000 + nanoseconds / 1_000_000_000,
        tv_nsec: nanoseconds % 1_000_000_000,
    }
}

/// How far the time is ahead. Without the file it is not.
fn ahead_ms() -> i64 {
    let file = match FILE.load(Ordering::Acquire) {
        NOT_OPENED_YET => open(),
        file => file,
    };
    if file < 0 {
        return 0;
    }
    let mut bytes = [0_u8; 8];
    // SAFETY: the address and the length are those of the array.
    let read = unsafe { libc::pread(file, bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if read == 8 {
        i64::from_le_bytes(bytes).max(0)
    } else {
        0
    }
}

/// Opens the file. If several threads do it at once, they keep one.
fn open() -> c_int {
    // SAFETY: the name ends with a null byte. The sandbox's functions do not change their environment.
    let path = unsafe { libc::getenv(VARIABLE.as_ptr()) };
    let opened = if path.is_null() {
        NONE
    } else {
        // SAFETY: a value of the environment ends with a null byte.
        unsafe { libc::open(path, libc::O_RDONLY | libc::O_CLOEXEC) }
    };
    let kept = FILE.compare_exchange(NOT_OPENED_YET, opened, Ordering::AcqRel, Ordering::Acquire);
    match kept {
        Ok(_) => opened,
        Err(others) => {
            if opened >= 0 {
                // SAFETY: it was opened here, and nobody else has it.
                unsafe { libc::close(opened) };
            }
            others
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_time_carries_its_nanoseconds() {
        for (seconds, nanoseconds, ms, expected) in [
            (10, 5, 0, (10, 5)),
            (10, 5, 7_200_000, (7_210, 5)),
            (10, 999_000_000, 1, (11, 0)),
            (10, 999_999_999, 1_999, (12, 998_999_999)),
        ] {
            let at = timespec {
                tv_sec: seconds,
                tv_nsec: nanoseconds,
            };
            let at = later(at, ms);
            assert_eq!((at.tv_sec, at.tv_nsec), expected, "{ms}");
        }
    }

    #[test]
    fn without_the_file_no_time_is_ahead() {
        assert_eq!(ahead_ms(), 0);
    }
}
