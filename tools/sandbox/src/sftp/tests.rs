use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use russh::client::{self, Handle};
use russh::keys::PrivateKeyWithHashAlg;
use russh::keys::PublicKeyOrCertificate;
use russh_sftp::client::SftpSession;
use russh_sftp::client::error::Error as Refused;
use russh_sftp::protocol::{OpenFlags, StatusCode};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::files::Files;
use super::*;

const INBOUND: &str = "/IF_TIKI_VIP/INBOUND";

/// A client that knows the server's key.
struct KnownHost(String);

impl client::Handler for KnownHost {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        Ok(shown.public_key().to_openssh().unwrap() == self.0)
    }
}

struct Running {
    address: SocketAddr,
    faults: Faults<SftpFault>,
    host_key: String,
    partner_key: PrivateKey,
    folder: TempDir,
}

impl Running {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let sftp = Sftp::open(folder.path()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = Self {
            address: listener.local_addr().unwrap(),
            faults: sftp.faults(),
            host_key: sftp.host_key().unwrap(),
            partner_key: PrivateKey::from_openssh(sftp.partner_key().unwrap()).unwrap(),
            folder,
        };
        tokio::spawn(sftp.serve(listener));
        running
    }

    async fn connect(&self) -> Handle<KnownHost> {
        let config = Arc::new(client::Config::default());
        let known_host = KnownHost(self.host_key.clone());
        client::connect(config, self.address, known_host)
            .await
            .unwrap()
    }

    async fn session(&self) -> SftpSession {
        let mut connection = self.connect().await;
        let key = PrivateKeyWithHashAlg::new(Arc::new(self.partner_key.clone()), None);
        let login = connection.authenticate_publickey(USER, key).await;
        assert!(login.unwrap().success());
        let channel = connection.channel_open_session().await.unwrap();
        channel.request_subsystem(true, "sftp").await.unwrap();
        SftpSession::new(channel.into_stream()).await.unwrap()
    }

    fn local(&self, path: &str) -> PathBuf {
        self.folder
            .path()
            .join("sftp")
            .join(path.trim_start_matches('/'))
    }
}

fn code<T>(result: Result<T, Refused>) -> StatusCode {
    match result {
        Err(Refused::Status(status)) => status.status_code,
        Err(other) => panic!("{other}"),
        Ok(_) => StatusCode::Ok,
    }
}

