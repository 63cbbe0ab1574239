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
    let target = Target {
        name: "stack".to_owned(),
        base_url: "https://payments.example-bank.vn".to_owned(),
        tiki_url: String::new(),
        tiki_secret: String::new(),
        partner_secret: String::new(),
        ..Target::sandbox()
    };
    let made = files(&document, &target).unwrap();
    let environment = made.get("bruno/environments/stack.bru").unwrap();
    assert!(environment.contains("base_url: https://payments.example-bank.vn\n"));
    assert!(environment.contains("tiki_secret:\n"), "{environment}");
    let holds_a_secret = |content: &String| content.contains("sandbox-secret");
    assert!(!made.values().any(holds_a_secret));
}
