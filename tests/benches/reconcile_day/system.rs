//! What the system knows of this process. Only Linux says it in this form.

use std::time::Duration;

/// The unit of processor time in `/proc`.
const TICK: Duration = Duration::from_millis(10);

/// The processor time of this process until now.
pub(crate) fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name of the program, in brackets, may have spaces. User time and system time are the 12th and 13th after it.
    let (_, after_name) = stat.rsplit_once(')').unwrap();
    let times = after_name.split_whitespace().skip(11).take(2);
    TICK * times.map(|ticks| ticks.parse::<u32>().unwrap()).sum()
}

/// The largest memory that this process has had: what a function is killed by.
pub(crate) fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.unwrap().trim().trim_end_matches("kB").trim();
    peak.parse().unwrap()
}
