//! Label selectors: parsing, matching, printing.

use super::lexer::{Token, words};
use crate::{
    golang,
    status::{FieldError, FieldErrorKind},
    validation::name,
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::fmt;
use serde_json::Value;

/// Which labels an object must have: all requirements must hold, so none selects everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LabelSelector {
    /// Sorted by key. `None` selects nothing: a `metav1.LabelSelector` that is null.
    requirements: Option<Vec<Requirement>>,
}

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// How its value is compared.
    pub operator: Operator,
    /// With what; in order and without repetitions.
    pub values: Vec<String>,
}

/// `selection.Operator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `key`
    Exists,
    /// `!key`
    DoesNotExist,
    /// `key=value`
    Equals,
    /// `key==value`
    DoubleEquals,
    /// `key!=value`: also selects objects without the label.
    NotEquals,
    /// `key in (a,b)`
    In,
    /// `key notin (a,b)`: also selects objects without the label.
    NotIn,
    /// `key>1`
    GreaterThan,
    /// `key<1`
    LessThan,
}

impl Default for LabelSelector {
    fn default() -> Self {
        LabelSelector::everything()
    }
}

impl LabelSelector {
    /// Selects every object.
    #[must_use]
    pub fn everything() -> LabelSelector {
        LabelSelector::of(Vec::new())
    }

    /// Selects no object.
    #[must_use]
    pub fn nothing() -> LabelSelector {
        LabelSelector { requirements: None }
    }

    /// Parses the query parameter's syntax: `a=b,c in (d,e),!f` (`labels.Parse`).
    ///
    /// # Errors
    /// The real server's text, which it answers as a 400.
    pub fn parse(selector: &str) -> Result<LabelSelector, String> {
        let mut parser = Parser {
            words: words(selector),
            position: 0,
        };
        parser.selector().map(LabelSelector::of)
    }

    /// Reads a `metav1.LabelSelector`: `{"matchLabels": …, "matchExpressions": …}`
    /// (`metav1.LabelSelectorAsSelector`). Null selects nothing, an empty object everything.
    ///
    /// # Errors
    /// The real server's text, or that the document has not that shape.
    pub fn from_json(value: &Value) -> Result<LabelSelector, String> {
        if value.is_null() {
            return Ok(LabelSelector::nothing());
        }
        let mut requirements = Vec::new();
        if let Some(labels) = value.get("matchLabels").and_then(Value::as_object) {
            for (key, value) in labels {
                let value = value.as_str().unwrap_or_default().to_string();
                requirements.push(Requirement::new(key, Operator::Equals, vec![value])?);
            }
        }
        let expressions = value.get("matchExpressions").and_then(Value::as_array);
        for expression in expressions.into_iter().flatten() {
            let text = |name: &str| expression.get(name).and_then(Value::as_str);
            let operator = match text("operator").unwrap_or_default() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => {
                    let quoted = golang::quote(other);
                    return Err(format!("{quoted} is not a valid label selector operator"));
                }
            };
            let values = expression.get("values").and_then(Value::as_array);
            let values = values
                .into_iter()
                .flatten()
                .map(|value| value.as_str().unwrap_or_default().to_string())
                .collect();
            let key = text("key").unwrap_or_default();
            requirements.push(Requirement::new(key, operator, values)?);
        }
        Ok(LabelSelector::of(requirements))
    }

    /// The requirements, sorted by key; `None` selects nothing.
    #[must_use]
    pub fn requirements(&self) -> Option<&[Requirement]> {
        self.requirements.as_deref()
    }

    /// Whether every object is selected without looking at its labels.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.requirements.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether an object with these labels is selected.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let requirements = self.requirements.as_ref();
        requirements.is_some_and(|all| all.iter().all(|one| one.matches(labels)))
    }

    fn of(mut requirements: Vec<Requirement>) -> LabelSelector {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        LabelSelector {
            requirements: Some(requirements),
        }
    }
}

impl FromIterator<Requirement> for LabelSelector {
    fn from_iter<I: IntoIterator<Item = Requirement>>(requirements: I) -> LabelSelector {
        LabelSelector::of(requirements.into_iter().collect())
    }
}

