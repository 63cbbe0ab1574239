//! What is signed of a GET, which has no body (protocol §2, an open point).

use std::str::FromStr;

/// What is signed of a GET. It is a setting until Tiki has answered the open point of protocol §2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GetSigning {
    /// Path and query after the base URL, as on Tini App's page: `/transaction?tiki_transaction_id=…`.
    #[default]
    RelativePath,
    /// Path and query from the host's root: `/miniapp/tikivip/transaction?tiki_transaction_id=…`.
    FullPath,
    /// The empty text.
    EmptyBody,
    /// The two characters `{}`.
    EmptyObject,
}

impl GetSigning {
    /// The settings in the order in which they are tried.
    pub const ALL: [Self; 4] = [
        Self::RelativePath,
        Self::FullPath,
        Self::EmptyBody,
        Self::EmptyObject,
    ];

    /// The name of the setting, as the template has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RelativePath => "relative_path",
            Self::FullPath => "full_path",
            Self::EmptyBody => "empty_body",
            Self::EmptyObject => "empty_object",
        }
    }

    /// The text to sign for a URL made of the path of a base (`/miniapp/tikivip`, no slash at its end) and
    /// what follows it (`/transaction?…`).
    #[must_use]
    pub fn message(self, base_path: &str, relative: &str) -> String {
        match self {
            Self::RelativePath => relative.to_owned(),
            Self::FullPath => format!("{base_path}{relative}"),
            Self::EmptyBody => String::new(),
            Self::EmptyObject => "{}".to_owned(),
        }
    }
}

/// The text is none of the four settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be relative_path, full_path, empty_body or empty_object")]
pub struct UnknownGetSigning;

impl FromStr for GetSigning {
    type Err = UnknownGetSigning;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = |setting: &Self| setting.as_str() == text;
        Self::ALL.into_iter().find(named).ok_or(UnknownGetSigning)
    }
}
