//! The SFTP client, against a real OpenSSH server.

use std::fs;

use e2e::{FaultyConnection, Keys, Sshd};
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
        sftp.put(&mut content.as_slice(), &at(&sshd, ".part"), &name)
            .await
            .unwrap();
        assert_eq!(fs::read(&name).unwrap(), content);
        assert_eq!(sftp.size(&name).await.unwrap(), u64::try_from(size).ok());
        let mut back = Vec::new();
        assert!(sftp.get(&name, &mut back, 3_000_001).await.unwrap());
        assert_eq!(back, content);
    }
    assert_eq!(
        sshd.names("INBOUND").len(),
        4,
        "{:?}",
        sshd.names("INBOUND")
    );
    let missing = at(&sshd, "missing");
    assert_eq!(sftp.size(&missing).await.unwrap(), None);
    assert!(!sftp.get(&missing, &mut Vec::new(), 1).await.unwrap());
    let large = sftp
        .get(&at(&sshd, "file-3000001"), &mut Vec::new(), 1000)
        .await;
    assert!(
        matches!(large, Err(SftpError::TooLarge { at_most: 1000 })),
        "{large:?}"
    );
    sftp.close().await;
}

#[tokio::test]
async fn an_rsa_server_and_an_rsa_key_are_accepted() {
    let Some(sshd) = Sshd::with(Keys::Rsa).await else {
        return;
    };
    let sftp = connect(&sshd).await;
    let name = at(&sshd, "file");
    sftp.put(&mut &b"content"[..], &at(&sshd, ".part"), &name)
        .await
        .unwrap();
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
    let refused = server(&sshd).connect("no key at all").await;
    assert!(matches!(refused, Err(SftpError::PrivateKey)));
}

#[tokio::test]
async fn no_file_is_overwritten() {
    let Some(sshd) = Sshd::start().await else {
        return;
    };
    let sftp = connect(&sshd).await;
    let name = at(&sshd, "file");
    fs::write(&name, "what was there").unwrap();
    let refused = sftp
        .put(&mut &b"other"[..], &at(&sshd, ".part"), &name)
        .await;
    assert!(matches!(refused, Err(SftpError::Taken(_))), "{refused:?}");
    assert_eq!(fs::read_to_string(&name).unwrap(), "what was there");
    assert_eq!(sshd.names("INBOUND"), ["file"], "nothing is left");
}

#[tokio::test]
async fn a_full_disk_leaves_no_file_of_that_name() {
    let Some(sshd) = Sshd::start().await else {
        return;
    };
    let sftp = connect(&sshd).await;
    // Every write to /dev/full fails as on a full disk.
    std::os::unix::fs::symlink("/dev/full", sshd.path("INBOUND").join(".part")).unwrap();
    let content = vec![7; 100_000];
    let (part, name) = (at(&sshd, ".part"), at(&sshd, "file"));
    let refused = sftp.put(&mut content.as_slice(), &part, &name).await;
    assert!(matches!(refused, Err(SftpError::Write(_))), "{refused:?}");
    assert_eq!(sshd.names("INBOUND"), Vec::<String>::new());
}

#[tokio::test]
async fn a_broken_upload_leaves_the_whole_file_or_none() {
    let Some(sshd) = Sshd::start().await else {
        return;
    };
    let connection = FaultyConnection::to(sshd.port).await;
    let server = Server {
        port: connection.port,
        ..server(&sshd)
    };
    let content: Vec<u8> = (0..200_000_u32)
        .map(|i| u8::try_from(i % 251).unwrap())
        .collect();
    let part = at(&sshd, ".file.part");
    let put = async |name: &str| {
        let sftp = server.connect(&sshd.private_key).await?;
        let put = sftp
            .put(&mut content.as_slice(), &part, &at(&sshd, name))
            .await;
        sftp.close().await;
        put
    };
    put("whole").await.unwrap();
    let all = connection.take_bytes_sent();
    let mut arrived = 0;
    for stage in 0..40 {
        // From the first byte to the last, in smaller steps near the end, where the file is renamed.
        let bytes = if stage < 20 {
            all * stage / 20
        } else {
            all + 400 - 60 * (40 - stage)
        };
        let name = format!("file-{stage}");
        connection.break_after(bytes);
        let done = put(&name).await;
        connection.restore();
        let there = fs::read(sshd.path("INBOUND").join(&name)).ok();
        assert!(
            there.is_none() || there.as_ref() == Some(&content),
            "half a file at {bytes}"
        );
        assert!(
            done.is_err() || there.is_some(),
            "said to be there, and is not, at {bytes}"
        );
        arrived += usize::from(there.is_some());
        // The next run deletes what is left, and uploads again.
        let sftp = connect(&sshd).await;
        sftp.clear(&sshd.path("INBOUND").display().to_string(), ".file.")
            .await
            .unwrap();
        assert!(!sshd.names("INBOUND").contains(&".file.part".to_owned()));
    }
    assert!((1..40).contains(&arrived), "{arrived} of 40");
}
