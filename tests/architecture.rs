//! The crates depend on each other as docs/architecture.md#crates says.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests: what is missing here must stop them"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;

use serde_json::Value;

/// A package of this workspace, by the short name that docs/architecture.md has.
struct Package {
    /// Its folder, from the root: `shared/domain`.
    folder: String,
    /// The packages of this workspace that it needs to run, by their short names.
    ours: BTreeSet<String>,
    /// All other packages that it needs to run.
    others: BTreeSet<String>,
}

/// A row of the table in docs/architecture.md.
struct Row {
    pure: bool,
    may_use: BTreeSet<String>,
}

/// These have no I/O and no clock, whatever the table says.
const PURE: [&str; 5] = [
    "domain",
    "json-fields",
    "reconciliation",
    "reconciliation-report",
    "signing",
];

/// What brings I/O, a clock or randomness into a crate: names, or beginnings of names that end with `-`.
const IO: [&str; 14] = [
    "aws-",
    "axum",
    "dynoxide-rs",
    "fastrand",
    "lambda_http",
    "lambda_runtime",
    "reqwest",
    "rusqlite",
    "russh",
    "russh-sftp",
    "rustix",
    "serde_dynamo",
    "tempfile",
    "tokio",
];

fn root() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/..")
}

fn short(name: &str) -> String {
    name.strip_prefix("tikivip-").unwrap_or(name).to_owned()
}

fn packages() -> BTreeMap<String, Package> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let root = metadata["workspace_root"].as_str().unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let packages = packages.map(|package| {
        let name = short(package["name"].as_str().unwrap());
        let manifest = package["manifest_path"].as_str().unwrap();
        let folder = manifest.strip_prefix(root).unwrap();
        let folder = folder.trim_start_matches('/');
        let folder = folder.trim_end_matches("/Cargo.toml").to_owned();
        let needed = package["dependencies"].as_array().unwrap().iter();
        // `kind` is null for what the crate needs to run, and not for its tests or its build.
        let needed = needed.filter(|dependency| dependency["kind"].is_null());
        let (ours, others): (Vec<_>, Vec<_>) = needed.partition(|d| d["path"].is_string());
        let names = |of: Vec<&Value>| {
            of.iter()
                .map(|d| short(d["name"].as_str().unwrap()))
                .collect()
        };
        let (ours, others) = (names(ours), names(others));
        let package = Package {
            folder,
            ours,
            others,
        };
        (name, package)
    });
    packages.collect()
}

/// The rows of the table under "## Crates": name, `pure` or nothing, what it may use.
fn rows() -> BTreeMap<String, Row> {
    let page = std::fs::read_to_string(format!("{}/docs/architecture.md", root())).unwrap();
    let section = page.split("\n## Crates\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let rows = rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, pure, may_use] = cells.as_slice() else {
            panic!("docs/architecture.md: this row must have three cells: {line}");
        };
        let names = may_use.split(',').map(|name| name.trim().trim_matches('`'));
        let may_use = names.filter(|name| !name.is_empty() && *name != "–");
        let row = Row {
            pure: *pure == "pure",
            may_use: may_use.map(str::to_owned).collect(),
        };
        (name.trim_matches('`').to_owned(), row)
    });
    rows.collect()
}

fn row_for(name: &str, pure: bool, ours: &BTreeSet<String>) -> String {
    let names: Vec<String> = ours.iter().map(|name| format!("`{name}`")).collect();
    let names = if names.is_empty() {
        "–".to_owned()
    } else {
        names.join(", ")
    };
    format!(
        "| `{name}` | {} | {names} |",
        if pure { "pure" } else { "" }
    )
}

#[test]
fn crates_depend_on_each_other_as_the_table_says() {
    let (packages, rows) = (packages(), rows());
    let mut problems = String::new();
    for (name, package) in &packages {
        let pure = rows.get(name).is_some_and(|row| row.pure);
        if rows.get(name).is_none_or(|row| row.may_use != package.ours) {
            let row = row_for(name, pure, &package.ours);
            writeln!(
                problems,
                "the row of `{name}` must be, or its Cargo.toml must change:\n    {row}"
            )
            .unwrap();
        }
    }
    for name in rows.keys().filter(|name| !packages.contains_key(*name)) {
        writeln!(problems, "there is no package `{name}`: remove its row").unwrap();
    }
    assert!(
        problems.is_empty(),
        "docs/architecture.md, section Crates:\n{problems}"
    );
}

