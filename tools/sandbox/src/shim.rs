//! No orphans: a function's process dies with the sandbox, however the sandbox dies.
//!
//! The sandbox does not start a function's binary itself but this shim, in the same executable, which asks
//! the kernel for a signal at its parent's death and then becomes the function.

use std::ffi::OsString;

/// The hidden first argument that makes the sandbox's executable a shim.
pub const ARGUMENT: &str = "__function";

/// Becomes the function: the parent's process id, and the path of the binary. Returns only if it cannot.
#[must_use]
pub fn become_function(mut arguments: impl Iterator<Item = OsString>) -> String {
    let parent = arguments
        .next()
        .and_then(|pid| pid.to_str()?.parse::<i32>().ok());
    let (Some(parent), Some(binary)) = (parent, arguments.next()) else {
        return "the shim needs a process id and a binary".to_owned();
    };
    if let Err(error) = die_with(parent) {
        return error;
    }
    let error = std::os::unix::process::CommandExt::exec(&mut std::process::Command::new(&binary));
    format!("cannot run {}: {error}", binary.display())
}

#[cfg(target_os = "linux")]
fn die_with(parent: i32) -> Result<(), String> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| error.to_string())?;
    // The parent may have died before we asked.
    let now = getppid().map(rustix::process::Pid::as_raw_nonzero);
    if now.is_some_and(|pid| pid.get() == parent) {
        Ok(())
    } else {
        Err("the sandbox is gone".to_owned())
    }
}

/// Elsewhere a function ends when its Runtime API does: its next poll fails.
#[cfg(not(target_os = "linux"))]
fn die_with(_parent: i32) -> Result<(), String> {
    Ok(())
}
