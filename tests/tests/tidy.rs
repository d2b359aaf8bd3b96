//! What the style asks for and a test can keep.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A file has one subject; above this it has two.
const LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory of the project") {
        let path = entry.expect("an entry of it").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for crate_name in ["model", "server", "proofs", "tests"] {
        sources(&root().join(crate_name), &mut found);
    }
    assert!(
        found.len() > 100,
        "the project has more files than {}",
        found.len()
    );
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source file");
        (path, text)
    };
    found.into_iter().map(read).collect()
}

#[test]
fn files_have_one_subject() {
    for (path, text) in all_sources() {
        let lines = text.lines().count();
        assert!(lines <= LINES, "{}: {lines} lines", path.display());
    }
}

#[test]
fn nothing_is_left_for_later_and_no_test_is_skipped() {
    // Put together here, so that this file does not hold what it forbids.
    let marks = ["#[ig", "todo", "unimplemented", "FIX", "XX"];
    let rests = ["nore", "!(", "!(", "ME", "X:"];
    for (path, text) in all_sources() {
        for (mark, rest) in marks.iter().zip(rests) {
            let mark = format!("{mark}{rest}");
            assert!(!text.contains(&mark), "{}: {mark}", path.display());
        }
    }
}

#[test]
fn the_core_cannot_name_the_standard_library() {
    let library = fs::read_to_string(root().join("model/src/lib.rs")).expect("the core");
    assert!(library.contains("#![no_std]"));
    for (path, text) in all_sources() {
        if path.starts_with(root().join("model")) {
            let named = ["extern crate std", "std::"].iter().find(|name| {
                text.lines().any(|line| {
                    let code = line.split("//").next().unwrap_or_default();
                    code.contains(*name)
                })
            });
            assert_eq!(named, None, "{}", path.display());
        }
    }
}

#[test]
fn nothing_that_the_core_depends_on_has_the_standard_library_turned_on() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "model",
            "--edges",
            "normal,features",
            "--locked",
        ])
        .args(["--offline", "--prefix", "none"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let tree = String::from_utf8(tree.stdout).expect("text");
    assert!(tree.contains("serde_json feature \"alloc\""), "{tree}");
    let on: Vec<&str> = tree
        .lines()
        .filter(|line| line.contains("feature \"std\""))
        .collect();
    assert!(on.is_empty(), "{on:?}");
}

#[test]
fn documents_keep_the_order_of_their_names() {
    // A dependency that turns on `preserve_order` would change every stored byte.
    let document: serde_json::Value = serde_json::from_str(r#"{"b": 1, "a": 2}"#).expect("JSON");
    assert_eq!(document.to_string(), r#"{"a":2,"b":1}"#);
}
