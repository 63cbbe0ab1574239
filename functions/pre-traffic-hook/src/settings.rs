//! The settings, as the template gives them.

use lambda::config::{ConfigError, Env, Identity, Setting};
use pre_traffic_hook::Endpoints;

pub(crate) struct Settings {
    pub(crate) endpoints: Endpoints,
    /// Alone among the functions, the hook also starts without them: CodeDeploy would wait an hour for its answer.
    pub(crate) callers: Result<Callers, ConfigError>,
}

/// Who calls our functions with a signature.
pub(crate) struct Callers {
    pub(crate) tiki: Identity,
    pub(crate) core: Identity,
}

impl Settings {
    pub(crate) fn read(env: &Env) -> Result<Self, ConfigError> {
        Ok(Self {
            endpoints: env.load(Endpoints::read)?,
            callers: env.load(Callers::read),
        })
    }
}

impl Callers {
    fn read(env: &Env) -> Setting<Self> {
        let tiki = Identity::tiki(env);
        let core = Identity::core(env);
        Ok(Self {
            tiki: tiki?,
            core: core?,
        })
    }
}
