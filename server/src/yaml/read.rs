//! YAML to JSON.

use super::scalar::{Scalar, resolve};
use crate::limits::{YAML_ALLOWANCE, YAML_DEPTH, YAML_GROWTH, YAML_NODES};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use std::{borrow::Cow, collections::BTreeMap, rc::Rc};

/// Turns the first document of a YAML text into JSON. Equal keys of a mapping are all kept, so
/// that whoever reads the JSON can refuse them or let the last one win.
///
/// # Errors
/// The text is not YAML, cannot be JSON, or is built to grow when it is written out; for people.
pub fn to_json(text: &[u8]) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(text).map_err(|_| "yaml: invalid UTF-8".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = Reader::default().read(text)?;
    let mut out = Output {
        json: Vec::new(),
        limit: text.len() * YAML_GROWTH + YAML_ALLOWANCE,
    };
    out.write(&document)?;
    Ok(out.json)
}

enum Node {
    /// Ready JSON; text keys are told from other scalars by the quote.
    Scalar(String),
    Sequence(Vec<Rc<Node>>),
    Mapping(Vec<Member>),
}

#[derive(Clone)]
struct Member {
    /// The key as JSON text.
    key: String,
    value: Rc<Node>,
}

/// A collection that is still open.
enum Open {
    Sequence {
        anchor: usize,
        items: Vec<Rc<Node>>,
    },
    Mapping {
        anchor: usize,
        members: Vec<Member>,
        merged: Vec<Rc<Node>>,
        key: Option<Key>,
    },
}

enum Key {
    Text(String),
    /// `<<`
    Merge,
}

#[derive(Default)]
struct Reader {
    anchors: BTreeMap<usize, Rc<Node>>,
    open: Vec<Open>,
    merged_members: usize,
}

impl Reader {
    fn read(&mut self, text: &str) -> Result<Rc<Node>, String> {
        let mut parser = Parser::new_from_str(text);
        while let Some(next) = parser.next_event() {
            let (event, span) =
                next.map_err(|why| format!("yaml: line {}: {}", why.marker().line(), why.info()))?;
            let done = self
                .event(event)
                .map_err(|why| format!("yaml: line {}: {why}", span.start.line()))?;
            if let Some(document) = done {
                return Ok(document);
            }
        }
        Ok(Rc::new(Node::Scalar("null".into())))
    }

    fn event(&mut self, event: Event<'_>) -> Result<Option<Rc<Node>>, String> {
        let (node, anchor, merge) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let merge = plain && text == "<<";
                (
                    Rc::new(Node::Scalar(scalar(&text, style, tag.as_ref())?)),
                    anchor,
                    merge,
                )
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor);
                let node = node.ok_or("an anchor's value contains itself")?;
                (Rc::clone(node), 0, false)
            }
            Event::SequenceStart(anchor, _) => {
                self.enter(Open::Sequence {
                    anchor,
                    items: Vec::new(),
                })?;
                return Ok(None);
            }
            Event::MappingStart(anchor, _) => {
                self.enter(Open::Mapping {
                    anchor,
                    members: Vec::new(),
                    merged: Vec::new(),
                    key: None,
                })?;
                return Ok(None);
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::Sequence { anchor, items }) => {
                    (Rc::new(Node::Sequence(items)), anchor, false)
                }
                Some(Open::Mapping {
                    anchor,
                    mut members,
                    merged,
                    ..
                }) => {
                    self.merge(&mut members, &merged)?;
                    (Rc::new(Node::Mapping(members)), anchor, false)
                }
                None => return Err("a collection ends that never began".into()),
            },
            _ => return Ok(None),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.place(node, merge)
    }

    fn enter(&mut self, open: Open) -> Result<(), String> {
        if self.open.len() >= YAML_DEPTH {
            return Err(format!("exceeded max depth of {YAML_DEPTH}"));
        }
        self.open.push(open);
        Ok(())
    }

    /// Puts a finished node where it belongs; hands it back when it is the document.
    fn place(&mut self, node: Rc<Node>, merge: bool) -> Result<Option<Rc<Node>>, String> {
        match self.open.last_mut() {
            None => return Ok(Some(node)),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping {
                members,
                merged,
                key,
                ..
            }) => match key.take() {
                None if merge => *key = Some(Key::Merge),
                None => *key = Some(Key::Text(key_text(&node)?)),
                Some(Key::Merge) => merged.push(node),
                Some(Key::Text(key)) => members.push(Member { key, value: node }),
            },
        }
        Ok(None)
    }

    /// Adds what `<<` names, as far as the mapping does not have it itself.
    fn merge(&mut self, members: &mut Vec<Member>, merged: &[Rc<Node>]) -> Result<(), String> {
        const WRONG: &str = "map merge requires map or sequence of maps as the value";
        let mut sources: Vec<&Rc<Node>> = Vec::new();
        for node in merged {
            match &**node {
                Node::Mapping(_) => sources.push(node),
                Node::Sequence(items) => sources.extend(items),
                Node::Scalar(_) => return Err(WRONG.into()),
            }
        }
        if sources.is_empty() {
            return Ok(());
        }
        let mut present: std::collections::BTreeSet<String> =
            members.iter().map(|member| member.key.clone()).collect();
        for source in sources {
            let Node::Mapping(source) = &**source else {
                return Err(WRONG.into());
            };
            self.merged_members += source.len();
            if self.merged_members > YAML_NODES {
                return Err("document contains excessive aliasing".into());
            }
            for member in source {
                if present.insert(member.key.clone()) {
                    members.push(member.clone());
                }
            }
        }
        Ok(())
    }
}

