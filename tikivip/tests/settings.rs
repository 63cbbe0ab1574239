//! A file of settings, given to the real command.

use std::process::Command;

#[test]
fn a_foreign_variable_does_not_reach_a_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    let settings = r#"{"TIKI_CLIENT_ID":"client","LD_PRELOAD":"/tmp/other-code.so"}"#;
    std::fs::write(&file, settings).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tikivip"))
        .env_clear()
        .arg("--settings")
        .arg(&file)
        // It needs no settings, so only the file can be what is refused.
        .args(["completions", "bash"])
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(output.stdout.is_empty());
    assert!(error.contains("LD_PRELOAD, which is no setting"), "{error}");
    assert!(!error.contains("other-code"), "{error}");
}
