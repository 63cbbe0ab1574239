//! A collection and an environment for Postman, version 2.1 of its format.

use serde_json::{Value, json};

use super::script::POSTMAN;
use super::step::Step;
use super::story::Chapter;
use super::{ABOUT, Files, Target};

const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";

pub(super) fn write(story: &[Chapter], target: &Target, files: &mut Files) {
    let folders: Vec<Value> = story.iter().map(folder).collect();
    let collection = json!({
        "info": { "name": "Tiki VIP", "description": ABOUT, "schema": SCHEMA },
        "event": [event("prerequest", &POSTMAN.signs())],
        "item": folders,
    });
    let values = target.variables().map(|(key, value, is_secret)| {
        let kind = if is_secret { "secret" } else { "default" };
        json!({ "key": key, "value": value, "type": kind, "enabled": true })
    });
    let environment = json!({
        "name": format!("Tiki VIP: {}", target.name),
        "values": values,
        "_postman_variable_scope": "environment",
    });
    for (name, content) in [
        ("tikivip.postman_collection.json", collection),
        ("tikivip.postman_environment.json", environment),
    ] {
        let text = serde_json::to_string_pretty(&content).unwrap_or_default();
        files.insert(name.to_owned(), format!("{text}\n"));
    }
}

fn folder(chapter: &Chapter) -> Value {
    let items: Vec<Value> = chapter.steps.iter().map(item).collect();
    json!({ "name": chapter.title.vi, "description": chapter.title.en, "item": items })
}

fn item(step: &Step) -> Value {
    let headers = step.headers.iter();
    let headers = headers.map(|(key, value)| json!({ "key": key, "value": value }));
    let body = step.body.as_ref();
    let request = json!({
        "method": step.method,
        "header": headers.collect::<Vec<_>>(),
        "url": step.url,
        "description": step.title.en,
        "body": body.map(|raw| json!({ "mode": "raw", "raw": raw })),
    });
    let mut events = vec![event("test", &POSTMAN.checks(step))];
    let prepares = POSTMAN.prepares(step);
    if !prepares.is_empty() {
        events.insert(0, event("prerequest", &prepares));
    }
    json!({
        "name": step.title.vi,
        "event": events,
        "request": request,
        // A redirect is an answer to look at.
        "protocolProfileBehavior": { "followRedirects": false },
    })
}

fn event(listen: &str, script: &str) -> Value {
    let lines: Vec<&str> = script.lines().collect();
    json!({ "listen": listen, "script": { "type": "text/javascript", "exec": lines } })
}
