//! What the sender of a GET may have signed (protocol §2, an open point).

use signing::GetSigning;

use crate::Inbound;

/// Parameters of a GET that we try in every order; API Gateway does not tell in which they came.
const MAX_QUERY_PARAMETERS: usize = 3;

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
