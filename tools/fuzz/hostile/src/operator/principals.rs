//! The names of callers, as AWS gives them.

use domain::{OperatorName, Principal};

use crate::Marks;
use crate::data::Data;
use crate::json::{CANARY, acts};

/// Reads two callers, and the rest as a name that is written down already.
pub(super) fn read(mut data: Data<'_>) -> Marks {
    let (one, other) = (data.text(), data.text());
    let mut marks = Marks::new();
    let callers = [parsed(&one), parsed(&other)];
    marks.push(match callers {
        [None, None] => "nobody",
        [Some(_), None] | [None, Some(_)] => "a caller",
        [Some(ref one), Some(ref other)] => two(one, other),
    });
    if let Ok(name) = String::from_utf8_lossy(data.rest()).parse::<OperatorName>()
        && let Some(found) = Principal::of_name(&name)
    {
        assert_eq!(found.name(), &name, "a name of another caller");
        marks.push("a name that was written down");
    }
    marks
}

fn parsed(resource: &str) -> Option<Principal> {
    match resource.parse::<Principal>() {
        Err(refused) => {
            assert!(!refused.to_string().contains(CANARY), "{refused}");
            None
        }
        Ok(principal) => {
            let name = principal.name();
            assert!(!name.as_str().contains(acts), "unprintable: {resource:?}");
            assert!((1..=140).contains(&name.as_str().chars().count()));
            assert!(resource.ends_with(name.as_str()), "{resource}: {name}");
            assert_eq!(Principal::of_name(name).as_ref(), Some(&principal));
            assert_eq!(principal.to_string(), name.as_str());
            assert!(!principal.is_another_person(&principal));
            Some(principal)
        }
    }
}

/// Two callers that may approve each other's acts.
fn two(one: &Principal, other: &Principal) -> &'static str {
    let differ = one.is_another_person(other);
    assert_eq!(differ, other.is_another_person(one), "{one}, {other}");
    let last = |principal: &Principal| {
        let name = principal.name().as_str();
        name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase()
    };
    if last(one) == last(other) {
        assert!(!differ, "{one} and {other} may be one person");
    }
    if differ {
        "two persons"
    } else {
        "one person, or perhaps"
    }
}

pub(super) fn seeds() -> impl Iterator<Item = Vec<u8>> {
    let resources = [
        "root",
        "user/lan",
        "user/bank/ops/lan",
        "federated-user/lan",
        "assumed-role/tikivip-operator/lan",
        "assumed-role/tikivip-approver/minh",
        "assumed-role/user/lan",
        "user/l\u{202e}an",
        "canary-7f3a",
        "",
    ];
    let names = ["", "user/lan", "tikivip-operator/lan", "lan", "root"];
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap_or(0)], text.as_bytes()].concat();
    resources.into_iter().flat_map(move |one| {
        resources
            .into_iter()
            .zip(names.into_iter().cycle())
            .map(move |(other, name)| {
                [vec![1], text(one), text(other), name.as_bytes().to_vec()].concat()
            })
    })
}
