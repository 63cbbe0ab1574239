//! Collections of calls for Postman and Bruno. They sign each call, check each answer, and run from top to bottom as one
//! story: an order is created, paid, refunded in part, and everything that is refused is refused.
//!
//! The requests are the examples of the document, and so is what is expected of them.

mod bruno;
mod postman;
mod script;
mod step;
mod story;

use std::collections::BTreeMap;

use crate::document::DocumentError;
use crate::settings::Settings;
use crate::{Document, SettingError};

/// What both programs show first.
const ABOUT: &str = "Chạy từ trên xuống dưới, chỉ trên môi trường thử nghiệm. Mỗi lời gọi được ký tự động.\n\n\
    Run it from top to bottom, in a test environment only. Each call is signed.";

/// Files by their path in the folder of the collections.
pub type Files = BTreeMap<String, String>;

/// Whom the collections call, and as whom.
#[derive(Clone, Debug)]
pub struct Target {
    /// The name of the environment in both programs.
    pub name: String,
    /// `ApiUrl` of the stack, without a slash at the end.
    pub base_url: String,
    /// The Tiki that the sandbox plays. Empty for a stack: then what only a sandbox can do is skipped.
    pub tiki_url: String,
    pub tiki_client_id: String,
    /// Empty for a stack: a secret is entered by hand and not written into a file.
    pub tiki_secret: String,
    pub partner_client_id: String,
    pub partner_secret: String,
}

impl Target {
    /// A sandbox with its default credentials, which open nothing else.
    #[must_use]
    pub fn sandbox() -> Self {
        Self {
            name: "sandbox".to_owned(),
            base_url: "http://127.0.0.1:8080".to_owned(),
            tiki_url: "http://127.0.0.1:8081".to_owned(),
            tiki_client_id: "5a9db0c5-0000-4000-8000-7469746b6976".to_owned(),
            tiki_secret: "sandbox-secret-between-tiki-and-partner".to_owned(),
            partner_client_id: "sandbox-core".to_owned(),
            partner_secret: "sandbox-secret-between-core-and-functions".to_owned(),
        }
    }

    /// The stack of these settings. Its secrets are not among them, and stay empty. A sandbox has its default secrets under
    /// its default client ids, and empty ones under others.
    pub fn of_settings(read: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let settings = Settings::new(read);
        let stack = Self {
            name: settings.word("TIKI_ENVIRONMENT")?,
            base_url: settings.url("API_URL")?,
            tiki_url: String::new(),
            tiki_client_id: settings.required("TIKI_CLIENT_ID")?,
            tiki_secret: String::new(),
            partner_client_id: settings.required("CORE_CLIENT_ID")?,
            partner_secret: String::new(),
        };
        if settings.optional("SANDBOX_TIKI_URL")?.is_none() {
            return Ok(stack);
        }
        let default = Self::sandbox();
        // Under another client id the sandbox was started with credentials of its own, which the settings do not have.
        let secret = |id: &str, default_id: &str, secret: String| {
            if id == default_id {
                secret
            } else {
                String::new()
            }
        };
        Ok(Self {
            name: default.name,
            tiki_url: settings.url("SANDBOX_TIKI_URL")?,
            tiki_secret: secret(
                &stack.tiki_client_id,
                &default.tiki_client_id,
                default.tiki_secret,
            ),
            partner_secret: secret(
                &stack.partner_client_id,
                &default.partner_client_id,
                default.partner_secret,
            ),
            ..stack
        })
    }

    /// The variables that are left empty, and must be entered by hand.
    #[must_use]
    pub fn missing_secrets(&self) -> Vec<&'static str> {
        let variables = self.variables().into_iter();
        let missing = variables.filter(|(_, value, is_secret)| *is_secret && value.is_empty());
        missing.map(|(name, _, _)| name).collect()
    }

    /// The variables, and whether each is a secret.
    fn variables(&self) -> [(&'static str, &str, bool); 6] {
        [
            ("base_url", &self.base_url, false),
            ("tiki_url", &self.tiki_url, false),
            ("tiki_client_id", &self.tiki_client_id, false),
            ("tiki_secret", &self.tiki_secret, true),
            ("partner_client_id", &self.partner_client_id, false),
            ("partner_secret", &self.partner_secret, true),
        ]
    }
}

/// All files of both collections.
pub fn files(document: &Document, target: &Target) -> Result<Files, DocumentError> {
    let story = story::story(document)?;
    let mut files = Files::new();
    postman::write(&story, target, &mut files);
    bruno::write(&story, target, &mut files);
    Ok(files)
}

/// The examples of requests that the collections send, by operation.
pub fn sent(document: &Document) -> Result<Vec<(String, String)>, DocumentError> {
    let story = story::story(document)?;
    let steps = story.into_iter().flat_map(|chapter| chapter.steps);
    Ok(steps.filter_map(|step| step.example).collect())
}
