//! The server with which a kit plays the other side: its address, and its stop.

use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::address;

/// A server that runs until it is dropped.
pub(crate) struct Host {
    listener: Option<TcpListener>,
    /// Where the system under test reaches it, without a slash at the end.
    pub(crate) url: String,
    task: Option<JoinHandle<()>>,
}

impl Host {
    /// Opens the port. `public_url` is what the other side calls, if that is another address.
    pub(crate) async fn open(listen: SocketAddr, public_url: Option<&str>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {listen}"))?;
        let own = format!("http://{}", listener.local_addr()?);
        let url = match public_url {
            Some(url) => address::api_option("--public-url", url)?,
            None => own,
        };
        Ok(Self {
            listener: Some(listener),
            url,
            task: None,
        })
    }

    pub(crate) fn serve(&mut self, router: Router) {
        if let Some(listener) = self.listener.take() {
            self.task = Some(tokio::spawn(async move {
                let _ = axum::serve(listener, router).await;
            }));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
