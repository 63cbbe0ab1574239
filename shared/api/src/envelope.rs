//! The body of an answer: `{"code":N,"message":"…","data":{…}}`.

use serde::Serialize;

use crate::Code;

/// An answer with data, as the exact bytes of the body.
#[must_use]
pub fn envelope(code: Code, message: &str, data: Option<impl Serialize>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Envelope<'m, D> {
        code: u8,
        message: &'m str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<D>,
    }
    to_json(&Envelope {
        code: code.number(),
        message,
        data,
    })
}

/// An answer without data: a refusal, or an internal error.
#[must_use]
pub fn refusal(code: Code, message: &str) -> Vec<u8> {
    envelope(code, message, None::<()>)
}

/// Compact JSON. Our own types always serialise. If one did not, the other side would get an empty body, which
/// it cannot read, and would repeat its request.
#[must_use]
pub fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
