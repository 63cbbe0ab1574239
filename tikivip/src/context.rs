//! What the commands use: the same tables, secrets and clients as the functions.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, TikiTransactionId, Transaction, TransactionId};
use lambda::aws::AwsContext;
use lambda::config::{Identity, TableName, get_signing, tiki_api};
use signing::{KeyProvider, Keyring};
use store::{DynamoRecords, RandomWriteIds, ReconciliationRecords, Transactions};
use tiki_api::{PhoneFormat, TikiClient};

use crate::cli::Counterparty;
use crate::output::Outcome;

pub(crate) struct CommandContext {
    aws: AwsContext,
}

impl CommandContext {
    pub(crate) async fn open() -> Self {
        let aws = AwsContext::of_command().await;
        Self { aws }
    }

    pub(crate) fn aws(&self) -> &AwsContext {
        &self.aws
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.aws.clock
    }

    pub(crate) fn transactions(&self) -> anyhow::Result<Transactions> {
        let table = self.aws.env.load(TableName::transactions)?;
        Ok(self.aws.transactions(&table))
    }

    pub(crate) fn records(&self) -> anyhow::Result<ReconciliationRecords> {
        let table = self.aws.env.load(TableName::reconciliation)?;
        let dynamodb = store::connect(self.aws.sdk());
        Ok(ReconciliationRecords::new(
            Arc::new(DynamoRecords::new(dynamodb, table.0)),
            Arc::new(RandomWriteIds),
        ))
    }

    /// Finds a transaction by our id, by Tiki's, or by the id of a finding about it.
    pub(crate) async fn find(&self, id: &str) -> anyhow::Result<(Transactions, Transaction)> {
        let transactions = self.transactions()?;
        // `core:9e87ce51-…/R1`, `T-1/R1`: no id of Tiki has a slash.
        let of_finding = id.strip_prefix("core:").unwrap_or(id);
        let id = of_finding.split_once('/').map_or(of_finding, |(id, _)| id);
        if let Ok(ours) = id.parse::<TransactionId>()
            && let Some(found) = transactions.load(ours).await?
        {
            return Ok((transactions, found));
        }
        if let Ok(tikis) = id.parse::<TikiTransactionId>() {
            let id = TransactionId::derive(&tikis);
            if let Some(found) = transactions.load(id).await? {
                return Ok((transactions, found));
            }
        }
        Err(Outcome::NotFound(format!("transaction {id}")).into())
    }

    /// The keys that are shared with a counterparty.
    pub(crate) async fn keys(&self, counterparty: Counterparty) -> anyhow::Result<Keyring> {
        Ok(self.provider(counterparty).await?.keys().await?)
    }

    /// The same with the previous secret also when it has ended: to find out who still uses it, and not to accept it.
    pub(crate) async fn keys_for_diagnosis(
        &self,
        counterparty: Counterparty,
    ) -> anyhow::Result<Keyring> {
        let identity = Identity {
            previous_for: Duration::MAX,
            ..self.identity(counterparty)?
        };
        Ok(self.aws.keys(&identity).await.keys().await?)
    }

    pub(crate) async fn provider(
        &self,
        counterparty: Counterparty,
    ) -> anyhow::Result<Arc<dyn KeyProvider>> {
        Ok(self.aws.keys(&self.identity(counterparty)?).await)
    }

    fn identity(&self, counterparty: Counterparty) -> anyhow::Result<Identity> {
        let identity = self.aws.env.load(match counterparty {
            Counterparty::Tiki => Identity::tiki,
            Counterparty::Core => Identity::core,
        })?;
        Ok(identity)
    }

    pub(crate) async fn tiki(&self) -> anyhow::Result<TikiClient> {
        let (api, get_signing) = self.aws.env.load(|env| {
            let (api, get_signing) = (tiki_api(env), get_signing(env));
            Ok((api?, get_signing?))
        })?;
        let keys = self.provider(Counterparty::Tiki).await?;
        let client = self.aws.tiki_client(api, get_signing, keys)?;
        Ok(TikiClient::new(client, PhoneFormat::default()))
    }
}