/// A scalar as JSON.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Cow<'_, Tag>>) -> Result<String, String> {
    let core = tag
        .filter(|tag| tag.is_yaml_core_schema())
        .map(|tag| tag.suffix.as_str());
    let typed = match core {
        None => tag.is_none() && style == ScalarStyle::Plain,
        Some("str") => false,
        Some("binary") => return binary(text),
        Some(_) => true,
    };
    let meaning = if typed { resolve(text) } else { Scalar::Text };
    let fits = match core {
        Some("bool") => matches!(meaning, Scalar::Bool(_)),
        Some("int") => matches!(meaning, Scalar::Int(_)),
        Some("float") => matches!(meaning, Scalar::Int(_) | Scalar::Float(_)),
        Some("null") => meaning == Scalar::Null,
        _ => true,
    };
    if !fits {
        return Err(format!(
            "cannot decode `{text}` as a !!{}",
            core.unwrap_or_default()
        ));
    }
    match meaning {
        Scalar::Null => Ok("null".into()),
        Scalar::Bool(value) => Ok(value.to_string()),
        Scalar::Int(number) => Ok(number.to_string()),
        Scalar::Float(number) => float(number),
        Scalar::Timestamp | Scalar::Text => Ok(quote(text)),
    }
}

/// As Go's `encoding/json` writes it: without a fraction when there is none.
fn float(number: f64) -> Result<String, String> {
    if !number.is_finite() {
        return Err(format!("json: unsupported value: {number}"));
    }
    Ok(if number.fract() == 0.0 && number.abs() < 1e21 {
        format!("{number:.0}")
    } else {
        serde_json::Value::from(number).to_string()
    })
}

fn binary(text: &str) -> Result<String, String> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let compact: String = text.split_whitespace().collect();
    let bytes = BASE64_STANDARD
        .decode(compact)
        .map_err(|_| "!!binary value contains invalid base64 data")?;
    Ok(quote(&String::from_utf8_lossy(&bytes)))
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A mapping's key as JSON text: numbers and booleans become text, as in `sigs.k8s.io/yaml`.
fn key_text(node: &Node) -> Result<String, String> {
    match node {
        Node::Scalar(json) if json.starts_with('"') => Ok(json.clone()),
        Node::Scalar(json) if json != "null" => Ok(quote(json)),
        Node::Scalar(_) => Err("unsupported map key of type null".into()),
        Node::Sequence(_) | Node::Mapping(_) => Err("invalid map key: it is not a scalar".into()),
    }
}

