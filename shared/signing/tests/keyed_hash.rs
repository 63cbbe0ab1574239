//! Keyed hashes of personal data: equal data under one secret give one hash, and nothing else does.

#![expect(clippy::expect_used, reason = "a test may panic")]

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use signing::{ClientSecret, Hashed, Keyring};

const CUSTOMER: Hashed = Hashed::CustomerOfSession;
const CONTENT: Hashed = Hashed::CreateContent;

fn keys(secret: &str) -> Keyring {
    Keyring::new("payment-link", ClientSecret::new(secret))
}

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

#[test]
fn a_hash_is_an_hmac_by_a_derived_key() {
    let label = b"tikivip customer of a session v1\0";
    let derived = hmac(b"link secret", label);
    let key_id = hmac(b"link secret", &[&label[..], b"key id"].concat());
    let (key_id, hash) = (hex::encode(key_id), hex::encode(hmac(&derived, b"KH-1")));
    let expected = format!("{}.{hash}", &key_id[..16]);
    let hashed = keys("link secret").keyed_hash(CUSTOMER, b"KH-1");
    assert_eq!(hashed.to_string(), expected);
}

#[test]
fn only_the_same_data_by_the_same_secret_is_equal() {
    let ours = keys("link secret").keyed_hash(CUSTOMER, b"KH-1");
    assert_eq!(ours, keys("link secret").keyed_hash(CUSTOMER, b"KH-1"));
    assert_ne!(ours, keys("link secret").keyed_hash(CUSTOMER, b"KH-2"));
    assert_ne!(ours, keys("link secret").keyed_hash(CONTENT, b"KH-1"));
    assert_ne!(ours, keys("other secret").keyed_hash(CUSTOMER, b"KH-1"));
}

#[test]
fn the_key_id_is_that_of_secret_and_kind_alone() {
    let id = |secret: &str, of, data: &[u8]| {
        let hashed = keys(secret).keyed_hash(of, data).to_string();
        hashed.split_once('.').map(|(id, _)| id.to_owned())
    };
    let ours = id("link secret", CUSTOMER, b"KH-1");
    assert_eq!(ours, id("link secret", CUSTOMER, b"KH-2"));
    assert_ne!(ours, id("other secret", CUSTOMER, b"KH-1"));
    assert_ne!(ours, id("link secret", CONTENT, b"KH-1"));
}

#[test]
fn a_replaced_secret_is_tried_after_the_new_one() {
    let (old, new) = (keys("old secret"), keys("new secret"));
    let both = new.clone().accepting(Some(ClientSecret::new("old secret")));
    let expected = [&new, &old].map(|keys| keys.keyed_hash(CUSTOMER, b"KH-1"));
    assert_eq!(both.keyed_hashes(CUSTOMER, b"KH-1"), expected);
    assert_eq!(both.keyed_hash(CUSTOMER, b"KH-1"), expected[0]);
    assert_eq!(new.keyed_hashes(CUSTOMER, b"KH-1"), expected[..1]);
}
