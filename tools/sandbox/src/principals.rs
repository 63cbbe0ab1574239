//! The people who call routes with IAM authorisation: their credentials, and the policies of their roles.

use crate::grants::Grant;
use crate::template::{ACCOUNT, Plan};

/// A person who took a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The name of the session, which is the person's.
    pub name: &'static str,
    /// The name of the role.
    pub role: &'static str,
    pub access_key: &'static str,
    pub secret_key: &'static str,
    /// Who took a role has temporary credentials: without their token they are nobody's.
    pub session_token: &'static str,
    /// The policies of the role, by their logical names in the template.
    policies: &'static [&'static str],
}

impl Principal {
    /// An operator, who reads and acts.
    pub const LAN: Self = Self {
        name: "lan",
        role: "tikivip-operator",
        access_key: "KEYOFLAN",
        secret_key: "secret-of-lan",
        session_token: "session-of-lan",
        policies: &["ReadPolicy", "ActPolicy"],
    };
    /// Approves what an operator proposed.
    pub const MINH: Self = Self {
        name: "minh",
        role: "tikivip-approver",
        access_key: "KEYOFMINH",
        secret_key: "secret-of-minh",
        session_token: "session-of-minh",
        policies: &["ReadPolicy", "ApprovePolicy"],
    };
    /// Looks on, and changes nothing.
    pub const HOA: Self = Self {
        name: "hoa",
        role: "tikivip-reader",
        access_key: "KEYOFHOA",
        secret_key: "secret-of-hoa",
        session_token: "session-of-hoa",
        policies: &["ReadPolicy"],
    };
    /// Does what only an emergency allows, and reads.
    pub const KHOA: Self = Self {
        name: "khoa",
        role: "tikivip-break-glass",
        access_key: "KEYOFKHOA",
        secret_key: "secret-of-khoa",
        session_token: "session-of-khoa",
        policies: &["ReadPolicy", "BreakGlassPolicy"],
    };

    /// Each has a file of settings, and a key of the played AWS.
    pub const ALL: [Self; 4] = [Self::LAN, Self::MINH, Self::HOA, Self::KHOA];

    /// The ARN of the session, as AWS names who calls.
    #[must_use]
    pub fn arn(&self) -> String {
        format!(
            "arn:aws:sts::{ACCOUNT}:assumed-role/{}/{}",
            self.role, self.name
        )
    }

    /// The unique id of the role, and the name of the session.
    pub(crate) fn id(&self) -> String {
        let role = self.role.replace('-', "").to_uppercase();
        format!("AROA{role}:{}", self.name)
    }

    /// Whom this access key belongs to.
    pub(crate) fn with_key(access_key: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|principal| principal.access_key == access_key)
    }

    /// What the policies of the role allow. A policy that the template does not have allows nothing.
    pub(crate) fn grants(&self, plan: &Plan) -> Vec<Grant> {
        let policies = self.policies.iter();
        let policies = policies.filter_map(|name| plan.policies.get(*name));
        policies.flatten().cloned().collect()
    }
}
