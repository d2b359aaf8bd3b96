//! Field selectors: parsing, matching, printing (`k8s.io/apimachinery/pkg/fields/selector.go`).

use super::Selectable;
use crate::object::Meta;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

/// Which fields an object must have: all terms must hold, so none selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldSelector {
    terms: Vec<FieldTerm>,
}

/// One condition on one field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldTerm {
    /// `metadata.name`, or what the resource offers besides.
    pub field: String,
    /// `field=value`; otherwise `field!=value`.
    pub equal: bool,
    /// With what it is compared; not escaped.
    pub value: String,
}

impl FieldSelector {
    /// Parses the query parameter's syntax: `a=b,c!=d,e==f`, with `\`, `,` and `=` escaped by `\`
    /// in values (`fields.ParseSelector`).
    ///
    /// # Errors
    /// The real server's text, which it answers as a 400.
    pub fn parse(selector: &str) -> Result<FieldSelector, String> {
        let mut parts = split(selector);
        parts.sort_unstable();
        let mut terms = Vec::new();
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let (field, equal, value) = operands(part).ok_or_else(|| {
                format!("invalid selector: '{selector}'; can't understand '{part}'")
            })?;
            let value = unescape(value)?;
            // Upstream drops a term of nothing, whatever its operator.
            if !field.is_empty() || !value.is_empty() {
                let field = field.to_string();
                terms.push(FieldTerm {
                    field,
                    equal,
                    value,
                });
            }
        }
        // Upstream leaves `==` where it sorts before `=`; in one order equal selectors are equal.
        terms.sort_by_cached_key(ToString::to_string);
        Ok(FieldSelector { terms })
    }

    /// Selects the one object of that name.
    #[must_use]
    pub fn name(name: &str) -> FieldSelector {
        let term = FieldTerm {
            field: "metadata.name".into(),
            equal: true,
            value: name.into(),
        };
        FieldSelector {
            terms: Vec::from([term]),
        }
    }

    /// The same selector in the fields that objects of this resource carry, when it knows them all
    /// (`Scheme.ConvertFieldLabel`).
    ///
    /// # Errors
    /// The real server's text for the first field that the resource does not know; a 400.
    pub fn supported(mut self, selectable: &Selectable) -> Result<FieldSelector, String> {
        for term in &mut self.terms {
            match selectable.path(&term.field) {
                Some(path) => term.field = path.into(),
                None => return Err(selectable.refusal(&term.field)),
            }
        }
        Ok(self)
    }

    /// The terms, in the order of their canonical text.
    #[must_use]
    pub fn terms(&self) -> &[FieldTerm] {
        &self.terms
    }

    /// Whether every object is selected without looking at its fields.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// The value that `field` must have, when the selector says so: with `metadata.name` a list or
    /// watch is one of a single object (`RequiresExactMatch`).
    #[must_use]
    pub fn exact(&self, field: &str) -> Option<&str> {
        let found = self
            .terms
            .iter()
            .find(|term| term.equal && term.field == field);
        found.map(|term| term.value.as_str())
    }

    /// Whether an object is selected. A field that its resource does not carry is empty.
    #[must_use]
    pub fn matches(&self, meta: &Meta) -> bool {
        self.terms.iter().all(|term| {
            let found = match term.field.as_str() {
                "metadata.name" => &meta.name,
                "metadata.namespace" => &meta.namespace,
                other => meta.fields.get(other).map_or("", String::as_str),
            };
            (found == term.value) == term.equal
        })
    }
}

impl fmt::Display for FieldSelector {
    /// The query parameter's syntax.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            term.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for FieldTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = if self.equal { "=" } else { "!=" };
        write!(f, "{}{operator}{}", self.field, escape(&self.value))
    }
}

/// The parts between commas that are not escaped.
fn split(selector: &str) -> Vec<&str> {
    let mut escaped = false;
    selector
        .split(|character| {
            let ends = character == ',' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        })
        .collect()
}

/// What stands left of the first operator, whether that is one of equality, and what stands right.
fn operands(part: &str) -> Option<(&str, bool, &str)> {
    let at = part
        .char_indices()
        .map(|(index, _)| index)
        .find(|index| part[*index..].starts_with("!=") || part[*index..].starts_with('='))?;
    let (field, rest) = part.split_at(at);
    if let Some(value) = rest.strip_prefix("!=") {
        return Some((field, false, value));
    }
    let value = rest.strip_prefix("==").or_else(|| rest.strip_prefix('='))?;
    Some((field, true, value))
}

