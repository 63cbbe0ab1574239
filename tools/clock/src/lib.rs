//! The moved time, as the functions of the sandbox see it.
//!
//! The functions are the binaries that are deployed; nothing in them can be set to another time. So the sandbox preloads
//! this library into their processes (`LD_PRELOAD`), and `clock_gettime` is the one in here: the time of the machine, and
//! so many milliseconds more as stand in a file. The sandbox writes the file, and a running process sees it at once. Other
//! clocks than that of the day stay as they are: a wait of a second is one.

#[cfg(target_os = "linux")]
mod linux;
