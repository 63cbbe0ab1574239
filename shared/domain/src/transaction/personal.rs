//! The personal content of a create call, and what counts as a repeat of the call, also once the content is forgotten
//! (docs/architecture.md#what-tiki-calls).

use super::content::ContentHash;
use super::data::{Order, Transaction};
use crate::ids::TransactionId;
use crate::refusal::Refusal;

impl Order {
    /// Whether it has something that is forgotten in the end.
    #[must_use]
    pub fn is_personal(&self) -> bool {
        self.personal().iter().any(Option::is_some)
    }

    /// What is hashed of it for the transaction with this id: no two contents give the same bytes, and two payments with
    /// the same content give different ones.
    #[must_use]
    pub fn personal_content(&self, id: TransactionId) -> Vec<u8> {
        let mut bytes = id.to_bytes().to_vec();
        for value in self.personal() {
            match value {
                None => bytes.push(0),
                Some(text) => {
                    bytes.push(1);
                    let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
                    bytes.extend(length.to_be_bytes());
                    bytes.extend(text.as_bytes());
                }
            }
        }
        bytes
    }

    /// The same without what is forgotten.
    pub(crate) fn without_personal(&self) -> Self {
        Self {
            amount: self.amount,
            webview_request_id: None,
            identify_code: None,
            order_code: None,
            description: None,
            expires_in_s: self.expires_in_s,
        }
    }

    /// The order of these is part of each stored hash.
    fn personal(&self) -> [Option<&str>; 4] {
        [
            self.webview_request_id.as_ref().map(AsRef::as_ref),
            self.identify_code.as_ref().map(AsRef::as_ref),
            self.order_code.as_ref().map(AsRef::as_ref),
            self.description.as_ref().map(AsRef::as_ref),
        ]
    }
}

impl Transaction {
    /// Whether the personal content of the create call is forgotten.
    #[must_use]
    pub fn is_forgotten(&self) -> bool {
        self.data.content_hash.is_some() && !self.data.order.is_personal()
    }

    /// Whether a create request that found this transaction in place is a repeat of the one that made it. `hashes` are
    /// those of its content, one for each key that is accepted; only of a transaction whose content is forgotten are they
    /// looked at. If its hash was made with a key that is not accepted any more, nobody can say whether the content is the
    /// same: what is left of it decides.
    pub fn repeated_by(&self, order: &Order, hashes: &[ContentHash]) -> Result<(), Refusal> {
        let same = if let Some(kept) = self
            .data
            .content_hash
            .as_ref()
            .filter(|_| self.is_forgotten())
        {
            let comparable = hashes.iter().find(|hash| hash.has_key_of(kept));
            self.data.order == order.without_personal()
                && comparable.is_none_or(|hash| hash == kept)
        } else {
            self.data.order == *order
        };
        if same { Ok(()) } else { Err(Refusal::IdReused) }
    }
}
