//! The SFTP client, against a real OpenSSH server.

use std::fs;

use e2e::{Keys, Sshd};
use files::FileDrop;
use files::file_drop::{DropError, Stat};
use files::sftp::{HostKeys, Server, SftpError, SftpFileDrop};

fn server(sshd: &Sshd) -> Server {
    Server {
        host: "127.0.0.1".to_owned(),
        port: sshd.port,
        user: sshd.user.clone(),
        host_keys: sshd.host_key.parse().unwrap(),
    }
}

async fn connect(sshd: &Sshd) -> SftpFileDrop {
    server(sshd).connect(&sshd.private_key).await.unwrap()
}

fn at(sshd: &Sshd, name: &str) -> String {
    sshd.path("INBOUND").join(name).display().to_string()
}

#[tokio::test]
async fn a_file_is_uploaded_and_downloaded_unchanged() {
    let Some(sshd) = Sshd::start().await else {
        return;
    };
    let sftp = connect(&sshd).await;
    for size in [0, 1, 32 * 1024, 3_000_001] {
        let content: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let name = at(&sshd, &format!("file-{size}"));
        let bytes = u64::try_from(size).unwrap();
        let written = sftp.write(&name, &mut content.as_slice()).await.unwrap();
        assert_eq!((written.bytes, written.synced), (bytes, true));
        assert_eq!(fs::read(&name).unwrap(), content);
        let there = sftp.stat(&name).await.unwrap();
        assert_eq!(there, Some(Stat { bytes: Some(bytes) }));
        let mut back = Vec::new();
        assert!(sftp.read(&name, &mut back, 3_000_001).await.unwrap());
        assert_eq!(back, content);
    }
    let folder = sshd.path("INBOUND").display().to_string();
    let listed = sftp.list(&folder).await.unwrap();
    let listed = listed.iter().map(|file| (file.name.as_str(), file.bytes));
    let expected = [
        ("file-0", Some(0)),
        ("file-1", Some(1)),
        ("file-3000001", Some(3_000_001)),
        ("file-32768", Some(32_768)),
    ];
    assert_eq!(listed.collect::<Vec<_>>(), expected);
    let missing = at(&sshd, "missing");
    assert_eq!(sftp.stat(&missing).await.unwrap(), None);
    assert!(!sftp.read(&missing, &mut Vec::new(), 1).await.unwrap());
    let gone = sftp.remove(&missing).await;
    assert!(matches!(gone, Err(DropError::Missing { .. })), "{gone:?}");
    let large = sftp
        .read(&at(&sshd, "file-3000001"), &mut Vec::new(), 1000)
        .await;
    assert!(
        matches!(large, Err(DropError::TooLarge { at_most: 1000 })),
        "{large:?}"
    );
    sftp.close().await;
}

/// A listing is read to its end, however long it is, and so is a folder without files.
#[tokio::test]
async fn a_long_listing_is_read() {
    let Some(sshd) = Sshd::start().await else {
        return;
    };
    let sftp = connect(&sshd).await;
    let folder = sshd.path("OUTBOUND").display().to_string();
    assert_eq!(sftp.list(&folder).await.unwrap(), []);
    for n in 0..3_000 {
        let name = format!("tikivip_{}_{n}", "x".repeat(150));
        fs::write(sshd.path("OUTBOUND").join(name), "x").unwrap();
    }
    assert_eq!(sftp.list(&folder).await.unwrap().len(), 3_000);
    let nowhere = sftp.list(&at(&sshd, "nowhere")).await;
    assert!(matches!(nowhere, Err(DropError::Missing { .. })));
}

#[tokio::test]
async fn a_server_with_an_rsa_key_is_accepted() {
    let Some(sshd) = Sshd::with(Keys::Rsa).await else {
        return;
    };
    let sftp = connect(&sshd).await;
    let name = at(&sshd, "file");
    sftp.write(&name, &mut &b"content"[..]).await.unwrap();
    assert_eq!(fs::read(name).unwrap(), b"content");
}

#[tokio::test]
async fn another_host_key_is_refused_before_the_login() {
    let Some(sshd) = Sshd::start().await else {
        return;
    };
    let (_, other) = sshd.stranger();
    let pinned = |keys: &str| Server {
        host_keys: keys.parse().unwrap(),
        ..server(&sshd)
    };
    let refused = pinned(&other).connect(&sshd.private_key).await;
    assert!(matches!(refused, Err(SftpError::HostKey { .. })));
    // During a change of the host key, both keys are pinned.
    let both = format!("{other},{}", sshd.host_key);
    pinned(&both).connect(&sshd.private_key).await.unwrap();
    assert!("".parse::<HostKeys>().is_err());
    assert!("ssh-ed25519 nonsense".parse::<HostKeys>().is_err());
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know_is_refused() {
    let Some(sshd) = Sshd::start().await else {
        return;
    };
    let (stranger, _) = sshd.stranger();
    let refused = server(&sshd).connect(&stranger).await;
    assert!(matches!(refused, Err(SftpError::NotLetIn)));
}

#[tokio::test]
async fn a_name_that_is_taken_is_not_given_again() {
    let Some(sshd) = Sshd::start().await else {
        return;
    };
    let sftp = connect(&sshd).await;
    let name = at(&sshd, "file");
    fs::write(&name, "what was there").unwrap();
    let part = at(&sshd, ".part");
    sftp.write(&part, &mut &b"other"[..]).await.unwrap();
    let refused = sftp.rename(&part, &name).await;
    assert!(
        matches!(refused, Err(DropError::Refused { .. })),
        "{refused:?}"
    );
    assert_eq!(fs::read_to_string(&name).unwrap(), "what was there");
    let missing = sftp.rename(&at(&sshd, "x"), &at(&sshd, "y")).await;
    assert!(matches!(missing, Err(DropError::Missing { .. })));
}

#[tokio::test]
async fn a_full_disk_is_an_error() {
    let Some(sshd) = Sshd::start().await else {
        return;
    };
    let sftp = connect(&sshd).await;
    // Every write to /dev/full fails as on a full disk.
    std::os::unix::fs::symlink("/dev/full", sshd.path("INBOUND").join(".part")).unwrap();
    let content = vec![7; 100_000];
    let refused = sftp
        .write(&at(&sshd, ".part"), &mut content.as_slice())
        .await;
    assert!(refused.is_err(), "{refused:?}");
}