#[test]
fn the_arrows_of_the_picture_are_dependencies() {
    let packages = packages();
    let page = std::fs::read_to_string(format!("{}/docs/architecture.md", root())).unwrap();
    let arrows = page
        .lines()
        .filter_map(|line| line.trim().split_once(" --> "));
    let mut count = 0;
    for (from, to) in arrows {
        count += 1;
        let users = packages.iter().filter(|(name, package)| match from {
            "functions" | "functions[\"functions/*\"]" => package.folder.starts_with("functions/"),
            one => *name == one,
        });
        let mut users = users.map(|(_, package)| package);
        assert!(
            users.any(|package| package.ours.contains(to)),
            "docs/architecture.md, section Crates: {from} does not use {to}: remove the arrow"
        );
    }
    assert!(
        count > 10,
        "docs/architecture.md, section Crates: no arrows"
    );
}

#[test]
fn the_foundations_depend_on_nothing_of_ours() {
    let packages = packages();
    let ours = |name: &str| {
        packages[name]
            .ours
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
    };
    assert_eq!(ours("domain"), [""; 0]);
    assert_eq!(ours("signing"), [""; 0]);
    // It reads amounts and ids as the domain's types.
    assert_eq!(ours("json-fields"), ["domain"]);
}

#[test]
fn pure_crates_have_no_io() {
    let (packages, rows) = (packages(), rows());
    for name in PURE {
        assert!(
            rows[name].pure,
            "docs/architecture.md must call {name} pure"
        );
    }
    for (name, _) in rows.iter().filter(|(_, row)| row.pure) {
        for other in &packages[name].others {
            let is_io = |io: &str| io == other || (io.ends_with('-') && other.starts_with(io));
            assert!(
                !IO.iter().any(|io| is_io(io)),
                "{name} is pure, but depends on {other}"
            );
        }
        for ours in &packages[name].ours {
            assert!(
                rows[ours].pure,
                "{name} is pure, but depends on {ours}, which is not"
            );
        }
    }
}

#[test]
fn only_tests_and_the_simulation_depend_on_functions() {
    let packages = packages();
    let functions: Vec<&String> = packages
        .iter()
        .filter(|(_, package)| package.folder.starts_with("functions/"))
        .map(|(name, _)| name)
        .collect();
    assert!(functions.len() >= 11);
    for (name, package) in &packages {
        let used = functions
            .iter()
            .find(|function| package.ours.contains(**function));
        let may = ["e2e", "simulate"].contains(&name.as_str());
        assert!(
            may || used.is_none(),
            "{name} depends on the function {used:?}"
        );
    }
}

#[test]
fn shared_packages_have_the_prefix() {
    let output = std::fs::read_dir(format!("{}/shared", root())).unwrap();
    for folder in output {
        let folder = folder.unwrap();
        let manifest = std::fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
        let name = folder.file_name().into_string().unwrap();
        let line = format!("name = \"tikivip-{name}\"");
        assert!(manifest.contains(&line), "shared/{name}/Cargo.toml: {line}");
    }
}

/// A crate that is missing there logs warnings only, and nobody notices.
#[test]
fn every_crate_that_logs_is_heard() {
    let telemetry = format!("{}/shared/lambda/src/telemetry.rs", root());
    let telemetry = std::fs::read_to_string(telemetry).unwrap();
    let (_, targets) = telemetry.split_once("const OUR_TARGETS").unwrap();
    let (targets, _) = targets.split_once("];").unwrap();
    for (folder, all) in [("functions", true), ("shared", false)] {
        for package in std::fs::read_dir(format!("{}/{folder}", root())).unwrap() {
            let package = package.unwrap();
            let name = package.file_name().into_string().unwrap().replace('-', "_");
            // Metrics have a target of their own.
            let logs = all || (name != "metrics" && writes_events(&package.path().join("src")));
            let listed = [format!("\"{name}\""), format!("\"{name}::\"")];
            let is_listed = listed.iter().any(|entry| targets.contains(entry));
            assert!(!logs || is_listed, "{folder}/{name} is not in OUR_TARGETS");
        }
    }
}

fn writes_events(folder: &std::path::Path) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return writes_events(&path);
        }
        std::fs::read_to_string(&path)
            .unwrap()
            .contains("tracing::")
    })
}