struct Output {
    json: Vec<u8>,
    limit: usize,
}

impl Output {
    /// Nesting is bounded: no deeper than [`YAML_DEPTH`] as written, and an alias cannot name what
    /// is not yet closed, so each alias adds at most that much; the length bounds the product.
    fn write(&mut self, node: &Node) -> Result<(), String> {
        self.write_at(node, 0)
    }

    fn write_at(&mut self, node: &Node, depth: usize) -> Result<(), String> {
        if depth > YAML_DEPTH {
            return Err(format!("yaml: exceeded max depth of {YAML_DEPTH}"));
        }
        if self.json.len() > self.limit {
            return Err("yaml: document contains excessive aliasing".into());
        }
        match node {
            Node::Scalar(json) => self.json.extend_from_slice(json.as_bytes()),
            Node::Sequence(items) => {
                self.json.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.json.push(b',');
                    }
                    self.write_at(item, depth + 1)?;
                }
                self.json.push(b']');
            }
            Node::Mapping(members) => {
                self.json.push(b'{');
                for (index, member) in members.iter().enumerate() {
                    if index > 0 {
                        self.json.push(b',');
                    }
                    self.json.extend_from_slice(member.key.as_bytes());
                    self.json.push(b':');
                    self.write_at(&member.value, depth + 1)?;
                }
                self.json.push(b'}');
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::to_json;

    fn check(yaml: &str, expected: &str) {
        let json = to_json(yaml.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(json).unwrap(), expected, "{yaml}");
    }

    fn refused(yaml: &str, expected: &str) {
        let why = to_json(yaml.as_bytes()).unwrap_err();
        assert!(why.starts_with("yaml: ") && why.contains(expected), "{why}");
    }

    #[test]
    fn documents_become_json() {
        check("", "null");
        check(
            "a: 1\nb: [x, 'y', \"no\", no]\n",
            r#"{"a":1,"b":["x","y","no",false]}"#,
        );
        check("k: |\n  line 1\n  line 2\n", r#"{"k":"line 1\nline 2\n"}"#);
        check(
            "8080: web\ntrue: x\n1.0: z\n",
            r#"{"8080":"web","true":"x","1":"z"}"#,
        );
        check(
            "a: 2026-01-02\nb: 1e3\nc: !!str 5\nd: ~\n",
            r#"{"a":"2026-01-02","b":1000,"c":"5","d":null}"#,
        );
        check("a: 1\na: 2\n", r#"{"a":1,"a":2}"#);
        check("a: 1\n---\nb: 2\n", r#"{"a":1}"#);
        check(
            "{\"a\":{\"b\":[1,2.5,null,true]}}",
            r#"{"a":{"b":[1,2.5,null,true]}}"#,
        );
        check(
            "a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3}\n",
            r#"{"a":{"p":1,"q":2},"b":{"p":1,"q":2},"c":{"q":3,"p":1}}"#,
        );
    }

    #[test]
    fn what_is_not_yaml_or_cannot_be_json_is_refused() {
        refused("a: [b\n c: d", "line");
        refused("a: .inf", "unsupported value");
        refused("? [a]\n: b", "map key");
        refused("a: !!int x", "cannot decode");
        refused("a: &x [*x]", "");
        refused("a: *missing", "");
        assert!(to_json(b"a: \xff").is_err());
    }

    #[test]
    fn hostile_documents_end_early() {
        refused(&"[".repeat(1 << 20), "recursion limit");
        refused(&"- ".repeat(1 << 18), "depth");
        refused(&"{a: ".repeat(100_000), "recursion limit");
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let before = format!("*a{}, ", level - 1).repeat(9);
            bomb += &format!("a{level}: &a{level} [{before}]\n");
        }
        refused(&bomb, "excessive aliasing");
        let members: String = (0..2000).map(|number| format!("k{number}: 1, ")).collect();
        let merges = "- {<<: *x}\n".repeat(2000);
        refused(
            &format!("a: &x {{{members}}}\nb:\n{merges}"),
            "excessive aliasing",
        );
    }
}
