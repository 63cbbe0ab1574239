//! Our private key: made by us, or issued by Tiki in one of several forms (protocol §7).

use russh::keys::{Error as KeyError, PrivateKey, decode_secret_key};

/// The text is not a private key that can be used. The cause is dropped, because it might quote a part of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPrivateKey {
    /// A passphrase protects it, and nobody is there to type it.
    #[error(
        "the private key has a passphrase: remove it (ssh-keygen -p, or puttygen with an empty passphrase)"
    )]
    HasPassphrase,
    /// The other half of the pair.
    #[error("this is a public key: the secret needs the private one of the same pair")]
    IsPublic,
    /// A form that is not read.
    #[error(
        "the private key is in none of these forms: OpenSSH, PEM (PKCS#1 or PKCS#8), PuTTY (.ppk)"
    )]
    UnknownForm,
}

/// Reads a private key in OpenSSH's, PEM's or `PuTTY`'s form.
pub(super) fn read(text: &str) -> Result<PrivateKey, BadPrivateKey> {
    let text = text.trim();
    let public = [
        "ssh-",
        "ecdsa-",
        "---- BEGIN SSH2 PUBLIC",
        "-----BEGIN PUBLIC",
    ];
    if public.iter().any(|begin| text.starts_with(begin)) {
        return Err(BadPrivateKey::IsPublic);
    }
    let putty_passphrase = text
        .lines()
        .filter_map(|line| line.strip_prefix("Encryption:"))
        .any(|encryption| encryption.trim() != "none");
    let pem_passphrase = text.contains("ENCRYPTED");
    if putty_passphrase || pem_passphrase {
        return Err(BadPrivateKey::HasPassphrase);
    }
    match decode_secret_key(text, None) {
        Ok(key) if key.is_encrypted() => Err(BadPrivateKey::HasPassphrase),
        Ok(key) => Ok(key),
        Err(KeyError::KeyIsEncrypted) => Err(BadPrivateKey::HasPassphrase),
        Err(_) => Err(BadPrivateKey::UnknownForm),
    }
}
