//! Mail to people: the seam, and a topic of SNS behind it. The crate knows nothing of what a mail says.
//!
//! | module | what it is |
//! |---|---|
//! | `sns` | the topic in SNS; a feature, off by default |

#[cfg(feature = "sns")]
pub mod sns;

use std::error::Error;

use async_trait::async_trait;

/// The longest subject that SNS takes, in characters.
const MAX_SUBJECT_CHARS: usize = 99;

/// A mail that can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    subject: String,
    body: String,
}

/// The text cannot be the subject of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a subject must be 1 to {MAX_SUBJECT_CHARS} visible ASCII characters or spaces")]
pub struct BadSubject;

/// A mail was not sent.
#[derive(Debug, thiserror::Error)]
#[error("the mail could not be sent")]
pub struct MailError(#[source] pub Box<dyn Error + Send + Sync>);

impl Mail {
    /// A mail with this subject and this text. SNS takes only ASCII in a subject.
    pub fn new(subject: impl Into<String>, body: impl Into<String>) -> Result<Self, BadSubject> {
        let subject = subject.into();
        let visible = subject.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
        let starts = subject.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !visible || !starts || subject.len() > MAX_SUBJECT_CHARS {
            return Err(BadSubject);
        }
        Ok(Self {
            subject,
            body: body.into(),
        })
    }

    /// What a mailbox lists: 1 to 99 characters of ASCII.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The whole text, of any characters.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }
}

/// Sends mail to those who have asked for it.
#[async_trait]
pub trait Mailbox: Send + Sync {
    /// Hands a mail over. It may have been sent even if this fails.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_what_sns_takes() {
        for good in ["Tiki VIP 26/11/2026: OK", &"a".repeat(99)] {
            assert_eq!(Mail::new(good, "b").unwrap().subject(), good);
        }
        for bad in ["", " a", "đối soát", "a\nb", "a\tb", &"a".repeat(100)] {
            assert_eq!(Mail::new(bad, "b"), Err(BadSubject), "{bad:?}");
        }
    }
}
