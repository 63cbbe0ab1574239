//! Who acts, as AWS names the caller: and whether two callers are two persons.

use std::fmt;
use std::str::FromStr;

use crate::text::{BadText, OperatorName};

/// The principal of a call that AWS has authorised.
///
/// It is read from the last part of its ARN, as in `arn:aws:iam::123456789012:user/lan`, and written down by its
/// [name](Principal::name).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    kind: Kind,
    name: OperatorName,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// A user of IAM or a federated user, by the last part of the name.
    User(String),
    /// Somebody who has taken a role.
    Role { role: String, session: String },
}

/// Why somebody is not known as a person who may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPrincipal {
    /// It is none of the forms that a person's call can have.
    #[error(
        "it must be user/…, assumed-role/<role>/<session> or federated-user/<name>: an operator acts as a user or with a role"
    )]
    UnknownForm,
    /// Whoever has it can be everybody, and needs no policy.
    #[error("the root user of the account is nobody in particular: act as a user or with a role")]
    Root,
    /// The name of a session would look like that of a user.
    #[error("a role of operators must not be called user or federated-user")]
    RoleName,
    /// It cannot be written down.
    #[error("its name {0}")]
    Name(BadText),
}

const ROOT: &str = "root";
const USER: &str = "user";
const FEDERATED_USER: &str = "federated-user";
const ASSUMED_ROLE: &str = "assumed-role";

impl Principal {
    /// The name in the audit trail: `user/lan`, `federated-user/lan`, or role and session as `operators/lan`.
    #[must_use]
    pub fn name(&self) -> &OperatorName {
        &self.name
    }

    /// The principal that has this name in the audit trail; `None` of a name that AWS has not given.
    #[must_use]
    pub fn of_name(name: &OperatorName) -> Option<Self> {
        let text = name.as_str();
        let (first, _) = text.split_once('/').unwrap_or((text, ""));
        if is_reserved(first) {
            return text.parse().ok();
        }
        format!("{ASSUMED_ROLE}/{text}").parse().ok()
    }

    /// Whether the two names show two persons. Role and session must both differ: who may take a role may choose the
    /// name of the session, and one person with two roles has one session name, if IAM Identity Center gives it.
    #[must_use]
    pub fn is_another_person(&self, other: &Self) -> bool {
        let differ = |one: &str, other: &str| !one.eq_ignore_ascii_case(other);
        match (&self.kind, &other.kind) {
            (Kind::User(one), Kind::User(other)) => differ(one, other),
            (Kind::User(user), Kind::Role { session, .. })
            | (Kind::Role { session, .. }, Kind::User(user)) => differ(user, session),
            (
                Kind::Role { role, session },
                Kind::Role {
                    role: other_role,
                    session: other_session,
                },
            ) => differ(role, other_role) && differ(session, other_session),
        }
    }
}

impl FromStr for Principal {
    type Err = BadPrincipal;

