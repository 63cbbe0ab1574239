//! What the sender of a GET may have signed (protocol §2, an open point).

use crate::Inbound;

/// Up to this number, the parameters of a GET are tried in every order. API Gateway does not pass on their order.
const MAX_QUERY_PARAMETERS: usize = 3;

/// The texts that the sender of a GET may have signed. Each of them binds the same query, so a signature of any one
/// is accepted. API Gateway passes a query on decoded and without order, so it is put together again in every
/// order. A query that needs another escaping than ours cannot be verified, and no id needs any (protocol §8).
///
/// Each candidate has the path, whatever `TIKI_GET_SIGNING` says: that is for our own calls. A signature of an empty
/// body would open every GET. `base_path` is the part of the path that belongs to the base URL that the sender was
/// given, if the sender may leave it out.
#[must_use]
pub fn payload_candidates(request: &Inbound, base_path: Option<&str>) -> Vec<String> {
    let relative = base_path.and_then(|base_path| request.path.strip_prefix(base_path));
    let relative = relative.filter(|relative| relative.starts_with('/'));
    let whole = [request.path.as_str(), request.full_path.as_str()];
    let mut paths: Vec<&str> = relative.into_iter().chain(whole).collect();
    paths.dedup();
    let pair = |(name, value): &(String, String)| {
        let mut pair = url::form_urlencoded::Serializer::new(String::new());
        pair.append_pair(name, value).finish()
    };
    let pairs: Vec<String> = request.query.iter().map(pair).collect();
    if pairs.len() > MAX_QUERY_PARAMETERS {
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

    fn candidates(query: &[(&str, &str)]) -> Vec<String> {
        payload_candidates(&get(query), Some("/tikivip/v1"))
    }

    #[test]
    fn a_get_may_be_signed_with_or_without_the_base_path() {
        assert_eq!(
            candidates(&[("a", "1")]),
            [
                "/transactions?a=1",
                "/tikivip/v1/transactions?a=1",
                "/prod/tikivip/v1/transactions?a=1"
            ]
        );
        assert_eq!(candidates(&[])[0], "/transactions");
    }

    #[test]
    fn without_a_base_path_only_a_whole_path_counts() {
        assert_eq!(
            payload_candidates(&get(&[]), None),
            ["/tikivip/v1/transactions", "/prod/tikivip/v1/transactions"]
        );
    }

    #[test]
    fn every_candidate_has_the_path() {
        let mut at_the_root = get(&[]);
        at_the_root.path = "/tikivip/v1".to_owned();
        at_the_root.full_path = "/tikivip/v1".to_owned();
        for (request, base) in [
            (get(&[]), Some("/tikivip/v1")),
            (get(&[]), Some("/tikivip/v1/transactions")),
            (get(&[]), None),
            (at_the_root, Some("/tikivip/v1")),
        ] {
            for candidate in payload_candidates(&request, base) {
                assert!(candidate.starts_with('/'), "{candidate:?} under {base:?}");
            }
        }
    }

    #[test]
    fn a_few_parameters_are_tried_in_every_order() {
        let two = candidates(&[("a", "1"), ("b", "x y")]);
        assert_eq!(two.len(), 6);
        assert!(two.contains(&"/transactions?b=x+y&a=1".to_owned()));
        let three = candidates(&[("a", "1"), ("b", "2"), ("c", "3")]);
        assert_eq!(three.len(), 18);
        assert!(candidates(&[("a", ""), ("b", ""), ("c", ""), ("d", "")]).is_empty());
    }
}