impl Requirement {
    /// A requirement that can be met (`labels.NewRequirement`).
    ///
    /// # Errors
    /// The real server's text: a bad key or value, or a wrong number of values.
    pub fn new(
        key: &str,
        operator: Operator,
        mut values: Vec<String>,
    ) -> Result<Requirement, String> {
        let mut errors = Vec::new();
        let wrong_key = name::label_key(key);
        if !wrong_key.is_empty() {
            errors.push(FieldError::invalid_text("key", key, wrong_key.join("; ")));
        }
        errors.extend(wrong_values(operator, &values));
        for (index, value) in values.iter().enumerate() {
            let wrong = name::label_value(value);
            if !wrong.is_empty() {
                let field = format!("values[{index}][{key}]");
                errors.push(FieldError::invalid_text(field, value, wrong.join("; ")));
            }
        }
        if !errors.is_empty() {
            return Err(FieldError::join(&errors));
        }
        values.sort();
        values.dedup();
        Ok(Requirement {
            key: key.into(),
            operator,
            values,
        })
    }

    /// Whether an object with these labels meets it.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let label = labels.get(&self.key);
        match self.operator {
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::Equals | Operator::DoubleEquals | Operator::In => {
                label.is_some_and(|label| self.values.contains(label))
            }
            Operator::NotEquals | Operator::NotIn => {
                label.is_none_or(|label| !self.values.contains(label))
            }
            Operator::GreaterThan => self.compare(label, |label, bound| label > bound),
            Operator::LessThan => self.compare(label, |label, bound| label < bound),
        }
    }

    fn compare(&self, label: Option<&String>, holds: fn(i64, i64) -> bool) -> bool {
        let label = label.and_then(|label| label.parse().ok());
        let bound = self.values.first().and_then(|bound| bound.parse().ok());
        label
            .zip(bound)
            .is_some_and(|(label, bound)| holds(label, bound))
    }
}

/// Whether the number and form of the values suit the operator.
fn wrong_values(operator: Operator, values: &[String]) -> Vec<FieldError> {
    let list = |detail: &str| {
        // Upstream shows a Go slice, and an empty one is nil when it comes from a document.
        let shown = match values {
            [] => Value::Null,
            some => Value::from(some.to_vec()),
        };
        FieldError::with_value(FieldErrorKind::Invalid, "values", &shown, detail)
    };
    let mut errors = Vec::new();
    match operator {
        Operator::In | Operator::NotIn if values.is_empty() => errors.push(list(
            "for 'in', 'notin' operators, values set can't be empty",
        )),
        Operator::Equals | Operator::DoubleEquals | Operator::NotEquals if values.len() != 1 => {
            errors.push(list("exact-match compatibility requires one single value"));
        }
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => errors.push(list(
            "values set must be empty for exists and does not exist",
        )),
        Operator::GreaterThan | Operator::LessThan => {
            if values.len() != 1 {
                errors.push(list(
                    "for 'Gt', 'Lt' operators, exactly one value is required",
                ));
            }
            for (index, value) in values.iter().enumerate() {
                if value.parse::<i64>().is_err() {
                    let field = format!("values[{index}]");
                    let detail = "for 'Gt', 'Lt' operators, the value must be an integer";
                    errors.push(FieldError::invalid_text(field, value, detail));
                }
            }
        }
        _ => {}
    }
    errors
}

