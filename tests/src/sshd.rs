//! A real OpenSSH server, as an ordinary process with keys, a port and a folder of its own.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

const PROGRAMS: [&str; 2] = ["/usr/sbin/sshd", "/usr/lib/ssh/sshd"];

/// A server. Dropped, it is gone.
pub struct Sshd {
    /// Its port on this machine.
    pub port: u16,
    /// The name by which we are let in: our own.
    pub user: String,
    /// Its host key, as it is pinned.
    pub host_key: String,
    /// The private key that it lets in.
    pub private_key: String,
    home: TempDir,
    process: Child,
}

/// What kind of keys a server has, and lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Ed25519.
    Ed25519,
    /// RSA, as older servers have.
    Rsa,
}

impl Sshd {
    /// Starts a server, if this machine has one. Where it has none, the test says so, and fails in CI.
    pub async fn start() -> Option<Self> {
        Self::with(Keys::Ed25519).await
    }

    /// Starts a server with keys of this kind.
    pub async fn with(keys: Keys) -> Option<Self> {
        let program = PROGRAMS.into_iter().find(|path| Path::new(path).exists());
        let Some(program) = program else {
            assert!(
                std::env::var_os("CI").is_none(),
                "there is no OpenSSH server: apt-get install openssh-server"
            );
            let said = "NOT TESTED: this machine has no OpenSSH server (openssh-server)";
            let _ = writeln!(std::io::stderr(), "{said}");
            return None;
        };
        let home = TempDir::new().unwrap();
        for folder in ["INBOUND", "OUTBOUND", "ARCHIVED"] {
            fs::create_dir_all(home.path().join("IF_TIKI_VIP").join(folder)).unwrap();
        }
        let kind = match keys {
            Keys::Ed25519 => ["-t", "ed25519"].as_slice(),
            Keys::Rsa => &["-t", "rsa", "-b", "2048"],
        };
        for key in ["host", "client"] {
            let made = Command::new("ssh-keygen")
                .args(kind)
                .args(["-q", "-N", "", "-C", key, "-f"])
                .arg(home.path().join(key))
                .status();
            assert!(made.unwrap().success(), "ssh-keygen");
        }
        let read = |name: &str| fs::read_to_string(home.path().join(name)).unwrap();
        fs::write(home.path().join("authorized_keys"), read("client.pub")).unwrap();
        let (host_key, private_key) = (read("host.pub").trim().to_owned(), read("client"));
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap().trim().to_owned();
        let (port, process) = serve(program, home.path()).await;
        Some(Self {
            port,
            user,
            host_key,
            private_key,
            home,
            process,
        })
    }

    /// The folder that has the three of protocol §7.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.home.path().join("IF_TIKI_VIP")
    }

    /// One of the three.
    #[must_use]
    pub fn path(&self, folder: &str) -> PathBuf {
        self.folder().join(folder)
    }

    /// The names in one of the three, hidden ones too.
    #[must_use]
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// The key that this server would let in, but for another server: one that it does not know.
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
        (private, public.trim().to_owned())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Starts it on a free port; should somebody else take the port first, on another.
async fn serve(program: &str, home: &Path) -> (u16, Child) {
    // Only root needs it, for its unprivileged children.
    let _ = fs::create_dir_all("/run/sshd");
    fs::set_permissions(home, fs::Permissions::from_mode(0o755)).unwrap();
    for _ in 0..10 {
        let port = free_port();
        let config = home.join("sshd_config");
        let folder = home.display();
        let lines = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\n\
             AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
             PidFile none\nMaxStartups 100\nSubsystem sftp internal-sftp\n"
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
