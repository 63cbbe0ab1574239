//! A topic of SNS: whoever has subscribed to it, and confirmed, gets the mail.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sns::Client;

use crate::{Mail, MailError, Mailbox};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// A topic as a mailbox.
#[derive(Clone, Debug)]
pub struct SnsTopic {
    client: Client,
    arn: String,
}

impl SnsTopic {
    /// The topic with this ARN.
    #[must_use]
    pub fn new(sdk: &SdkConfig, arn: impl Into<String>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let config = aws_sdk_sns::config::Builder::from(sdk).timeout_config(timeouts);
        Self {
            client: Client::from_conf(config.build()),
            arn: arn.into(),
        }
    }
}

#[async_trait]
impl Mailbox for SnsTopic {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let request = self.client.publish().topic_arn(&self.arn);
        let request = request.subject(mail.subject()).message(mail.body());
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(MailError(error.into())),
        }
    }
}
