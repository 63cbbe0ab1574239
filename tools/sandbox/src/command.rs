//! `sandbox scenario NAME`: plays a scenario in the sandbox that runs, or in one that it starts.

use anyhow::{Context, bail};
use serde_json::json;

use crate::caller::{Response, http};
use crate::options::{Options, ScenarioCommand};
use crate::scenarios::{Played, Scenario};
use crate::start::Sandbox;
use crate::terminal;

/// Where a scenario was played.
pub enum Ended {
    /// In the sandbox that runs at `--listen`, or it was only a list. The text is for the terminal.
    Elsewhere(String),
    /// No sandbox runs there. One must be started.
    NoSandbox,
}

/// Plays the scenario in the sandbox that runs at `--listen`.
pub async fn scenario(options: &Options, command: &ScenarioCommand) -> anyhow::Result<Ended> {
    let Some(name) = &command.name else {
        return Ok(Ended::Elsewhere(terminal::scenarios()));
    };
    let scenario = Scenario::named(name).map_err(anyhow::Error::msg)?;
    let url = format!("http://{}/_sandbox/scenarios", options.listen);
    let body = json!({ "scenario": scenario.name(), "end": command.end });
    let asked = http()?.post(url).json(&body).send().await;
    let answer = match asked {
        Err(error) if error.is_connect() && !command.end => return Ok(Ended::NoSandbox),
        asked => Response::read(asked.context("no sandbox answers")?).await?,
    };
    if answer.status != 200 {
        bail!("{}", terminal::refusal(&answer.text));
    }
    let played: Played = serde_json::from_value(answer.json)?;
    Ok(Ended::Elsewhere(terminal::played(&played)))
}

impl Sandbox {
    /// Plays a scenario by its name, and says what happened.
    pub async fn play(&self, name: &str) -> anyhow::Result<String> {
        let scenario = Scenario::named(name).map_err(anyhow::Error::msg)?;
        let played = self.scenarios()?.play(scenario, false).await?;
        Ok(terminal::played(&played))
    }

    /// Has each call printed as it happens.
    pub fn follow(&self, print: impl Fn(&str) + Send + 'static) {
        let mut live = self.calls().live();
        tokio::spawn(async move {
            loop {
                match live.recv().await {
                    Ok(call) => print(&terminal::call(&call)),
                    Err(tokio::sync::broadcast::error::RecvError::Lagged(missed)) => {
                        print(&format!("… {missed} calls were too fast to be printed"));
                    }
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
                }
            }
        });
    }
}
