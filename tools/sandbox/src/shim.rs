//! Ends a function's process when the sandbox dies, in whatever way it dies.
//!
//! The sandbox starts this shim, which is in the same executable. The shim asks the kernel for a signal at its
//! parent's death, and then replaces itself with the function's binary.

use std::ffi::OsString;

/// The hidden first argument that starts the shim.
pub const ARGUMENT: &str = "__function";

/// Replaces this process with the function. The arguments are the parent's process id and the path of the binary.
/// Returns only an error.
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
    // The parent may have died before this request.
    let now = getppid().map(rustix::process::Pid::as_raw_nonzero);
    if now.is_some_and(|pid| pid.get() == parent) {
        Ok(())
    } else {
        Err("the sandbox has ended".to_owned())
    }
}

/// On other systems a function ends when its next poll of the Runtime API fails.
#[cfg(not(target_os = "linux"))]
fn die_with(_parent: i32) -> Result<(), String> {
    Ok(())
}
