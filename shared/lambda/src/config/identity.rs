//! Who we are towards a counterparty: client ids, and the secrets that go with them.

use std::str::FromStr;
use std::time::Duration;

use domain::ClientId;

use super::{Env, Setting};

/// Our client id towards one counterparty, and the secret in Secrets Manager that goes with it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The client id that goes into the headers.
    pub client_id: ClientId,
    /// Name or ARN of the secret.
    pub secret_id: String,
    /// For how long its previous version is accepted.
    pub previous_for: Duration,
}

impl Identity {
    /// `TIKI_CLIENT_ID` and `TIKI_SECRET_ID`: towards Tiki.
    pub fn tiki(env: &Env) -> Setting<Self> {
        Self::read(env, "TIKI_CLIENT_ID", "TIKI_SECRET_ID")
    }

    /// `CORE_CLIENT_ID` and `CORE_SECRET_ID`: towards the partner's app and core.
    pub fn core(env: &Env) -> Setting<Self> {
        Self::read(env, "CORE_CLIENT_ID", "CORE_SECRET_ID")
    }

    fn read(env: &Env, client_id: &str, secret_id: &str) -> Setting<Self> {
        let (client_id, secret_id) = (env.required(client_id), env.required(secret_id));
        let previous_for = previous_secret_lifetime(env);
        Ok(Self {
            client_id: client_id?,
            secret_id: secret_id?,
            previous_for: previous_for?,
        })
    }
}

/// The secret that signs payment links and links to reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSecret {
    /// Name or ARN of the secret.
    pub id: String,
    /// For how long its previous version is accepted.
    pub previous_for: Duration,
}

impl LinkSecret {
    /// `LINK_SECRET_ID`.
    pub fn read(env: &Env) -> Setting<Self> {
        let id = env.required("LINK_SECRET_ID");
        let previous_for = previous_secret_lifetime(env);
        Ok(Self {
            id: id?,
            previous_for: previous_for?,
        })
    }
}

/// `PREVIOUS_SECRET_DAYS`: how long the secret from before a rotation is accepted beside the new one.
fn previous_secret_lifetime(env: &Env) -> Setting<Duration> {
    env.or("PREVIOUS_SECRET_DAYS", Days(14))
        .map(|days| Duration::from_hours(24 * u64::from(days.0)))
}

/// `TIKI_FORMER_CLIENT_IDS`: the client ids that Tiki gave us earlier, and under which Tiki's calls are still accepted
/// (protocol §1). Our own calls always have `TIKI_CLIENT_ID`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormerClientIds(pub Vec<ClientId>);

impl FormerClientIds {
    /// The most former client ids. A change of the client id is rare, and the next one comes when the last is over.
    pub const MAX: usize = 2;

    /// Reads the setting.
    pub fn tiki(env: &Env) -> Setting<Self> {
        env.or("TIKI_FORMER_CLIENT_IDS", Self::default())
    }
}

impl FromStr for FormerClientIds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ids = text.split(',').map(str::trim);
        // A header carries it, and the signature has it before a dot: it is what a header can carry, without blanks.
        let plain = |id: &&str| id.bytes().all(|b| b.is_ascii_graphic());
        let ids: Option<Vec<ClientId>> =
            ids.map(|id| Some(id).filter(plain)?.parse().ok()).collect();
        match ids {
            Some(ids) if ids.len() <= Self::MAX => Ok(Self(ids)),
            _ => Err("must be one or two client ids, separated by a comma"),
        }
    }
}

/// A setting in days: at least one, at most a year.
struct Days(u16);

impl FromStr for Days {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(days @ 1..=365) => Ok(Self(days)),
            _ => Err("must be a number of days from 1 to 365"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigError;

    #[test]
    fn former_client_ids_are_a_short_list() {
        let read = |text: &str| {
            text.parse::<FormerClientIds>()
                .map(|ids| ids.0.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(read("a"), Ok(vec!["a".to_owned()]));
        assert_eq!(read("a, b"), Ok(vec!["a".to_owned(), "b".to_owned()]));
        let too_long = "a".repeat(129);
        for bad in [
            ",",
            "a,",
            ",a",
            "a,,b",
            "a b",
            "a,b,c",
            "đ",
            "a\n,b\u{7f}",
            &too_long,
        ] {
            let refused = Err("must be one or two client ids, separated by a comma");
            assert_eq!(read(bad), refused, "{bad}");
        }
        let env =
            Env::new(|name| (name == "TIKI_FORMER_CLIENT_IDS").then(|| "hunter2,,".to_owned()));
        assert_eq!(
            env.load(FormerClientIds::tiki).unwrap_err().0,
            ["TIKI_FORMER_CLIENT_IDS must be one or two client ids, separated by a comma"]
        );
    }

    #[test]
    fn a_previous_secret_ends() {
        let read = |days: &'static str| {
            let env = Env::new(move |name| match name {
                "LINK_SECRET_ID" => Some("secret".to_owned()),
                "PREVIOUS_SECRET_DAYS" => Some(days.to_owned()),
                _ => None,
            });
            env.load(LinkSecret::read)
                .map(|secret| secret.previous_for.as_secs() / 86_400)
        };
        assert_eq!(read(""), Ok(14));
        assert_eq!(read("1"), Ok(1));
        assert_eq!(read("365"), Ok(365));
        for never_or_no_number in ["0", "366", "-1", "1.5", "x"] {
            let problem = "PREVIOUS_SECRET_DAYS must be a number of days from 1 to 365";
            let refused = Err(ConfigError(vec![problem.to_owned()]));
            assert_eq!(read(never_or_no_number), refused);
        }
    }
}
