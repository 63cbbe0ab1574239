//! Tiki and the core, as this function asks them and tries their signatures.

use std::sync::Arc;

use core_api::CoreClient;
use domain::ClientId;
use operator_api::signature::Counterparty;
use signed_http::BaseUrl;
use signing::{GetSigning, HeaderNames, KeyProvider, Window};
use tiki_api::TikiClient;

use crate::Operator;

/// How we talk to Tiki.
pub struct TikiSide {
    /// The base URL of Tiki's API.
    pub base: BaseUrl,
    /// What we sign of a GET.
    pub get_signing: GetSigning,
    /// Client ids of earlier times that Tiki may still use.
    pub former: Vec<ClientId>,
    /// What both sides sign with.
    pub keys: SideKeys,
    /// Looks transactions up.
    pub client: TikiClient,
}

/// How we talk to the core.
pub struct CoreSide {
    /// The base URL of the core's API.
    pub base: BaseUrl,
    /// What both sides sign with.
    pub keys: SideKeys,
    /// Asks for statements; `None` if the core has none by API.
    pub statements: Option<CoreClient>,
    /// What there is to say if the core is not asked for statements.
    pub no_statements: &'static str,
    /// How old a signature may be.
    pub window: Window,
}

/// The keys that are shared with a counterparty.
pub struct SideKeys {
    /// As the functions use them.
    pub accepted: Arc<dyn KeyProvider>,
    /// With the previous secret also when it has ended: to find out who still uses it, and not to accept it.
    pub for_diagnosis: Arc<dyn KeyProvider>,
}

impl Operator {
    /// The keys that are shared with a counterparty.
    pub(crate) fn keys(&self, counterparty: Counterparty) -> &SideKeys {
        match counterparty {
            Counterparty::Tiki => &self.tiki.keys,
            Counterparty::Core => &self.core.keys,
        }
    }
}

/// The names of the headers that a counterparty signs with.
pub(crate) fn header_names(counterparty: Counterparty) -> HeaderNames {
    match counterparty {
        Counterparty::Tiki => HeaderNames::TIKI,
        Counterparty::Core => HeaderNames::PARTNER,
    }
}
