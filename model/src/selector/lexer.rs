//! The words of a label selector: `Lexer` in `k8s.io/apimachinery/pkg/labels/selector.go`.

use alloc::vec::Vec;

/// A word's kind. `in` and `notin` are words of their own only where an operator is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    End,
    OpenParenthesis,
    CloseParenthesis,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    NotEquals,
    Greater,
    Less,
    In,
    NotIn,
    Identifier,
}

/// Splits a selector into words; the last one is [`Token::End`].
pub(super) fn words(selector: &str) -> Vec<(Token, &str)> {
    let mut words = Vec::new();
    let mut rest = selector;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let (token, length) = word(rest);
        words.push((token, &rest[..length]));
        if token == Token::End {
            return words;
        }
        rest = &rest[length..];
        // Upstream takes a NUL for the end of the text, but a word swallows the one behind it.
        rest = rest.strip_prefix('\0').unwrap_or(rest);
    }
}

/// The first word of `text` and its length in bytes.
fn word(text: &str) -> (Token, usize) {
    let bytes = text.as_bytes();
    let second = bytes.get(1).copied();
    match bytes.first().copied() {
        None | Some(0) => (Token::End, 0),
        Some(b'=') if second == Some(b'=') => (Token::DoubleEquals, 2),
        Some(b'=') => (Token::Equals, 1),
        Some(b'!') if second == Some(b'=') => (Token::NotEquals, 2),
        Some(b'!') => (Token::Not, 1),
        Some(b'(') => (Token::OpenParenthesis, 1),
        Some(b')') => (Token::CloseParenthesis, 1),
        Some(b',') => (Token::Comma, 1),
        Some(b'>') => (Token::Greater, 1),
        Some(b'<') => (Token::Less, 1),
        Some(_) => {
            let end = text.find(is_delimiter).unwrap_or(text.len());
            match &text[..end] {
                "in" => (Token::In, end),
                "notin" => (Token::NotIn, end),
                _ => (Token::Identifier, end),
            }
        }
    }
}

fn is_delimiter(character: char) -> bool {
    matches!(
        character,
        '\0' | ' ' | '\t' | '\r' | '\n' | '=' | '!' | '(' | ')' | ',' | '>' | '<'
    )
}
