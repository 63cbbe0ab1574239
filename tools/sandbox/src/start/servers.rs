//! Everything that answers: the API with the sandbox's pages, the services, Tiki and the core.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware;
use tokio::net::TcpListener;

use super::Sandbox;
use super::parts::{Listeners, reached_at};
use crate::clock;
use crate::core::Core;
use crate::docs::Docs;
use crate::gateway::{Gateway, Throttle};
use crate::handles::{Handles, Pages};
use crate::options::Options;
use crate::own_pages;
use crate::s3::S3;
use crate::scenarios::Scenarios;
use crate::settings::sdk;
use crate::sftp::Sftp;
use crate::state_store::StateStore;
use crate::tiki::Tiki;
use crate::watch::Watch;

impl Sandbox {
    pub(super) fn serve(
        &mut self,
        listeners: Listeners,
        options: &Options,
        s3: &S3,
        sftp: Sftp,
    ) -> anyhow::Result<()> {
        if options.core_url.is_none() {
            let state = StateStore::open(options.data_dir.as_ref(), "core.json")?;
            let core = Core::new(self.as_core(options)?, self.journal.clone(), state);
            self.spawn(listeners.core, core.router())?;
            self.core = Some(core);
        }
        let secrets = self.iam_proxy.guard_service(self.secrets.router());
        self.spawn(listeners.secrets, secrets)?;
        self.spawn(listeners.iam_proxy, self.iam_proxy.dynamodb())?;
        let objects = self.iam_proxy.guard_objects(s3.objects());
        self.spawn(listeners.s3, s3.pages().merge(objects))?;
        let sns = self.sns.router(self.iam_proxy.clone());
        self.spawn(listeners.sns, sns)?;
        if options.tiki_url.is_none() {
            let orders = StateStore::open(options.data_dir.as_ref(), "tiki.json")?;
            let tiki = Tiki::new(
                self.as_tiki(options)?,
                self.journal.clone(),
                self.tiki_url.clone(),
                &sftp,
                orders,
            );
            self.spawn(listeners.tiki, tiki.router(self.function("reconcile")?))?;
            self.tiki = Some(tiki);
        }
        self.tasks.push(tokio::spawn(sftp.serve(listeners.sftp)));
        let gateway = Arc::new(Gateway {
            plan: self.plan.clone(),
            functions: self.functions.clone(),
            journal: self.journal.clone(),
            core: self.core.clone(),
            written: Arc::clone(&self.written),
            throttles: {
                let limits = self.plan.routes.iter().map(|route| route.throttle);
                limits
                    .map(|(rate, burst)| Throttle::new(rate, burst))
                    .collect()
            },
            clock: self.time.clock(),
            host: reached_at(listeners.api.local_addr()?).to_string(),
        });
        let docs = Docs::new(
            &self.as_tiki(options)?,
            &self.as_core(options)?,
            &self.core_url,
        );
        let handles = self.handles(&gateway);
        let scenarios = Scenarios::new(handles.clone());
        let watch = Watch::new(handles, self.calls.clone());
        let pages = docs.router().merge(self.time.router());
        let pages = pages
            .merge(watch.router())
            .merge(scenarios.clone().router());
        self.scenarios = Some(scenarios);
        self.spawn(listeners.api, pages.merge(gateway.router()))?;
        Ok(())
    }

    fn handles(&self, gateway: &Arc<Gateway>) -> Handles {
        Handles {
            gateway: Arc::clone(gateway),
            tiki: self.tiki.clone(),
            core: self.core.clone(),
            secrets: self.secrets.clone(),
            logs: self.logs.clone(),
            time: self.time.clone(),
            clock: self.time.clock(),
            dynamodb: aws_sdk_dynamodb::Client::new(&sdk(&self.dynamodb_url)),
            sftp_folder: self.sftp_folder.clone(),
            pages: Pages {
                api: self.url.clone(),
                tiki: self.tiki_url.clone(),
                s3: self.s3_url.clone(),
                sns: self.sns_url.clone(),
            },
        }
    }

    fn spawn(&mut self, listener: TcpListener, router: Router) -> anyhow::Result<()> {
        let port = listener.local_addr()?.port();
        let dated = middleware::from_fn_with_state(self.time.clock(), clock::add_date);
        let router = router
            .layer(middleware::from_fn_with_state(port, own_pages::guard))
            .layer(dated);
        self.tasks.push(tokio::spawn(async move {
            let router = router.into_make_service_with_connect_info::<SocketAddr>();
            let _ = axum::serve(listener, router).await;
        }));
        Ok(())
    }
}