impl fmt::Display for LabelSelector {
    /// The query parameter's syntax; the selector of nothing has none and prints as the empty
    /// text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().flatten().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let values = self.values.join(",");
        match self.operator {
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

/// `labels.Parser`: the same order of checks, and so the same texts.
struct Parser<'a> {
    words: Vec<(Token, &'a str)>,
    position: usize,
}

impl<'a> Parser<'a> {
    fn selector(&mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        loop {
            match self.peek() {
                (Token::Identifier | Token::Not, _) => {}
                (Token::End, _) => return Ok(requirements),
                (_, found) => {
                    return Err(format!(
                        "found '{found}', expected: !, identifier, or 'end of string'"
                    ));
                }
            }
            let requirement = self.requirement();
            requirements
                .push(requirement.map_err(|why| format!("unable to parse requirement: {why}"))?);
            match self.next() {
                (Token::End, _) => return Ok(requirements),
                (Token::Comma, _) => {
                    let (token, found) = self.peek();
                    if !matches!(token, Token::Identifier | Token::Not) {
                        return Err(format!("found '{found}', expected: identifier after ','"));
                    }
                }
                (_, found) => {
                    return Err(format!("found '{found}', expected: ',' or 'end of string'"));
                }
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let (mut token, mut key) = self.next();
        let negated = token == Token::Not;
        if negated {
            (token, key) = self.next();
        }
        if token != Token::Identifier {
            return Err(format!("found '{key}', expected: identifier"));
        }
        let wrong_key = name::label_key(key);
        if !wrong_key.is_empty() {
            // The parser has no path, and Go prints it so.
            let error = FieldError::invalid_text("<nil>", key, wrong_key.join("; "));
            return Err(error.to_string());
        }
        if negated {
            return Requirement::new(key, Operator::DoesNotExist, Vec::new());
        }
        if matches!(self.peek().0, Token::End | Token::Comma) {
            return Requirement::new(key, Operator::Exists, Vec::new());
        }
        let operator = self.operator()?;
        let mut values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => vec![self.exact_value()?],
        };
        values.sort();
        values.dedup();
        Requirement::new(key, operator, values)
    }

    fn operator(&mut self) -> Result<Operator, String> {
        let word = self.words.get(self.position).copied();
        self.position += 1;
        match word.unwrap_or((Token::End, "")) {
            (Token::In, _) => Ok(Operator::In),
            (Token::NotIn, _) => Ok(Operator::NotIn),
            (Token::Equals, _) => Ok(Operator::Equals),
            (Token::DoubleEquals, _) => Ok(Operator::DoubleEquals),
            (Token::NotEquals, _) => Ok(Operator::NotEquals),
            (Token::Greater, _) => Ok(Operator::GreaterThan),
            (Token::Less, _) => Ok(Operator::LessThan),
            (_, found) => Err(format!(
                "found '{found}', expected: in, notin, =, ==, !=, gt, lt"
            )),
        }
    }

    /// `(a,b)`, where a missing value is the empty one.
    fn values(&mut self) -> Result<Vec<String>, String> {
        let (token, found) = self.next();
        if token != Token::OpenParenthesis {
            return Err(format!("found '{found}' expected: '('"));
        }
        match self.peek() {
            (Token::Identifier | Token::Comma, _) => {}
            (Token::CloseParenthesis, _) => {
                self.next();
                return Ok(vec![String::new()]);
            }
            (_, found) => {
                return Err(format!("found '{found}', expected: ',', ')' or identifier"));
            }
        }
        let values = self.identifiers()?;
        // The list ends before a parenthesis only.
        self.next();
        Ok(values)
    }

    fn identifiers(&mut self) -> Result<Vec<String>, String> {
        let mut values = Vec::new();
        loop {
            match self.next() {
                (Token::Identifier, value) => {
                    values.push(value.to_string());
                    match self.peek() {
                        (Token::Comma, _) => {}
                        (Token::CloseParenthesis, _) => return Ok(values),
                        (_, found) => {
                            return Err(format!("found '{found}', expected: ',' or ')'"));
                        }
                    }
                }
                (Token::Comma, _) => {
                    if values.is_empty() {
                        values.push(String::new());
                    }
                    match self.peek().0 {
                        Token::CloseParenthesis => {
                            values.push(String::new());
                            return Ok(values);
                        }
                        Token::Comma => values.push(String::new()),
                        _ => {}
                    }
                }
                (_, found) => {
                    return Err(format!("found '{found}', expected: ',', or identifier"));
                }
            }
        }
    }

    fn exact_value(&mut self) -> Result<String, String> {
        if matches!(self.peek().0, Token::End | Token::Comma) {
            return Ok(String::new());
        }
        match self.next() {
            (Token::Identifier, value) => Ok(value.to_string()),
            (_, found) => Err(format!("found '{found}', expected: identifier")),
        }
    }

    /// The next word where no operator is expected: `in` and `notin` are names there.
    fn peek(&self) -> (Token, &'a str) {
        match self.words.get(self.position).copied() {
            Some((Token::In | Token::NotIn, text)) => (Token::Identifier, text),
            Some(word) => word,
            None => (Token::End, ""),
        }
    }

    fn next(&mut self) -> (Token, &'a str) {
        let word = self.peek();
        self.position += 1;
        word
    }
}

#[cfg(test)]
mod tests;
