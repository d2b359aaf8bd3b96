//! Pages of lists: what `continue` means, and how a list that is too old is refused
//! (`k8s.io/apiserver/pkg/storage/continue.go`, `pkg/storage/etcd3/errors.go`).

use crate::{
    etcd::Revision,
    golang,
    schema::json::Json,
    status::{Reason, Refusal, Status},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use base64::{
    DecodeError, Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::Value;

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The first key that may be listed.
    pub from: String,
    /// The revision at which the list was begun; `None` goes on with the newest one, which the
    /// client has chosen after its pages had expired.
    pub revision: Option<Revision>,
}

/// Go's `RawURLEncoding`: no padding, and spare bits are not looked at.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

const VERSION: &str = "meta.k8s.io/v1";
const INVALID: &str = "continue key is not valid";

impl Position {
    /// Behind the last key of a page.
    #[must_use]
    pub fn after(key: &str, revision: Revision) -> Position {
        Position {
            from: format!("{key}\0"),
            revision: Some(revision),
        }
    }

    /// The `continue` of a list of the keys under `prefix`; `None` when the position is not one
    /// of them (`EncodeContinue`).
    #[must_use]
    pub fn encode(&self, prefix: &str) -> Option<String> {
        let start = self.from.strip_prefix(prefix)?;
        let revision = match self.revision {
            Some(revision) => revision.to_string(),
            None => "-1".into(),
        };
        let start = golang::json(&Value::from(start));
        let token = format!("{{\"v\":\"{VERSION}\",\"rv\":{revision},\"start\":{start}}}");
        Some(ENGINE.encode(token))
    }

    /// Reads the `continue` of a request for the keys under `prefix` (`DecodeContinue`). It never
    /// leads out of them.
    ///
    /// # Errors
    /// 400 `invalid continue token: …`.
    pub fn decode(token: &str, prefix: &str) -> Result<Position, Refusal> {
        let refuse = |why: String| Status::bad_request(format!("invalid continue token: {why}"));
        let (revision, start) = fields(token).map_err(refuse)?;
        if revision == 0 {
            let what = "incorrect encoded start resourceVersion";
            return Err(refuse(format!("{INVALID}: {what} (version {VERSION})")));
        }
        if start.is_empty() {
            let what = "encoded start key empty";
            return Err(refuse(format!("{INVALID}: {what} (version {VERSION})")));
        }
        let relative = start.strip_prefix('/').unwrap_or(&start);
        // The key is cleaned upstream, and refused when that changes it.
        if !relative.is_empty()
            && relative
                .split('/')
                .any(|part| matches!(part, "" | "." | ".."))
        {
            return Err(refuse(format!("{INVALID}: {start}")));
        }
        Ok(Position {
            from: format!("{prefix}{relative}"),
            revision: u64::try_from(revision).ok().map(Revision),
        })
    }
}

/// 410: the resourceVersion of a list is compacted.
#[must_use]
pub fn list_expired() -> Refusal {
    let message = "The resourceVersion for the provided list is too old.";
    Status::new(Reason::Expired, message)
}

/// 410: the revision of a page is compacted. The answer has a `continue` with which the client can
/// go on in the newest state, if it takes the inconsistency.
#[must_use]
pub fn page_expired(from: &str, prefix: &str) -> Refusal {
    let newest = Position {
        from: from.into(),
        revision: None,
    };
    let Some(token) = newest.encode(prefix) else {
        return Status::new(
            Reason::Expired,
            "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
        );
    };
    let mut status = Status::new(
        Reason::Expired,
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    );
    status.continue_token = token;
    status
}

/// The revision and the start of a token.
fn fields(token: &str) -> Result<(i64, String), String> {
    let invalid = |why: &str| format!("{INVALID}: {why}");
    // Go's decoder skips line ends.
    let compact: String = token
        .chars()
        .filter(|c| !matches!(c, '\r' | '\n'))
        .collect();
    let bytes = ENGINE.decode(&compact).map_err(|error| {
        let at = match error {
            DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _) => at,
            DecodeError::InvalidLength(length) => length.saturating_sub(1),
            DecodeError::InvalidPadding => compact.find('=').unwrap_or_default(),
        };
        invalid(&format!("illegal base64 data at input byte {at}"))
    })?;
    let mismatch = |what: &str, whole: &str| {
        invalid(&format!("json: cannot unmarshal {what} into Go {whole}"))
    };
    let members = match Json::parse(&bytes).map_err(|why| invalid(&why))? {
        Json::Object(members) => members,
        Json::Null => Vec::new(),
        other => {
            let whole = "value of type storage.continueToken";
            return Err(mismatch(other.noun(), whole));
        }
    };
    let (mut version, mut revision, mut start) = (String::new(), 0, String::new());
    for (name, value) in members {
        let field = |kind: &str| format!("struct field continueToken.{name} of type {kind}");
        match (name.as_str(), value) {
            (_, Json::Null) => {}
            ("v", Json::String(text)) => version = text,
            ("start", Json::String(text)) => start = text,
            ("rv", Json::Number(digits)) => {
                let number = digits.parse::<i64>();
                let what = format!("number {digits}");
                revision = number.map_err(|_| mismatch(&what, &field("int64")))?;
            }
            ("v" | "start", other) => return Err(mismatch(other.noun(), &field("string"))),
            ("rv", other) => return Err(mismatch(other.noun(), &field("int64"))),
            _ => {}
        }
    }
    if version != VERSION {
        let what = "server does not recognize this encoded version";
        return Err(format!("{INVALID}: {what} {version}"));
    }
    Ok((revision, start))
}

