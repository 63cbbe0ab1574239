//! What is left of a secret in the memory of the process when nobody uses it any more. A core dump, or a heap that is
//! read through another hole, has what is left.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Clock;
use lambda::SystemClock;
use lambda::secrets::{SecretKeys, SecretSource, Stage, Version};
use signing::{KeyProvider, PaymentLink, SignatureHeaders, Window};

/// In bytes. Not the whole: the allocator writes into the beginning of what is freed.
const SECRET: usize = 96;
const LOOKED_FOR: std::ops::Range<usize> = 40..80;

/// One byte of a secret, which as a whole stands nowhere in the program.
fn byte(of: u8, n: usize) -> u8 {
    let n = u8::try_from(n).unwrap();
    b'a' + (n.wrapping_mul(7) ^ n.wrapping_mul(of).wrapping_add(of)) % 26
}

/// `{"secret":"…"}`, made in its place, so that no second copy remains of making it.
fn json(of: u8) -> String {
    let mut json = String::with_capacity(SECRET + 16);
    json.push_str(r#"{"secret":""#);
    for n in 0..SECRET {
        json.push(char::from(byte(of, n)));
    }
    json.push_str("\"}");
    json
}

/// How often the middle of this secret is in the memory of this process that can be written, the stacks excepted.
fn copies(of: u8, piece: &mut Vec<u8>) -> usize {
    let memory = File::open("/proc/self/mem").unwrap();
    let on_this_stack = 0_u8;
    let stack = std::ptr::from_ref(&on_this_stack).addr() as u64;
    let mut copies = 0;
    for line in std::fs::read_to_string("/proc/self/maps").unwrap().lines() {
        let mut words = line.split(' ');
        let (Some(range), Some(rights)) = (words.next(), words.next()) else {
            continue;
        };
        let (start, end) = range.split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let (start, end) = (number(start), number(end));
        let is_stack = (start..end).contains(&stack) || line.ends_with("[stack]");
        if is_stack || !rights.starts_with("rw") {
            continue;
        }
        let mut from = start;
        while from < end {
            let length = usize::try_from(end - from).unwrap().min(piece.capacity());
            piece.resize(length, 0);
            if memory.read_exact_at(piece, from).is_err() {
                break;
            }
            copies += piece
                .windows(LOOKED_FOR.len())
                .filter(|found| found.iter().zip(LOOKED_FOR).all(|(b, n)| *b == byte(of, n)))
                .count();
            // What it has read is not to be found again, in the piece itself.
            piece.fill(0);
            let step = length.saturating_sub(LOOKED_FOR.len()).max(1);
            from += if from + length as u64 == end {
                length
            } else {
                step
            } as u64;
        }
    }
    copies
}

struct Stored;

#[async_trait]
impl SecretSource for Stored {
    async fn version(
        &self,
        stage: Stage,
    ) -> Result<Option<Version>, Box<dyn std::error::Error + Send + Sync>> {
        let of = if stage == Stage::Current { 3 } else { 5 };
        Ok(Some(Version {
            text: json(of).into(),
            created_at: Some(SystemClock.now()),
        }))
    }
}

#[tokio::test]
async fn a_secret_that_was_used_is_not_in_memory() {
    let mut piece = Vec::with_capacity(1 << 20);
    // What is dropped and not overwritten is found: the search works.
    drop(json(11));
    assert!(copies(11, &mut piece) > 0, "the search finds nothing");

    let keys = SecretKeys::new(
        Arc::new(Stored),
        Arc::new(SystemClock),
        "secret",
        "client",
        Duration::from_hours(24),
    );
    let ring = keys.keys().await.unwrap();
    assert!(ring.has_previous());
    assert!(copies(3, &mut piece) > 0 && copies(5, &mut piece) > 0);

    let signed = ring.sign(1_000, b"{}");
    let headers = SignatureHeaders {
        timestamp: Some(&signed.timestamp),
        client_id: Some(&signed.client_id),
        signature: Some(&signed.signature),
    };
    let window = Window::default();
    assert!(ring.verify(&headers, b"{}", 1_000, window).is_ok());
    assert!(ring.verify(&headers, b"[]", 1_000, window).is_err());
    let candidates = [(None, b"[]".to_vec())];
    assert!(
        ring.explain(&headers, &candidates, &[("the other", &ring)])
            .is_empty()
    );
    let link = PaymentLink {
        transaction_id: [7; 16],
        expires_at_ms: 2_000,
    };
    assert!(PaymentLink::verify(&ring, &link.token(&ring), 1_000).is_ok());

    drop((ring, keys));
    assert_eq!((copies(3, &mut piece), copies(5, &mut piece)), (0, 0));
}
