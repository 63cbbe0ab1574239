//! The modules of this crate have no circle, and use only what stands above them in the table of `lib.rs`.
//!
//! A module is a file; its folder stands for all of its files.

#![expect(clippy::unwrap_used, reason = "helpers of a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// The modules of the table in `lib.rs`, each with the number of its row.
fn rows() -> BTreeMap<String, usize> {
    let lib = fs::read_to_string(Path::new(SRC).join("lib.rs")).unwrap();
    let rows = lib.lines().filter(|line| line.starts_with("//! | `"));
    let cells = rows.map(|row| row.split('|').nth(1).unwrap());
    let names = cells.enumerate().flat_map(|(row, cell)| {
        let names = cell.split('`').skip(1).step_by(2);
        names.map(move |name| (name.to_owned(), row))
    });
    names.collect()
}

/// Each file of `src`, named as `payment` or `payment::state`, with its text.
fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(SRC).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            for child in fs::read_dir(&path).unwrap() {
                let child = child.unwrap().path();
                let name = child.file_stem().unwrap().to_str().unwrap();
                let text = fs::read_to_string(&child).unwrap();
                files.insert(format!("{module}::{name}"), text);
            }
        } else if module != "lib" {
            files.insert(module, fs::read_to_string(&path).unwrap());
        }
    }
    files
}

/// The names that come after `prefix` in the code of a file, its unit tests left out.
fn named<'t>(text: &'t str, prefix: &'t str) -> impl Iterator<Item = &'t str> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim().starts_with("//"));
    lines.flat_map(move |line| {
        let after = line.split(prefix).skip(1);
        after.map(|rest| {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            &rest[..end.unwrap_or(rest.len())]
        })
    })
}

#[test]
fn a_module_uses_only_what_is_above_it_in_the_table() {
    let rows = rows();
    for (module, text) in files() {
        let own = module.split("::").next().unwrap().to_owned();
        let row = rows
            .get(&own)
            .unwrap_or_else(|| panic!("{own} is in the table"));
        for used in named(&text, "crate::") {
            let above = rows
                .get(used)
                .unwrap_or_else(|| panic!("{module} names crate::{used}"));
            assert!(above <= row && used != own, "{module} uses {used}");
        }
    }
}

#[test]
fn modules_have_no_circle() {
    let files = files();
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, text) in &files {
        let edges = uses.entry(module.clone()).or_default();
        edges.extend(named(text, "crate::").map(str::to_owned));
        let Some((folder, _)) = module.split_once("::") else {
            continue;
        };
        edges.extend(named(text, "super::").map(|name| format!("{folder}::{name}")));
        uses.entry(folder.to_owned())
            .or_default()
            .insert(module.clone());
    }
    // Takes away, again and again, what uses nothing that is left.
    while !uses.is_empty() {
        let left: BTreeSet<String> = uses.keys().cloned().collect();
        let before = uses.len();
        uses.retain(|_, used| used.iter().any(|name| left.contains(name)));
        assert!(uses.len() < before, "a circle: {uses:#?}");
    }
}
