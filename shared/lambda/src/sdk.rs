//! The configuration of the AWS SDK, and its connections.

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::config::SharedHttpClient;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use signed_http::IDLE_LIMIT;

/// What the environment says, with connections that are kept for a few seconds only (docs/decisions/0017). The rest is
/// as in the SDK's own HTTP client.
pub(crate) async fn config() -> SdkConfig {
    let config = aws_config::from_env().http_client(http_client());
    config.load().await
}

fn http_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .proxy_config(ProxyConfig::from_env())
            .pool_idle_timeout(IDLE_LIMIT);
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.build()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use aws_config::{BehaviorVersion, Region};
    use aws_sdk_secretsmanager::config::{Credentials, SharedCredentialsProvider};
    use domain::{Clock, TransactionId};
    use socket2::{SockFilter, SockRef};
    use store::{DynamoTable, Table};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::SystemClock;
    use crate::secrets::{SecretSource, SecretsManager, Stage};

    /// What becomes of the first connection after its first answer.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Fate {
        Intact,
        /// It takes the next request and closes.
        Closes,
        /// Nothing is received any more, and nothing acknowledged.
        Vanishes,
    }

    /// A service whose first connection has this fate.
    struct Service {
        sdk: SdkConfig,
        connections: Arc<AtomicUsize>,
    }

    impl Service {
        async fn start(fate: Fate) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let connections = Arc::new(AtomicUsize::new(0));
            let accepted = Arc::clone(&connections);
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let first = accepted.fetch_add(1, Ordering::AcqRel) == 0;
                    tokio::spawn(serve(stream, if first { fate } else { Fate::Intact }));
                }
            });
            let credentials = Credentials::new("key", "secret", None, None, "test");
            let sdk = SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("ap-southeast-1"))
                .credentials_provider(SharedCredentialsProvider::new(credentials))
                .http_client(http_client())
                .endpoint_url(url)
                .build();
            Self { sdk, connections }
        }

        fn connections(&self) -> usize {
            self.connections.load(Ordering::Acquire)
        }

        fn table(&self) -> DynamoTable {
            DynamoTable::new(store::connect(&self.sdk), "table")
        }
    }

    async fn serve(mut stream: TcpStream, fate: Fate) {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        for answered in 0.. {
            // A request of these clients is small, and comes in one or two pieces: head and JSON.
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut piece = [0; 4096];
                match stream.read(&mut piece).await {
                    Ok(length @ 1..) => request.extend_from_slice(&piece[..length]),
                    _ => return,
                }
            }
            if answered > 0 && fate == Fate::Closes {
                return;
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            if fate == Fate::Vanishes {
                // A filter that accepts no byte of any packet: BPF's RET 0.
                let drop_all = [SockFilter::new(0x06, 0, 0, 0)];
                SockRef::from(&stream).attach_filter(&drop_all).unwrap();
            }
        }
    }

    fn id() -> TransactionId {
        "5b9e7a0e-0a6f-5c67-8d3e-2f1c5a4b3c2d".parse().unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "a test measures real time")]
    fn now() -> Instant {
        Instant::now()
    }

    #[tokio::test]
    async fn a_dead_connection_to_dynamodb_costs_one_attempt() {
        for (fate, connections, at_most_ms) in [
            (Fate::Intact, 1, 1_000),
            (Fate::Closes, 2, 2_000),
            (Fate::Vanishes, 2, 4_000),
        ] {
            let service = Service::start(fate).await;
            let table = service.table();
            assert!(table.get(id()).await.unwrap().is_none());
            let began = now();
            let second = table.get(id()).await;
            let took = began.elapsed().as_millis();
            assert!(second.is_ok(), "{fate:?}: {second:?}");
            assert_eq!(service.connections(), connections, "{fate:?}");
            assert!(took < at_most_ms, "{fate:?}: {took} ms");
        }
    }

    #[tokio::test]
    async fn a_dead_connection_to_secrets_manager_costs_one_attempt() {
        let service = Service::start(Fate::Vanishes).await;
        let secret = SecretsManager::new(&service.sdk, "secret");
        secret.version(Stage::Current).await.unwrap();
        let second = secret.version(Stage::Current).await;
        assert!(second.is_ok(), "{second:?}");
        assert_eq!(service.connections(), 2);
    }

    #[tokio::test]
    async fn a_connection_that_was_idle_for_long_is_not_used() {
        let service = Service::start(Fate::Vanishes).await;
        let table = service.table();
        assert!(table.get(id()).await.unwrap().is_none());
        SystemClock.sleep(Duration::from_millis(4_200)).await;
        let began = now();
        assert!(table.get(id()).await.unwrap().is_none());
        assert!(began.elapsed() < Duration::from_secs(1));
        assert_eq!(service.connections(), 2);
    }
}