    /// Reads the part of an ARN after the account.
    fn from_str(resource: &str) -> Result<Self, BadPrincipal> {
        let parts: Vec<&str> = resource.split('/').collect();
        if parts.contains(&"") {
            return Err(BadPrincipal::UnknownForm);
        }
        let (kind, name) = match parts.as_slice() {
            [ROOT] => return Err(BadPrincipal::Root),
            [USER, .., user] | [FEDERATED_USER, user] => (Kind::User((*user).to_owned()), resource),
            [ASSUMED_ROLE, role, session] => {
                if is_reserved(role) {
                    return Err(BadPrincipal::RoleName);
                }
                let kind = Kind::Role {
                    role: (*role).to_owned(),
                    session: (*session).to_owned(),
                };
                let (_, name) = resource.split_once('/').unwrap_or_default();
                (kind, name)
            }
            _ => return Err(BadPrincipal::UnknownForm),
        };
        let name = name.parse().map_err(BadPrincipal::Name)?;
        Ok(Self { kind, name })
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// Whether a name that begins so is not that of a role.
fn is_reserved(first: &str) -> bool {
    [USER, FEDERATED_USER].contains(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(resource: &str) -> Principal {
        resource.parse().unwrap()
    }

    #[test]
    fn each_form_has_a_name_that_leads_back_to_it() {
        for (resource, name) in [
            ("user/lan", "user/lan"),
            ("user/bank/ops/lan", "user/bank/ops/lan"),
            ("federated-user/lan", "federated-user/lan"),
            (
                "assumed-role/operators/lan@bank.vn",
                "operators/lan@bank.vn",
            ),
            ("assumed-role/assumed-role/lan", "assumed-role/lan"),
        ] {
            let principal = principal(resource);
            assert_eq!(principal.to_string(), name);
            assert_eq!(Principal::of_name(principal.name()), Some(principal));
        }
        for name in ["lan", "a/b/c", "user", "user/", "/lan", "lan/", "root"] {
            assert_eq!(Principal::of_name(&name.parse().unwrap()), None, "{name}");
        }
    }

    #[test]
    fn what_is_no_person_is_refused() {
        for resource in [
            "",
            "lan",
            "user",
            "user/",
            "user//lan",
            "/user/lan",
            "root/lan",
            "role/operators",
            "assumed-role/operators",
            "assumed-role/operators/",
            "assumed-role//lan",
            "assumed-role/a/b/c",
            "federated-user/a/b",
            "USER/lan",
        ] {
            let refused = resource.parse::<Principal>();
            assert_eq!(refused, Err(BadPrincipal::UnknownForm), "{resource}");
        }
        assert_eq!("root".parse::<Principal>(), Err(BadPrincipal::Root));
        for role in ["user", "federated-user"] {
            let refused = format!("assumed-role/{role}/lan").parse::<Principal>();
            assert_eq!(refused, Err(BadPrincipal::RoleName), "{role}");
        }
        let refused = |resource: &str| resource.parse::<Principal>().err();
        let long = Some(BadPrincipal::Name(BadText::Length { max: 140 }));
        assert_eq!(refused(&format!("user/{}", "x".repeat(136))), long);
        let longest = format!("assumed-role/{}/{}", "r".repeat(64), "s".repeat(64));
        assert_eq!(refused(&longest), None);
        let unprintable = Some(BadPrincipal::Name(BadText::Unprintable));
        assert_eq!(refused("user/l\nan"), unprintable);
    }

    #[test]
    fn two_names_are_two_persons_or_may_be_one() {
        const SAME: bool = false;
        const ANOTHER: bool = true;
        for (one, other, expected) in [
            ("user/lan", "user/lan", SAME),
            ("user/lan", "user/binh", ANOTHER),
            // A user's name is the only one of its account, whatever its path and its case are.
            ("user/lan", "user/ops/lan", SAME),
            ("user/lan", "user/LAN", SAME),
            ("user/lan/x", "user/lan/y", ANOTHER),
            ("user/lan", "federated-user/lan", SAME),
            ("user/lan", "federated-user/binh", ANOTHER),
            ("federated-user/lan", "federated-user/binh", ANOTHER),
            ("federated-user/lan", "federated-user/lan", SAME),
            ("assumed-role/ops/lan", "assumed-role/ops/lan", SAME),
            ("assumed-role/ops/lan", "assumed-role/ops/binh", SAME),
            ("assumed-role/ops/lan", "assumed-role/heads/lan", SAME),
            ("assumed-role/ops/lan", "assumed-role/heads/Lan", SAME),
            ("assumed-role/ops/lan", "assumed-role/OPS/binh", SAME),
            ("assumed-role/ops/lan", "assumed-role/heads/binh", ANOTHER),
            ("assumed-role/lan/binh", "assumed-role/binh/lan", ANOTHER),
            ("user/lan", "assumed-role/heads/lan", SAME),
            ("user/ops/lan", "assumed-role/heads/LAN", SAME),
            ("user/lan", "assumed-role/lan/binh", ANOTHER),
            ("federated-user/lan", "assumed-role/heads/lan", SAME),
            ("federated-user/lan", "assumed-role/heads/binh", ANOTHER),
        ] {
            let (one, other) = (principal(one), principal(other));
            assert_eq!(one.is_another_person(&other), expected, "{one} {other}");
            assert_eq!(other.is_another_person(&one), expected, "{other} {one}");
        }
    }
}
