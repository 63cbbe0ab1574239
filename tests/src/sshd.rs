//! A real OpenSSH server: a process with its own keys, port and folder.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

const PROGRAMS: [&str; 2] = ["/usr/sbin/sshd", "/usr/lib/ssh/sshd"];

/// A running server. Dropping it ends the process.
pub struct Sshd {
    /// The port on this machine.
    pub port: u16,
    /// The user who may log in: the one who runs the test.
    pub user: String,
    /// The host key in the form in which it is pinned.
    pub host_key: String,
    /// The private key that may log in.
    pub private_key: String,
    home: TempDir,
    process: Child,
}

/// The type of the server's key. Ours is an Ed25519 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// The usual type.
    Ed25519,
    /// The type of older servers.
    Rsa,
}

impl Sshd {
    /// Starts a server. If OpenSSH's server is not installed, a test is skipped with a message, and fails in CI.
    pub async fn start() -> Option<Self> {
        Self::with(Keys::Ed25519).await
    }

    /// Starts a server that refuses these requests of SFTP, as `internal-sftp -P` names them: `remove,rename`.
    pub async fn denying(requests: &str) -> Option<Self> {
        Self::with_all(Keys::Ed25519, requests).await
    }

    /// Starts a server with a key of this type.
    pub async fn with(keys: Keys) -> Option<Self> {
        Self::with_all(keys, "").await
    }

    async fn with_all(keys: Keys, denied: &str) -> Option<Self> {
        let program = PROGRAMS.into_iter().find(|path| Path::new(path).exists());
        let Some(program) = program else {
            assert!(
                std::env::var_os("CI").is_none(),
                "there is no OpenSSH server; run: apt-get install openssh-server"
            );
            let message =
                "NOT TESTED: there is no OpenSSH server; run: apt-get install openssh-server";
            let _ = writeln!(std::io::stderr(), "{message}");
            return None;
        };
        let home = TempDir::new().unwrap();
        for folder in ["INBOUND", "OUTBOUND", "ARCHIVED"] {
            fs::create_dir_all(home.path().join("IF_TIKI_VIP").join(folder)).unwrap();
        }
        let host = match keys {
            Keys::Ed25519 => "ed25519",
            Keys::Rsa => "rsa",
        };
        for (key, kind) in [("host", host), ("client", "ed25519")] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", kind, "-N", "", "-C", key, "-f"])
                .arg(home.path().join(key))
                .status();
            assert!(made.unwrap().success(), "ssh-keygen");
        }
        let read = |name: &str| fs::read_to_string(home.path().join(name)).unwrap();
        fs::write(home.path().join("authorized_keys"), read("client.pub")).unwrap();
        let (host_key, private_key) = (without_comment(&read("host.pub")), read("client"));
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap().trim().to_owned();
        let (port, process) = serve(program, home.path(), denied).await;
        Some(Self {
            port,
            user,
            host_key,
            private_key,
            home,
            process,
        })
    }

    /// The folder that holds the three folders of protocol §7.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.home.path().join("IF_TIKI_VIP")
    }

    /// The path of one of the three folders.
    #[must_use]
    pub fn path(&self, folder: &str) -> PathBuf {
        self.folder().join(folder)
    }

    /// The file names in one of the three folders, including hidden files.
    #[must_use]
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// A private key that the server does not know, and its public key.
    #[must_use]
    pub fn stranger(&self) -> (String, String) {
        let path = self.home.path().join("stranger");
        if !path.exists() {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "stranger", "-f"])
                .arg(&path)
                .status();
            assert!(made.unwrap().success(), "ssh-keygen");
        }
        let private = fs::read_to_string(&path).unwrap();
        let public = fs::read_to_string(path.with_extension("pub")).unwrap();
        (private, without_comment(&public))
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The kind and the key of a `.pub` file, as a setting has them.
fn without_comment(public: &str) -> String {
    let words: Vec<&str> = public.split_whitespace().take(2).collect();
    words.join(" ")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Starts the server on a free port. If another program takes the port first, it tries another one.
async fn serve(program: &str, home: &Path, denied: &str) -> (u16, Child) {
    // Needed only by root, for unprivileged child processes.
    let _ = fs::create_dir_all("/run/sshd");
    fs::set_permissions(home, fs::Permissions::from_mode(0o755)).unwrap();
    for _ in 0..10 {
        let port = free_port();
        let config = home.join("sshd_config");
        let folder = home.display();
        let deny = if denied.is_empty() {
            String::new()
        } else {
            format!(" -P {denied}")
        };
        let lines = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\n\
             AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
             PidFile none\nMaxStartups 100\nSubsystem sftp internal-sftp{deny}\n"
        );
        fs::write(&config, lines).unwrap();
        let log = fs::File::create(home.join("log")).unwrap();
        let mut process = Command::new(program)
            .args(["-D", "-e", "-f"])
            .arg(&config)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        for _ in 0..500 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
            {
                return (port, process);
            }
            if process.try_wait().unwrap().is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let _ = process.kill();
        let _ = process.wait();
    }
    panic!(
        "sshd does not start: {}",
        fs::read_to_string(home.join("log")).unwrap()
    );
}
