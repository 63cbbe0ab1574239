//! The pinned host keys.

use std::str::FromStr;

use russh::client::Handler;
use russh::keys::{Algorithm, HashAlg, PublicKey, PublicKeyOrCertificate};

use super::error::SftpError;

/// The host keys that the server may show: one, or two while it changes its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKeys(Vec<PublicKey>);

/// The text is not a list of host keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one or more OpenSSH public keys, with commas between them: ssh-ed25519 AAAA…")]
pub struct BadHostKeys;

impl FromStr for HostKeys {
    type Err = BadHostKeys;

    fn from_str(text: &str) -> Result<Self, BadHostKeys> {
        let keys = text
            .split(',')
            .map(|key| PublicKey::from_openssh(key.trim()));
        let keys = keys
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| BadHostKeys)?;
        Ok(Self(keys))
    }
}

impl HostKeys {
    /// The algorithms to negotiate for these keys. An RSA key signs with SHA-2, never with SHA-1.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let algorithms = self.0.iter().flat_map(|key| match key.algorithm() {
            Algorithm::Rsa { .. } => vec![
                Algorithm::Rsa {
                    hash: Some(HashAlg::Sha512),
                },
                Algorithm::Rsa {
                    hash: Some(HashAlg::Sha256),
                },
            ],
            other => vec![other],
        });
        algorithms.collect()
    }

    fn has(&self, shown: &PublicKey) -> bool {
        self.0.iter().any(|key| key.key_data() == shown.key_data())
    }
}

/// Refuses a server with another host key.
pub(crate) struct Pinned(pub(crate) HostKeys);

impl Handler for Pinned {
    type Error = SftpError;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, SftpError> {
        let shown = shown.public_key();
        if self.0.has(&shown) {
            return Ok(true);
        }
        Err(SftpError::HostKey {
            shown: shown.fingerprint(HashAlg::Sha256).to_string(),
        })
    }
}
