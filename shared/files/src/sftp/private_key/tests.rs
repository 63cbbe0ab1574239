use std::process::Command;

use super::*;

/// A private key that `ssh-keygen` makes. Without `ssh-keygen` a test is skipped with a message, and fails in CI.
fn made(kind: &str, form: &str, passphrase: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-m", form, "-N", passphrase, "-f"])
        .arg(&key)
        .status();
    match made {
        Ok(status) => assert!(status.success(), "ssh-keygen -t {kind} -m {form}"),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "ssh-keygen: {error}");
            eprintln!("NOT TESTED: ssh-keygen: {error}; run: apt-get install openssh-client");
            return None;
        }
    }
    Some(std::fs::read_to_string(key).unwrap())
}

/// Tiki may issue the key, in one of several forms.
#[test]
fn a_key_is_read_in_each_usual_form() {
    for (kind, form) in [
        ("ed25519", "RFC4716"),
        ("ecdsa", "RFC4716"),
        ("ecdsa", "PKCS8"),
        ("ecdsa", "PEM"),
    ] {
        let Some(key) = made(kind, form, "") else {
            return;
        };
        assert!(read(&key).is_ok(), "{kind} {form}: {:?}", read(&key));
        let key = made(kind, form, "secret").unwrap();
        let refused = read(&key).unwrap_err();
        assert_eq!(refused, BadPrivateKey::HasPassphrase, "{kind} {form}");
    }
}

/// The crate `rsa` does not sign in constant time (RUSTSEC-2023-0071). deny.toml accepts it because of this test.
#[test]
fn an_rsa_key_is_refused_in_each_form() {
    for form in ["RFC4716", "PKCS8", "PEM"] {
        let Some(key) = made("rsa", form, "") else {
            return;
        };
        assert_eq!(read(&key).unwrap_err(), BadPrivateKey::IsRsa, "{form}");
    }
    // With a passphrase too, where the first line shows the kind of the key.
    let key = made("rsa", "PEM", "secret").unwrap();
    assert_eq!(read(&key).unwrap_err(), BadPrivateKey::IsRsa);
    let putty = "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: aes256-cbc\n";
    assert_eq!(read(putty).unwrap_err(), BadPrivateKey::IsRsa);
    let text = BadPrivateKey::IsRsa.to_string();
    assert!(text.contains("ssh-keygen -t ed25519"), "{text}");
}

#[test]
fn what_is_no_private_key_is_refused() {
    for (text, problem) in [
        ("ssh-ed25519 AAAA", BadPrivateKey::IsPublic),
        ("ssh-rsa AAAA", BadPrivateKey::IsPublic),
        ("no key at all", BadPrivateKey::UnknownForm),
        ("", BadPrivateKey::UnknownForm),
        (
            "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: aes256-cbc\n",
            BadPrivateKey::HasPassphrase,
        ),
    ] {
        assert_eq!(read(text).unwrap_err(), problem, "{text}");
    }
}