/// `fields.EscapeValue`.
fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for character in value.chars() {
        if matches!(character, '\\' | ',' | '=') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// `fields.UnescapeValue`.
fn unescape(value: &str) -> Result<String, String> {
    let wrong = |sequence: &str| {
        Err(format!(
            "invalid field selector: invalid escape sequence: {sequence}"
        ))
    };
    let mut out = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => out.push(escaped),
                Some(other) => return wrong(&format!("\\{other}")),
                None => return wrong("\\"),
            },
            // Go prints a rune as its number.
            ',' | '=' => {
                return Err(format!(
                    "invalid field selector: unescaped character in value: {}",
                    character as u32
                ));
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::FieldSelector;
    use crate::{object::Meta, selector::selectable};
    use alloc::string::ToString;

    fn check(text: &str, canonical: Result<&str, &str>) {
        let parsed = FieldSelector::parse(text).map(|found| found.to_string());
        assert_eq!(
            parsed,
            canonical.map(Into::into).map_err(Into::into),
            "{text}"
        );
    }

    #[test]
    fn the_syntax_is_the_real_one() {
        check("", Ok(""));
        check(",,", Ok(""));
        check("=", Ok(""));
        check("b=1,a!=2", Ok("a!=2,b=1"));
        check("a==1", Ok("a=1"));
        check(
            "a===1",
            Err("invalid field selector: unescaped character in value: 61"),
        );
        check("a=", Ok("a="));
        check("=x", Ok("=x"));
        check("a!=!", Ok("a!=!"));
        check(r"a=x\,y\=\\", Ok(r"a=x\,y\=\\"));
        check(
            r"a=\x",
            Err(r"invalid field selector: invalid escape sequence: \x"),
        );
        check(
            r"a=x\",
            Err(r"invalid field selector: invalid escape sequence: \"),
        );
        check("a=ü\\,", Ok("a=ü\\,"));
        check(
            "metadata.name",
            Err("invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
        );
        check(
            "metadata.name>a",
            Err("invalid selector: 'metadata.name>a'; can't understand 'metadata.name>a'"),
        );
    }

    #[test]
    fn each_resource_knows_its_fields() {
        let check = |group: &str, plural: &str, text: &str, expected: Result<&str, &str>| {
            let parsed = FieldSelector::parse(text).unwrap();
            let found = parsed.supported(selectable(group, plural));
            let found = found.map(|found| found.to_string());
            assert_eq!(found, expected.map(Into::into).map_err(Into::into));
        };
        let only = "is not a known field selector: only \"metadata.name\", \"metadata.namespace\"";
        for field in ["data.k", "metadata.labels"] {
            let text = alloc::format!("{field}=x");
            let expected = alloc::format!("\"{field}\" {only}");
            check("", "configmaps", &text, Err(&expected));
        }
        let expected = alloc::format!("\"spec.nodeName\" {only}");
        check("apps", "deployments", "spec.nodeName=x", Err(&expected));
        let expected = "field label not supported: spec.nonsense";
        check("", "pods", "spec.nonsense=x", Err(expected));
        check("", "pods", "spec.host=x", Ok("spec.nodeName=x"));
        let expected = "field label not supported: metadata.namespace";
        check("", "nodes", "metadata.namespace=x", Err(expected));
        let expected = "field label \"spec.x\" not supported for Job";
        check("batch", "jobs", "spec.x=1", Err(expected));
        let expected =
            "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: spec.x";
        check(
            "resource.k8s.io",
            "resourceslices",
            "spec.x=1",
            Err(expected),
        );
        let group = "events.k8s.io";
        check(
            group,
            "events",
            "regarding.name=p",
            Ok("involvedObject.name=p"),
        );
    }

    #[test]
    fn a_missing_field_is_empty() {
        let mut meta = Meta::default();
        meta.name = "a".into();
        meta.fields.insert("spec.nodeName", "n".into());
        for (text, expected) in [
            ("", true),
            ("metadata.name=a", true),
            ("metadata.name!=a", false),
            ("metadata.namespace=", true),
            ("spec.nodeName=n,metadata.name=a", true),
            ("spec.nodeName=m", false),
            ("spec.nodeName!=", true),
            ("status.podIPs=", true),
        ] {
            let selector = FieldSelector::parse(text).unwrap();
            assert_eq!(selector.matches(&meta), expected, "{text}");
        }
        let selector = FieldSelector::parse("metadata.namespace!=n,metadata.name=a").unwrap();
        assert_eq!(selector.exact("metadata.name"), Some("a"));
        assert_eq!(selector.exact("metadata.namespace"), None);
        assert_eq!(FieldSelector::name("a").to_string(), "metadata.name=a");
    }
}