#[tokio::test]
async fn the_partner_puts_gets_lists_renames_and_removes() {
    let running = Running::start().await;
    let session = running.session().await;
    assert_eq!(session.canonicalize(".").await.unwrap(), "/");
    assert_eq!(
        session
            .canonicalize("a/../IF_TIKI_VIP/./INBOUND/")
            .await
            .unwrap(),
        INBOUND
    );

    let content: Vec<u8> = (0..1_000_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    let (temporary, name) = (format!("{INBOUND}/.a.part"), format!("{INBOUND}/a"));
    let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::WRITE;
    let mut file = session.open_with_flags(&temporary, flags).await.unwrap();
    file.write_all(&content).await.unwrap();
    file.shutdown().await.unwrap();
    assert_eq!(
        session.metadata(&temporary).await.unwrap().size,
        Some(1_000_000)
    );
    session.rename(&temporary, &name).await.unwrap();
    assert!(std::fs::read(running.local(&name)).unwrap() == content);

    let mut file = session.open(&name).await.unwrap();
    let mut read = Vec::new();
    file.read_to_end(&mut read).await.unwrap();
    assert!(read == content);
    file.seek(std::io::SeekFrom::Start(999_998)).await.unwrap();
    let mut last = Vec::new();
    file.read_to_end(&mut last).await.unwrap();
    assert_eq!(last, content[999_998..]);
    let found = file.metadata().await.unwrap();
    assert!(found.mtime.is_some() && found.file_type().is_file());
    file.set_metadata(found).await.unwrap();

    let listed = session.read_dir(INBOUND).await.unwrap();
    let listed: Vec<_> = listed
        .map(|entry| (entry.file_name(), entry.metadata().size))
        .collect();
    assert_eq!(listed, [("a".to_owned(), Some(1_000_000))]);
    let folders = session.read_dir("/IF_TIKI_VIP").await.unwrap();
    assert_eq!(
        folders.filter(|entry| entry.file_type().is_dir()).count(),
        3
    );
    session.remove_file(&name).await.unwrap();
    assert_eq!(code(session.metadata(&name).await), StatusCode::NoSuchFile);
    assert_eq!(
        code(session.remove_file(&name).await),
        StatusCode::NoSuchFile
    );
    assert_eq!(code(session.open(&name).await), StatusCode::NoSuchFile);
    assert_eq!(
        code(session.read_dir("/none").await),
        StatusCode::NoSuchFile
    );
}

#[tokio::test]
async fn a_rename_replaces_nothing() {
    let running = Running::start().await;
    let session = running.session().await;
    for name in ["new", "old"] {
        std::fs::write(running.local(&format!("{INBOUND}/{name}")), name).unwrap();
    }
    let (new, old) = (format!("{INBOUND}/new"), format!("{INBOUND}/old"));
    assert_eq!(code(session.rename(&new, &old).await), StatusCode::Failure);
    assert_eq!(std::fs::read_to_string(running.local(&old)).unwrap(), "old");
    assert_eq!(std::fs::read_to_string(running.local(&new)).unwrap(), "new");
    let flags = OpenFlags::CREATE | OpenFlags::EXCLUDE | OpenFlags::WRITE;
    assert_eq!(
        code(session.open_with_flags(&old, flags).await),
        StatusCode::Failure
    );
    let folders = session.rename("/IF_TIKI_VIP/INBOUND", "/IF_TIKI_VIP/ARCHIVED");
    assert_eq!(code(folders.await), StatusCode::Failure);
}

#[tokio::test]
async fn a_right_can_be_taken_away_and_given_back() {
    let running = Running::start().await;
    let session = running.session().await;
    let (from, to) = (format!("{INBOUND}/from"), format!("{INBOUND}/to"));
    let flags = OpenFlags::CREATE | OpenFlags::WRITE;
    let denied = |call| running.faults.next(call, [SftpFault::Denied]);
    // Each request is refused once, and changes nothing; the next one has its right.
    denied("sftp_write");
    let refused = code(session.open_with_flags(&from, flags).await);
    assert_eq!(refused, StatusCode::PermissionDenied);
    assert!(!running.local(&from).exists());
    drop(session.open_with_flags(&from, flags).await.unwrap());
    denied("sftp_read");
    let refused = code(session.open(&from).await);
    assert_eq!(refused, StatusCode::PermissionDenied);
    drop(session.open(&from).await.unwrap());
    denied("sftp_stat");
    let refused = code(session.metadata(&from).await);
    assert_eq!(refused, StatusCode::PermissionDenied);
    session.metadata(&from).await.unwrap();
    denied("sftp_list");
    let refused = code(session.read_dir(INBOUND).await);
    assert_eq!(refused, StatusCode::PermissionDenied);
    assert_eq!(session.read_dir(INBOUND).await.unwrap().count(), 1);
    denied("sftp_rename");
    let refused = code(session.rename(&from, &to).await);
    assert_eq!(refused, StatusCode::PermissionDenied);
    session.rename(&from, &to).await.unwrap();
    denied("sftp_remove");
    let refused = code(session.remove_file(&to).await);
    assert_eq!(refused, StatusCode::PermissionDenied);
    session.remove_file(&to).await.unwrap();
}

#[tokio::test]
async fn a_folder_of_many_files_is_listed_completely() {
    let running = Running::start().await;
    for i in 0..250 {
        std::fs::write(running.local(&format!("{INBOUND}/{i}")), "").unwrap();
    }
    let session = running.session().await;
    assert_eq!(session.read_dir(INBOUND).await.unwrap().count(), 250);
}

#[tokio::test]
async fn only_the_partner_with_its_key_can_log_in() {
    let running = Running::start().await;
    let other = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap();
    let cases = [(USER, other), ("root", running.partner_key.clone())];
    for (user, key) in cases {
        let mut connection = running.connect().await;
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
        let login = connection.authenticate_publickey(user, key).await.unwrap();
        assert!(!login.success(), "{user}");
    }
    let mut connection = running.connect().await;
    let none = connection.authenticate_none(USER).await.unwrap();
    assert!(!none.success());
    let password = connection.authenticate_password(USER, "partner").await;
    assert!(!password.unwrap().success());
}

#[tokio::test]
async fn no_path_leaves_the_folder() {
    let running = Running::start().await;
    std::fs::write(running.folder.path().join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink(running.folder.path(), running.local("out")).unwrap();
    let session = running.session().await;
    for path in ["../secret", "/../../secret", "/IF_TIKI_VIP/../../secret"] {
        assert_eq!(
            code(session.open(path).await),
            StatusCode::NoSuchFile,
            "{path}"
        );
    }
    for path in ["/out/secret", "out/sftp-host.key"] {
        assert_eq!(code(session.open(path).await), StatusCode::PermissionDenied);
        assert_eq!(
            code(session.metadata(path).await),
            StatusCode::PermissionDenied
        );
    }
    assert_eq!(
        code(session.symlink("/x", "/etc").await),
        StatusCode::OpUnsupported
    );

    let files = Files::new(PathBuf::from("/root"), Faults::of(&CALLS));
    for (path, local) in [
        ("", "/root/"),
        ("/", "/root"),
        ("..", "/root"),
        ("/a/../../../etc/passwd", "/root/etc/passwd"),
        ("a//./b/../c", "/root/a/c"),
    ] {
        assert_eq!(files.local(path).unwrap(), Path::new(local), "{path}");
    }
}

#[test]
fn keys_stay_the_same_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let first = Sftp::open(folder.path()).unwrap();
    let again = Sftp::open(folder.path()).unwrap();
    assert_eq!(first.host_key().unwrap(), again.host_key().unwrap());
    assert_eq!(first.partner_key().unwrap(), again.partner_key().unwrap());
    assert!(first.host_key().unwrap().starts_with("ssh-ed25519 AAAA"));
    assert_ne!(first.partner_key.public_key(), first.host_key.public_key());
    let mode = std::fs::metadata(first.partner_key_file())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}