#[cfg(test)]
mod tests {
    use super::{ENGINE, Position, page_expired};
    use crate::etcd::Revision;
    use alloc::string::ToString;
    use base64::Engine;

    const PREFIX: &str = "/registry/configmaps/";

    #[test]
    fn a_position_comes_back() {
        let position = Position::after("/registry/configmaps/d/a", Revision(7));
        let token = position.encode(PREFIX).unwrap();
        let bytes = ENGINE.decode(&token).unwrap();
        let expected = r#"{"v":"meta.k8s.io/v1","rv":7,"start":"d/a\u0000"}"#;
        assert_eq!(alloc::str::from_utf8(&bytes), Ok(expected));
        assert_eq!(Position::decode(&token, PREFIX).unwrap(), position);
        assert_eq!(position.encode("/registry/pods/"), None);
    }

    #[test]
    fn a_token_never_leads_out_of_its_prefix() {
        let check = |document: &str, expected: Result<(&str, Option<u64>), &str>| {
            let found = Position::decode(&ENGINE.encode(document), PREFIX)
                .map(|found| (found.from, found.revision.map(|revision| revision.0)))
                .map_err(|refusal| (refusal.code, refusal.message.clone()));
            let expected = expected
                .map(|(from, revision)| (PREFIX.to_string() + from, revision))
                .map_err(|text| (400, alloc::format!("invalid continue token: {text}")));
            assert_eq!(found, expected);
        };
        let token = |rv: &str, start: &str| {
            alloc::format!(r#"{{"v":"meta.k8s.io/v1","rv":{rv},"start":"{start}"}}"#)
        };
        check(&token("5", "d/a"), Ok(("d/a", Some(5))));
        check(&token("5", "/d/a"), Ok(("d/a", Some(5))));
        check(&token("-1", "d/a"), Ok(("d/a", None)));
        for start in ["../pods/d/a", "d/../../pods", "d//a", "d/a/", "./a", "//a"] {
            let expected = alloc::format!("continue key is not valid: {start}");
            check(&token("5", start), Err(&expected));
        }
        check(
            &token("0", "a"),
            Err(
                "continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
            ),
        );
        check(
            &token("1", ""),
            Err("continue key is not valid: encoded start key empty (version meta.k8s.io/v1)"),
        );
        check(
            r#"{"v":"v2","rv":1,"start":"a"}"#,
            Err("continue key is not valid: server does not recognize this encoded version v2"),
        );
        check(
            "[]",
            Err(
                "continue key is not valid: json: cannot unmarshal array into Go value of type storage.continueToken",
            ),
        );
        check(
            &token("\"1\"", "a"),
            Err(
                "continue key is not valid: json: cannot unmarshal string into Go struct field continueToken.rv of type int64",
            ),
        );
        check(
            "{",
            Err("continue key is not valid: unexpected end of JSON input"),
        );
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for (token, at) in [("ab!d", 2), ("a", 0), ("YWJj=", 4), ("YWJjZ", 4)] {
            let refusal = Position::decode(token, PREFIX).unwrap_err();
            let expected = alloc::format!(
                "invalid continue token: continue key is not valid: illegal base64 data at input byte {at}"
            );
            assert_eq!(refusal.message, expected);
        }
    }

    #[test]
    fn an_expired_page_offers_to_go_on() {
        let refusal = page_expired("/registry/configmaps/d/b", PREFIX);
        assert_eq!(
            (refusal.code, refusal.reason.word().as_str()),
            (410, "Expired")
        );
        let body = refusal.json();
        let token = body["metadata"]["continue"].as_str().unwrap();
        let position = Position::decode(token, PREFIX).unwrap();
        assert_eq!(position.from, "/registry/configmaps/d/b");
        assert_eq!(position.revision, None);
    }
}
