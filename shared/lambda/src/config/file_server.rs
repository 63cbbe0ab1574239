//! Tiki's file server, as the variables `SFTP_…` name it.

use std::fmt::Display;
use std::str::FromStr;

use super::{Env, Setting};

/// Tiki's file server. `K` are the pinned host keys, as the client for SFTP reads them.
pub struct FileServerSetting<K> {
    /// `SFTP_HOST`.
    pub host: String,
    /// `SFTP_PORT`.
    pub port: u16,
    /// `SFTP_USER`: our user name.
    pub user: String,
    /// `SFTP_HOST_KEY`.
    pub host_keys: K,
    /// `SFTP_FOLDER`: the folder that holds the three folders of protocol §7.
    pub folder: String,
    /// `SFTP_SECRET_ID`: the secret that holds our private key.
    pub secret_id: String,
}

impl<K: FromStr<Err: Display>> FileServerSetting<K> {
    /// Reads it; `None` if `SFTP_HOST` is not set: then Tiki gets the files by API only.
    pub fn read(env: &Env) -> Setting<Option<Self>> {
        let Some(host) = env.optional("SFTP_HOST")? else {
            return Ok(None);
        };
        let port = env.or("SFTP_PORT", 22);
        let user = env.required("SFTP_USER");
        let host_keys = env.required("SFTP_HOST_KEY");
        let folder = env.or("SFTP_FOLDER", "/IF_TIKI_VIP".to_owned());
        let secret_id = env.required("SFTP_SECRET_ID");
        Ok(Some(Self {
            host,
            port: port?,
            user: user?,
            host_keys: host_keys?,
            folder: folder?,
            secret_id: secret_id?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::ConfigError;
    use super::*;

    type Variables = &'static [(&'static str, &'static str)];

    fn read(of: Variables) -> Result<Option<FileServerSetting<u8>>, ConfigError> {
        let env = Env::new(move |name| {
            let named = of.iter().find(|(known, _)| *known == name);
            named.map(|(_, value)| (*value).to_owned())
        });
        env.load(FileServerSetting::read)
    }

    #[test]
    fn without_a_host_there_is_no_file_server() {
        assert!(read(&[("SFTP_USER", "us")]).unwrap().is_none());
    }

    #[test]
    fn port_and_folder_have_defaults() {
        let found = read(&[
            ("SFTP_HOST", "sftp.example"),
            ("SFTP_USER", "us"),
            ("SFTP_HOST_KEY", "7"),
            ("SFTP_SECRET_ID", "key"),
        ]);
        let found = found.unwrap().unwrap();
        assert_eq!((found.port, found.host_keys), (22, 7));
        assert_eq!(found.folder, "/IF_TIKI_VIP");
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let Err(ConfigError(problems)) = read(&[("SFTP_HOST", "sftp.example"), ("SFTP_PORT", "x")])
        else {
            unreachable!("the settings are wrong")
        };
        for name in ["SFTP_PORT", "SFTP_USER", "SFTP_HOST_KEY", "SFTP_SECRET_ID"] {
            let named = problems.iter().any(|problem| problem.contains(name));
            assert!(named, "{name}: {problems:?}");
        }
    }
}
