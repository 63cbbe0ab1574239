//! The table of webview sessions.

use std::collections::hash_map::Entry;

use async_trait::async_trait;
use domain::Timestamp;
use store::{
    Arrival, SessionStore, TableError, WebviewCall, WebviewCalls, WebviewReply, WebviewSession,
};

use crate::choices::Lane;
use crate::fault::Fault;
use crate::table::{SimTable, failed};
use crate::world::answered;

#[async_trait]
impl WebviewCalls for SimTable {
    /// It takes no time, and nothing dies in it: a death after it is one before the call to Tiki, which is a point of its own.
    async fn arrive(&self, call: &WebviewCall) -> Result<Arrival, TableError> {
        let mut world = self.world.lock().unwrap();
        Ok(match world.webview_calls.entry(call.signature.clone()) {
            Entry::Occupied(first) => Arrival::Repeated(first.get().clone()),
            Entry::Vacant(new) => {
                new.insert(None);
                Arrival::First
            }
        })
    }

    async fn keep(
        &self,
        call: &WebviewCall,
        reply: &WebviewReply,
        session: Option<&WebviewSession>,
    ) -> Result<(), TableError> {
        let (signature, reply) = (call.signature.clone(), reply.clone());
        let session = session.cloned();
        let receiver = {
            let mut world = self.world.lock().unwrap();
            world.ask(self.who, Lane::WORLD, "put session", |world, waiting| {
                let lost = world.inject(Lane::WORLD, Fault::WriteLost);
                world.after(10, move |world| {
                    if lost {
                        return waiting.answer(world, Err(failed("PutItem")));
                    }
                    world.webview_calls.insert(signature, Some(reply));
                    let session = session.map(|s| (s.request_id.to_string(), s));
                    world.sessions.extend(session);
                    waiting.answer(world, Ok(()));
                });
            })
        };
        answered(receiver).await
    }
}

#[async_trait]
impl SessionStore for SimTable {
    async fn result_url(
        &self,
        request_id: &domain::WebviewRequestId,
        _now: Timestamp,
    ) -> Result<Option<String>, TableError> {
        let request_id = request_id.to_string();
        let receiver = {
            let mut world = self.world.lock().unwrap();
            world.ask(self.who, Lane::WORLD, "get session", |world, waiting| {
                world.after(5, move |world| {
                    let session = world.sessions.get(&request_id);
                    let url = session.map(|session| session.url_checkout_result.clone());
                    waiting.answer(world, Ok(url));
                });
            })
        };
        answered(receiver).await
    }

    async fn result_url_of_customer(
        &self,
        customer: &[store::CustomerHash],
        until: Timestamp,
        _now: Timestamp,
    ) -> Result<Option<String>, TableError> {
        let customer = customer.to_vec();
        let receiver = {
            let mut world = self.world.lock().unwrap();
            world.ask(self.who, Lane::WORLD, "query sessions", |world, waiting| {
                world.after(5, move |world| {
                    let sessions = world.sessions.values();
                    let newest = sessions
                        .filter(|s| customer.contains(&s.customer) && s.opened_at <= until)
                        .max_by_key(|s| (s.opened_at, s.request_id.to_string()));
                    let url = newest.map(|session| session.url_checkout_result.clone());
                    waiting.answer(world, Ok(url));
                });
            })
        };
        answered(receiver).await
    }
}
