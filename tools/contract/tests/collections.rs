//! The collections in `examples/collections` are what the generator makes, and send every example.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use contract::collections::{Files, Target, files, sent};
use contract::{Document, OPENAPI};

const FOLDER: &str = "examples/collections";
/// It is written by hand.
const README: &str = "README.md";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(FOLDER)
}

fn committed(folder: &Path, prefix: &str, found: &mut Files) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            committed(&entry.path(), &format!("{name}/"), found);
        } else if name != README {
            found.insert(name, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
}

#[test]
fn the_collections_are_as_generated() {
    let document = Document::read(OPENAPI).unwrap();
    let made = files(&document, &Target::sandbox()).unwrap();
    let mut there = Files::new();
    committed(&root(), "", &mut there);
    if std::env::var_os("REWRITE_COLLECTIONS").is_some() {
        for name in there.keys() {
            std::fs::remove_file(root().join(name)).unwrap();
        }
        for (name, content) in &made {
            let path = root().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        there.clone_from(&made);
    }
    let names = |files: &Files| files.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&there), names(&made));
    let command = "REWRITE_COLLECTIONS=1 cargo test -p contract";
    for (name, content) in &made {
        let same = there.get(name) == Some(content);
        assert!(same, "{FOLDER}/{name} is not as generated: {command}");
    }
}

#[test]
fn every_example_of_a_request_is_sent() {
    let document = Document::read(OPENAPI).unwrap();
    let sent: BTreeSet<(String, String)> = sent(&document).unwrap().into_iter().collect();
    for operation in &document.operations {
        for example in operation.request.iter().flat_map(|body| &body.examples) {
            let pair = (operation.id.clone(), example.name.clone());
            assert!(sent.contains(&pair), "{pair:?} is in no collection");
        }
    }
}

#[test]
fn a_path_says_who_signs() {
    let document = Document::read(OPENAPI).unwrap();
    for operation in &document.operations {
        let prefix = match operation.tag.as_str() {
            "tiki" => "/tikivip/",
            "partner" => "/partner/",
            _ => continue,
        };
        assert!(operation.path.starts_with(prefix), "{}", operation.id);
    }
}

#[test]
fn a_stack_gets_no_secret_in_a_file() {
    let document = Document::read(OPENAPI).unwrap();
    let target = Target::of_settings(stack).unwrap();
    let made = files(&document, &target).unwrap();
    let environment = made.get("bruno/environments/production.bru").unwrap();
    assert!(environment.contains("base_url: https://payments.example-bank.vn\n"));
    assert!(environment.contains("tiki_secret:\n"), "{environment}");
    let holds_a_secret = |content: &String| content.contains("sandbox-secret");
    assert!(!made.values().any(holds_a_secret));
}

fn stack(name: &str) -> Option<String> {
    let value = match name {
        "TIKI_ENVIRONMENT" => "production",
        "API_URL" => "https://payments.example-bank.vn/",
        "TIKI_CLIENT_ID" | "CORE_CLIENT_ID" => "client",
        _ => return None,
    };
    Some(value.to_owned())
}

#[test]
fn a_stack_that_is_not_known_whole_gets_no_collection() {
    let with = |name: &'static str, value: &'static str| {
        Target::of_settings(move |asked| {
            let given = (asked == name).then(|| value.to_owned());
            given.or_else(|| stack(asked))
        })
    };
    for name in [
        "TIKI_ENVIRONMENT",
        "API_URL",
        "TIKI_CLIENT_ID",
        "CORE_CLIENT_ID",
    ] {
        assert_eq!(with(name, "").unwrap_err().name, name);
        assert_eq!(with(name, "a\nsecret: b").unwrap_err().name, name);
    }
    for url in [
        "ftp://pay.example.vn",
        "pay.example.vn",
        "https://pay.example.vn/#a",
    ] {
        assert_eq!(with("API_URL", url).unwrap_err().name, "API_URL", "{url}");
    }
}

#[test]
fn a_sandbox_has_its_default_secrets_under_its_ids_only() {
    let default = Target::sandbox();
    let target = |tiki: &str, core: &str| {
        let (tiki, core) = (tiki.to_owned(), core.to_owned());
        let read = move |asked: &str| match asked {
            "SANDBOX_TIKI_URL" => Some("http://127.0.0.1:5001".to_owned()),
            "TIKI_CLIENT_ID" => Some(tiki.clone()),
            "CORE_CLIENT_ID" => Some(core.clone()),
            _ => stack(asked),
        };
        Target::of_settings(read).unwrap()
    };
    let (tiki, core) = (&default.tiki_client_id, &default.partner_client_id);
    let same = target(tiki, core);
    assert_eq!(same.tiki_url, "http://127.0.0.1:5001");
    assert_eq!(same.tiki_secret, default.tiki_secret);
    assert_eq!(same.partner_secret, default.partner_secret);
    assert!(same.missing_secrets().is_empty());
    assert_eq!(target("other", core).missing_secrets(), ["tiki_secret"]);
    assert_eq!(target(tiki, "other").missing_secrets(), ["partner_secret"]);
}
