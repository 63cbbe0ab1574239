//! A collection for Bruno: a folder of small text files.

use std::fmt::Write as _;

use serde_json::json;

use super::script::BRUNO;
use super::step::Step;
use super::story::Chapter;
use super::{ABOUT, Files, Target};

pub(super) fn write(story: &[Chapter], target: &Target, files: &mut Files) {
    let mut file = |path: String, content: String| {
        files.insert(format!("bruno/{path}"), content);
    };
    let about = json!({ "version": "1", "name": "Tiki VIP", "type": "collection" });
    let about = serde_json::to_string_pretty(&about).unwrap_or_default();
    file("bruno.json".to_owned(), format!("{about}\n"));
    let signs = block("script:pre-request", &BRUNO.signs());
    let docs = block("docs", ABOUT);
    file("collection.bru".to_owned(), format!("{signs}\n{docs}"));
    let variables = target.variables();
    let variables = variables.map(|(name, value, _)| format!("{name}: {value}"));
    let environment = block("vars", &variables.join("\n"));
    file(format!("environments/{}.bru", target.name), environment);
    for (number, chapter) in (1..).zip(story) {
        let folder = format!("{number}-{}", slug(&chapter.title.en));
        let meta = format!("name: {}\nseq: {number}", chapter.title.vi);
        file(format!("{folder}/folder.bru"), block("meta", &meta));
        for (number, step) in (1..).zip(&chapter.steps) {
            let name = format!("{folder}/{number:02}-{}.bru", slug(&step.title.en));
            file(name, request(number, step));
        }
    }
}

fn request(number: u32, step: &Step) -> String {
    let is_json = step.headers.iter().any(|(_, kind)| kind.ends_with("/json"));
    let kind = match step.body {
        None => "none",
        Some(_) if is_json => "json",
        Some(_) => "text",
    };
    // A colon would end the name.
    let title = step.title.vi.replace(':', " –");
    let meta = format!("name: {number:02}. {title}\ntype: http\nseq: {number}");
    let call = format!("url: {}\nbody: {kind}\nauth: none", step.url);
    let mut blocks = vec![
        block("meta", &meta),
        block(&step.method.to_lowercase(), &call),
    ];
    if !step.headers.is_empty() {
        let headers = step.headers.iter();
        let headers = headers.map(|(name, value)| format!("{name}: {value}"));
        let headers: Vec<String> = headers.collect();
        blocks.push(block("headers", &headers.join("\n")));
    }
    if let Some(body) = &step.body {
        blocks.push(block(&format!("body:{kind}"), body));
    }
    let prepares = BRUNO.prepares(step);
    if !prepares.is_empty() {
        blocks.push(block("script:pre-request", &prepares));
    }
    blocks.push(block("tests", &BRUNO.checks(step)));
    // A redirect is an answer to look at, and what is signed must not be written in another way.
    blocks.push(block(
        "settings",
        "encodeUrl: false\nfollowRedirects: false",
    ));
    blocks.push(block("docs", &step.title.en));
    blocks.join("\n")
}

fn block(name: &str, content: &str) -> String {
    let mut out = format!("{name} {{\n");
    for line in content.lines() {
        let _ = writeln!(out, "{}", format!("  {line}").trim_end());
    }
    out.push_str("}\n");
    out
}

/// The name of a file.
fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| word.contains(|c: char| c.is_ascii_alphabetic()));
    let words: Vec<String> = words.map(str::to_lowercase).take(8).collect();
    words.join("-")
}
