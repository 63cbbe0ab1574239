//! The signature check of incoming calls, before anything is parsed (protocol §2, design §3).

use std::sync::Arc;

use domain::Clock;
use signed_http::HeaderNames;
use signing::{
    GetSigning, KeyProvider, KeyUsed, SignatureHeaders, SignatureRefusal, Verified, Window,
};

use crate::api::{ApiError, Inbound};

/// Verifies the calls of one other side.
#[derive(Clone)]
pub struct Verifier {
    /// How its headers are called.
    pub headers: HeaderNames,
    /// The keys of the conversation.
    pub keys: Arc<dyn KeyProvider>,
    /// How far a timestamp may lie from our clock.
    pub window: Window,
    /// Our clock.
    pub clock: Arc<dyn Clock>,
}

impl Verifier {
    /// Verifies the exact bytes of the body.
    pub async fn verify<'r>(&self, request: &'r Inbound) -> Result<Verified<'r>, ApiError> {
        self.verify_any(request, &[request.body.as_slice()]).await
    }

    /// Verifies a GET, by the setting of what is signed of one (protocol §2). `candidates` holds what the
    /// caller found with [`payload_candidates`].
    pub async fn verify_get<'b>(
        &self,
        request: &Inbound,
        candidates: &'b [String],
    ) -> Result<Verified<'b>, ApiError> {
        let candidates: Vec<&[u8]> = candidates.iter().map(String::as_bytes).collect();
        self.verify_any(request, &candidates).await
    }

    async fn verify_any<'b>(
        &self,
        request: &Inbound,
        candidates: &[&'b [u8]],
    ) -> Result<Verified<'b>, ApiError> {
        let headers = SignatureHeaders {
            timestamp: request.header(self.headers.timestamp),
            client_id: request.header(self.headers.client_id),
            signature: request.header(self.headers.signature),
        };
        let now_ms = self.clock.now().unix_ms();
        let candidates = candidates.iter().copied();

        let keys = self.keys.keys().await?;
        let mut result = keys.verify_any(&headers, candidates.clone(), now_ms, self.window);
        if result.as_ref().err() == Some(&SignatureRefusal::Mismatch) {
            // A rotation explains it, if the sender has the new secret and we have not.
            let keys = self.keys.reload().await?;
            result = keys.verify_any(&headers, candidates, now_ms, self.window);
        }
        self.measure_clock(&headers, now_ms, &result);
        let verified = result?;
        if verified.key() == KeyUsed::Previous {
            metrics::PREVIOUS_SECRET_USES.count(&[self.headers.conversation]);
            tracing::info!(previous_secret = true, "signed with the previous secret");
        }
        Ok(verified)
    }
}

impl Verifier {
    /// How old a rightly signed timestamp is, also one that is refused for its age: that is when somebody asks.
    fn measure_clock(
        &self,
        headers: &SignatureHeaders<'_>,
        now_ms: i64,
        result: &Result<Verified<'_>, SignatureRefusal>,
    ) {
        let genuine = matches!(result, Ok(_) | Err(SignatureRefusal::Stale));
        let sent_ms = headers.timestamp.and_then(|text| text.parse::<i64>().ok());
        if let (true, Some(sent_ms)) = (genuine, sent_ms) {
            let conversation = &[self.headers.conversation];
            metrics::CLOCK_DIFFERENCE.record(conversation, now_ms.saturating_sub(sent_ms));
        }
    }
}

/// Parameters of a GET that we try in every order; API Gateway does not tell in which they came.
const MOST_PARAMETERS: usize = 3;

/// The texts that the sender of a GET may have signed, of which any one will do: they all bind the same
/// query. API Gateway hands a query over decoded and without order, so it is put together again in every
/// order; a query that needs escaping differently from ours cannot be verified, and no id needs any
/// (protocol §8). `base` is the part of the path that belongs to the base URL that Tiki was given.
#[must_use]
pub fn payload_candidates(signing: GetSigning, request: &Inbound, base: &str) -> Vec<String> {
    let relative = request.path.strip_prefix(base).unwrap_or(&request.path);
    let paths = match signing {
        GetSigning::RelativePath => [relative, request.path.as_str()],
        GetSigning::FullPath => [request.path.as_str(), request.full_path.as_str()],
        GetSigning::EmptyBody => return vec![String::new()],
        GetSigning::EmptyObject => return vec!["{}".to_owned()],
    };
    let pair = |(name, value): &(String, String)| {
        let mut pair = url::form_urlencoded::Serializer::new(String::new());
        pair.append_pair(name, value).finish()
    };
    let pairs: Vec<String> = request.query.iter().map(pair).collect();
    if pairs.len() > MOST_PARAMETERS {
        return Vec::new();
    }
    let queries = orders(&pairs);
    let with_query = |path: &str| {
        let join = |query: &Vec<String>| match query.join("&") {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        };
        queries.iter().map(join).collect::<Vec<_>>()
    };
    paths.into_iter().flat_map(with_query).collect()
}

fn orders(items: &[String]) -> Vec<Vec<String>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (i, first) in items.iter().enumerate() {
        let mut rest = items.to_vec();
        rest.remove(i);
        for mut order in orders(&rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(query: &[(&str, &str)]) -> Inbound {
        Inbound {
            path: "/tikivip/v1/transactions".to_owned(),
            full_path: "/prod/tikivip/v1/transactions".to_owned(),
            query: query
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
            ..Inbound::default()
        }
    }

    fn candidates(setting: &str, query: &[(&str, &str)]) -> Vec<String> {
        payload_candidates(setting.parse().unwrap(), &get(query), "/tikivip/v1")
    }

    #[test]
    fn a_get_may_be_signed_from_either_end_of_its_base() {
        assert_eq!(
            candidates("relative_path", &[("a", "1")]),
            ["/transactions?a=1", "/tikivip/v1/transactions?a=1"]
        );
        assert_eq!(
            candidates("full_path", &[("a", "1")]),
            [
                "/tikivip/v1/transactions?a=1",
                "/prod/tikivip/v1/transactions?a=1"
            ]
        );
        assert_eq!(candidates("empty_body", &[("a", "1")]), [""]);
        assert_eq!(candidates("empty_object", &[("a", "1")]), ["{}"]);
        assert_eq!(candidates("full_path", &[])[0], "/tikivip/v1/transactions");
    }

    #[test]
    fn every_order_of_a_few_parameters_is_tried_and_no_order_of_many() {
        let two = candidates("relative_path", &[("a", "1"), ("b", "x y")]);
        assert_eq!(two.len(), 4);
        assert!(two.contains(&"/transactions?b=x+y&a=1".to_owned()));
        assert_eq!(
            candidates("relative_path", &[("a", "1"), ("b", "2"), ("c", "3")]).len(),
            12
        );
        assert!(
            candidates(
                "relative_path",
                &[("a", ""), ("b", ""), ("c", ""), ("d", "")]
            )
            .is_empty()
        );
    }
}
