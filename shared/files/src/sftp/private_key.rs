//! Our private key: made by us, or issued by Tiki in one of several forms (protocol §7).

use russh::keys::{Algorithm, Error as KeyError, PrivateKey, decode_secret_key};

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
    /// An RSA key. The crate that would sign with it does not do so in constant time (RUSTSEC-2023-0071).
    #[error(
        "the private key is an RSA key, which is not used: make an Ed25519 key (ssh-keygen -t ed25519), and give Tiki its public half"
    )]
    IsRsa,
    /// A form that is not read.
    #[error("the private key is in none of these forms: OpenSSH, PEM (PKCS#8), PuTTY (.ppk)")]
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
    // Before the passphrase: nobody should remove it first, and then learn that the key is not used.
    let first = text.lines().next().unwrap_or_default();
    let putty_rsa = first.starts_with("PuTTY-User-Key-File") && first.ends_with(": ssh-rsa");
    if putty_rsa || first.starts_with("-----BEGIN RSA") {
        return Err(BadPrivateKey::IsRsa);
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
        Ok(key) if matches!(key.algorithm(), Algorithm::Rsa { .. }) => Err(BadPrivateKey::IsRsa),
        Ok(key) if key.is_encrypted() => Err(BadPrivateKey::HasPassphrase),
        Ok(key) => Ok(key),
        Err(KeyError::KeyIsEncrypted) => Err(BadPrivateKey::HasPassphrase),
        Err(_) => Err(BadPrivateKey::UnknownForm),
    }
}

#[cfg(test)]
mod tests;
