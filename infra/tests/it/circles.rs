//! Modules beside each other use each other in one direction: no circle is left but that of a parent with its own children.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module's path below its crate; the root of the crate is empty.
type Module = Vec<String>;

/// The modules of a crate with their files.
fn modules(src: &Path) -> BTreeMap<Module, PathBuf> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![src.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(src).unwrap().with_extension("");
                let mut module: Module =
                    below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
                if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
                    module.pop();
                }
                found.insert(module, path);
            }
        }
    }
    found
}

/// Words, `::` and single signs of a source, without comments and tests.
fn tokens(source: &str) -> Vec<String> {
    let product = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut tokens: Vec<String> = Vec::new();
    for line in product.lines() {
        let mut rest = line.split("//").next().unwrap_or_default();
        while let Some(first) = rest.chars().next() {
            let word = rest.find(|sign: char| !sign.is_alphanumeric() && sign != '_').unwrap_or(rest.len());
            let length = if word > 0 {
                word
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            if !first.is_whitespace() {
                tokens.push(rest[..length].to_owned());
            }
            rest = &rest[length..];
        }
    }
    tokens
}

/// The paths that a source names: those of its imports, and those that begin at a module of its crate.
fn paths(tokens: &[String]) -> Vec<Module> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if tokens[at] == "use" {
            at = import(tokens, at + 1, &[], &mut found);
        } else if matches!(tokens[at].as_str(), "crate" | "super" | "self")
            && tokens.get(at + 1).is_some_and(|next| next == "::")
        {
            at = import(tokens, at, &[], &mut found);
        }
        at += 1;
    }
    found
}

/// Reads an import, or a branch of one, from a token on. Returns where it ends.
fn import(tokens: &[String], mut at: usize, prefix: &[String], found: &mut Vec<Module>) -> usize {
    let mut path = prefix.to_vec();
    while let Some(token) = tokens.get(at) {
        if token == "}" {
            return at;
        }
        if token == "{" {
            loop {
                at = import(tokens, at + 1, &path, found);
                if tokens.get(at).is_none_or(|token| token != ",") {
                    return at + 1;
                }
            }
        }
        path.push(token.clone());
        if tokens.get(at + 1).is_none_or(|next| next != "::") {
            break;
        }
        at += 2;
    }
    found.push(path);
    at += 1;
    if tokens.get(at).is_some_and(|token| token == "as") {
        at += 2;
    }
    at
}

/// The module that a path names from a module; none if that is outside of the crate.
fn resolve(from: &Module, path: &[String], modules: &BTreeMap<Module, PathBuf>) -> Option<Module> {
    let mut path = path.iter().peekable();
    let mut module = match path.peek()?.as_str() {
        "crate" => Module::new(),
        "self" | "super" => from.clone(),
        child => {
            let child = [from.as_slice(), &[child.to_owned()]].concat();
            return modules.contains_key(&child).then_some(child);
        }
    };
    while let Some(step) = path.next_if(|step| matches!(step.as_str(), "crate" | "self" | "super")) {
        if step == "super" {
            module.pop()?;
        }
    }
    for step in path {
        let child = [module.as_slice(), std::slice::from_ref(step)].concat();
        if !modules.contains_key(&child) {
            break;
        }
        module = child;
    }
    Some(module)
}

/// What uses what among the children of a module, as long as it is part of a circle or leads to one.
fn circles(parent: &[String], uses: &BTreeSet<(Module, Module)>) -> BTreeSet<(String, String)> {
    let child = |module: &Module| module.strip_prefix(parent).and_then(<[String]>::first).cloned();
    let edges = uses.iter().filter_map(|(from, to)| Some((child(from)?, child(to)?)));
    let mut edges: BTreeSet<(String, String)> = edges.filter(|(from, to)| from != to).collect();
    loop {
        let users: BTreeSet<String> = edges.iter().map(|(from, _)| from.clone()).collect();
        let count = edges.len();
        edges.retain(|(_, to)| users.contains(to));
        if edges.len() == count {
            return edges;
        }
    }
}

/// Circles of a crate, each as the edges among the children of one module.
fn circles_of(modules: &BTreeMap<Module, PathBuf>) -> Vec<BTreeSet<(String, String)>> {
    let mut uses = BTreeSet::new();
    for (module, file) in
        modules.iter().filter(|(module, _)| module.last().is_none_or(|name| name != "tests"))
    {
        for path in paths(&tokens(&fs::read_to_string(file).unwrap())) {
            uses.extend(resolve(module, &path, modules).map(|to| (module.clone(), to)));
        }
    }
    modules.keys().map(|parent| circles(parent, &uses)).filter(|circle| !circle.is_empty()).collect()
}

#[test]
fn no_module_uses_one_that_uses_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut crates: Vec<PathBuf> =
        ["geo-index", "cache", "loadtest", "infra", "api"].map(|name| root.join(name).join("src")).into();
    crates.extend(fs::read_dir(root.join("api")).unwrap().map(|entry| entry.unwrap().path().join("src")));
    crates.retain(|src| src.is_dir());
    assert!(crates.len() > 15, "{crates:?}");
    for src in crates {
        let found = circles_of(&modules(&src));
        assert!(found.is_empty(), "circles in {}: {found:#?}", src.display());
    }
}

#[test]
fn a_circle_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("lib.rs", "mod a;\nmod b;\nmod c;\nuse self::{a::A,};\n");
    write("a.rs", "use std::fmt;\nuse super::{b::{B, Other as B2}, c::C};\n");
    write("b.rs", "// use super::a::A;\npub struct B;\n");
    write("c.rs", "fn f() { crate::b::f() }\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n");
    assert!(circles_of(&modules(directory.path())).is_empty());
    write("b.rs", "fn f() -> super::c::C {}\n");
    let circle = [("b", "c"), ("c", "b")].map(|(from, to)| (from.to_owned(), to.to_owned()));
    let all = circles_of(&modules(directory.path()));
    assert!(all.len() == 1 && circle.iter().all(|edge| all[0].contains(edge)), "{all:?}");
}
