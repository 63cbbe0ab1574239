//! Secrets that are rotated during calls: the versions in Secrets Manager, and the versions of the counterparty.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::Timestamp;
use lambda::secrets::{SecretSource, Stage, Version};
use signing::{ClientSecret, Keyring};

use crate::choices::Lane;
use crate::fault::Fault;
use crate::wiring::{CLIENT_ID, CORE_ID};
use crate::world::{MINUTE, SECOND, World, answered};

/// One of our secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    Tiki,
    Core,
    Link,
}

impl Secret {
    const ALL: [Self; 3] = [Self::Tiki, Self::Core, Self::Link];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tiki => "tiki",
            Self::Core => "core",
            Self::Link => "link",
        }
    }

    pub(crate) fn client_id(self) -> &'static str {
        match self {
            Self::Tiki => CLIENT_ID,
            Self::Core => CORE_ID,
            Self::Link => "payment-link",
        }
    }

    fn value(self, version: u64) -> String {
        format!("{}-secret-of-the-simulation-{version}", self.name())
    }
}

/// The current versions of a secret.
#[derive(Clone, Copy, Debug)]
struct Versions {
    /// The version `AWSCURRENT`; the version before is `AWSPREVIOUS`.
    ours: u64,
    /// The version with which the counterparty signs.
    signs: u64,
    /// The newest version that the counterparty accepts; it also accepts the version before.
    accepts: u64,
    /// When `ours` was put.
    put_at: i64,
}

pub(crate) struct Secrets([Versions; 3]);

impl Secrets {
    pub(crate) fn new() -> Self {
        let first = Versions {
            ours: 1,
            signs: 1,
            accepts: 1,
            put_at: 0,
        };
        Self([first; 3])
    }

    /// The keys with which the counterparty signs now.
    pub(crate) fn theirs(&self, secret: Secret) -> Keyring {
        keyring(secret, self.0[secret as usize].signs)
    }

    /// The keys that the counterparty accepts now.
    pub(crate) fn accepted(&self, secret: Secret) -> Keyring {
        let newest = self.0[secret as usize].accepts;
        let previous = ClientSecret::new(secret.value(newest.saturating_sub(1)));
        keyring(secret, newest).accepting(Some(previous))
    }

    /// Both sides use the newest version, as after a completed rotation.
    pub(crate) fn use_newest(&mut self, now: i64) {
        for versions in &mut self.0 {
            let newest = versions.ours.max(versions.accepts);
            *versions = Versions {
                ours: newest,
                signs: newest,
                accepts: newest,
                put_at: if newest == versions.ours {
                    versions.put_at
                } else {
                    now
                },
            };
        }
    }
}

fn keyring(secret: Secret, version: u64) -> Keyring {
    Keyring::new(secret.client_id(), ClientSecret::new(secret.value(version)))
}

impl World {
    /// Rotates a secret in three steps, in any order and at any interval.
    pub(crate) fn rotate_a_secret(&mut self) {
        let which = self.choices.one_of(Lane::WORLD, &Secret::ALL);
        let next = self.secrets.0[which as usize].accepts + 1;
        let step = |world: &mut Self, of: fn(&mut Versions) -> &mut u64| {
            let after = world.choices.span(Lane::WORLD, 0, 10 * MINUTE);
            world.after(after, move |world| {
                let now = world.now();
                let versions = &mut world.secrets.0[which as usize];
                let before = versions.ours;
                let version = of(versions);
                *version = next.max(*version);
                if versions.ours != before {
                    versions.put_at = now;
                }
            });
        };
        step(self, |versions| &mut versions.accepts);
        step(self, |versions| &mut versions.ours);
        step(self, |versions| &mut versions.signs);
    }
}

/// An instance's view of a secret.
pub(crate) struct SimSecret {
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) who: usize,
    pub(crate) secret: Secret,
}

#[async_trait]
impl SecretSource for SimSecret {
    async fn version(
        &self,
        stage: Stage,
    ) -> Result<Option<Version>, Box<dyn std::error::Error + Send + Sync>> {
        let secret = self.secret;
        let receiver = {
            let mut world = self.world.lock().unwrap();
            world.ask(self.who, Lane::WORLD, "read secret", |world, waiting| {
                let fails = world.inject(Lane::WORLD, Fault::SecretsDown);
                let ms = if fails { 4 * SECOND } else { 15 };
                world.after(ms, move |world| {
                    let versions = world.secrets.0[secret as usize];
                    let current = versions.ours;
                    let version = match stage {
                        Stage::Current => Some(current),
                        Stage::Previous => current.checked_sub(1).filter(|version| *version > 0),
                    };
                    // The version before was put earlier, and so does not count.
                    let value = version.map(|version| Version {
                        text: format!(r#"{{"secret":"{}"}}"#, secret.value(version)).into(),
                        created_at: Timestamp::from_unix_ms(versions.put_at).ok(),
                    });
                    let answer = if fails {
                        Err("simulated".into())
                    } else {
                        Ok(value)
                    };
                    waiting.answer(world, answer);
                });
            })
        };
        answered(receiver).await
    }
}
