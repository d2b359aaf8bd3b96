//! In which form and encoding the client wants its answer
//! (`k8s.io/apiserver/pkg/endpoints/handlers/negotiation`).

use crate::{
    status::{Reason, Refusal, Status},
    table::{Form, IncludeObject},
    wire::Encoding,
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

/// What the `Accept` header came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Accepted {
    /// JSON or YAML.
    pub encoding: Encoding,
    /// Objects, rows, or metadata alone.
    pub form: Form,
    /// The version of `meta.k8s.io` that rows and metadata are written in.
    pub meta_version: &'static str,
    /// What goes along with each row of a Table (`includeObject`).
    pub include: IncludeObject,
}

impl Default for Accepted {
    fn default() -> Self {
        Accepted {
            encoding: Encoding::Json,
            form: Form::Object,
            meta_version: "v1",
            include: IncludeObject::Metadata,
        }
    }
}

/// What an endpoint can be turned into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// One object of a resource.
    Object,
    /// A list or a watch of a resource.
    Collection,
    /// A document that has no other form.
    Document,
}

/// One media type of an `Accept` header.
#[derive(Clone, Debug)]
pub struct Clause {
    /// `application/json`, in small letters.
    pub media_type: String,
    /// `as`, `g`, `v` and the like.
    pub parameters: BTreeMap<String, String>,
    quality: u32,
}

/// The clauses of an `Accept` header, the most wanted first; equals stay in their order.
#[must_use]
pub fn clauses(header: &str) -> Vec<Clause> {
    let mut clauses: Vec<Clause> = header
        .split(',')
        .filter_map(|clause| {
            let mut pieces = clause.split(';');
            let media_type = pieces.next()?.trim().to_ascii_lowercase();
            let mut parameters: BTreeMap<String, String> = pieces
                .filter_map(|piece| piece.split_once('='))
                .map(|(name, value)| {
                    (
                        name.trim().to_ascii_lowercase(),
                        value.trim().trim_matches('"').to_string(),
                    )
                })
                .collect();
            let quality = parameters
                .remove("q")
                .map_or(1000, |quality| thousandths(&quality));
            (!media_type.is_empty()).then_some(Clause {
                media_type,
                parameters,
                quality,
            })
        })
        .collect();
    clauses.sort_by_key(|clause| core::cmp::Reverse(clause.quality));
    clauses
}

/// Chooses the first clause that can be served.
///
/// # Errors
/// 406 when there is none.
pub fn negotiate(header: &str, offer: Offer) -> Result<Accepted, Refusal> {
    if header.trim().is_empty() {
        return Ok(Accepted::default());
    }
    clauses(header)
        .iter()
        .find_map(|clause| serve(clause, offer))
        .ok_or_else(not_acceptable)
}

/// 406 with the list of what can be had.
#[must_use]
pub fn not_acceptable() -> Refusal {
    Status::new(
        Reason::NotAcceptable,
        "only the following media types are accepted: application/json, application/yaml, \
         application/vnd.kubernetes.protobuf",
    )
}

/// 415 with the list of what is taken.
#[must_use]
pub fn unsupported_media_type(taken: &[&str]) -> Refusal {
    Status::new(
        Reason::UnsupportedMediaType,
        format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            taken.join(", ")
        ),
    )
}

/// Kubernetes' protobuf, which bodies may have and answers don't.
pub const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// Refuses a body that is neither JSON nor YAML (which the driver has turned into JSON) nor
/// Kubernetes' protobuf.
///
/// # Errors
/// 415 for any other.
pub fn check_content_type(header: &str) -> Result<(), Refusal> {
    match media_type(header).as_str() {
        "" | "application/json" | "application/yaml" | PROTOBUF => Ok(()),
        _ => Err(unsupported_media_type(&[
            "application/json",
            "application/yaml",
            PROTOBUF,
        ])),
    }
}

/// The media type of a `Content-Type` header, without its parameters.
#[must_use]
pub fn media_type(header: &str) -> String {
    header
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

fn serve(clause: &Clause, offer: Offer) -> Option<Accepted> {
    let encoding = match clause.media_type.as_str() {
        "application/json" | "*/*" => Encoding::Json,
        "application/yaml" => Encoding::Yaml,
        _ => return None,
    };
    let parameter = |name: &str| clause.parameters.get(name).map(String::as_str);
    if ["as", "g", "v"]
        .iter()
        .all(|name| parameter(name).is_none())
    {
        return Some(Accepted {
            encoding,
            ..Accepted::default()
        });
    }
    if parameter("g") != Some("meta.k8s.io") {
        return None;
    }
    let meta_version = match parameter("v") {
        Some("v1") => "v1",
        Some("v1beta1") => "v1beta1",
        _ => return None,
    };
    let form = match (parameter("as")?, offer) {
        ("Table", Offer::Object | Offer::Collection) => Form::Table,
        ("PartialObjectMetadata", Offer::Object)
        | ("PartialObjectMetadataList", Offer::Collection) => Form::PartialObjectMetadata,
        _ => return None,
    };
    Some(Accepted {
        encoding,
        form,
        meta_version,
        ..Accepted::default()
    })
}

fn thousandths(quality: &str) -> u32 {
    let (whole, part) = quality.split_once('.').unwrap_or((quality, ""));
    let digits: String = part.chars().chain("000".chars()).take(3).collect();
    match (whole.parse::<u32>(), digits.parse::<u32>()) {
        (Ok(whole), Ok(part)) => whole.saturating_mul(1000).saturating_add(part).min(1000),
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::{Offer, negotiate};
    use crate::{table::Form, wire::Encoding};

    fn check(header: &str, offer: Offer, expected: Option<(Encoding, Form)>) {
        let answer = negotiate(header, offer)
            .map(|it| (it.encoding, it.form))
            .ok();
        assert_eq!(answer, expected, "{header}");
    }

    #[test]
    fn the_first_clause_that_can_be_served_wins() {
        let json = Some((Encoding::Json, Form::Object));
        check("", Offer::Document, json);
        check(
            "text/html, application/xml;q=0.9, */*;q=0.1",
            Offer::Object,
            json,
        );
        check(
            "application/yaml;q=0.5, application/json",
            Offer::Object,
            json,
        );
        check(
            "application/yaml",
            Offer::Object,
            Some((Encoding::Yaml, Form::Object)),
        );
        check("application/*", Offer::Object, None);
        check("application/xml", Offer::Collection, None);
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        check(
            kubectl,
            Offer::Collection,
            Some((Encoding::Json, Form::Table)),
        );
        check(kubectl, Offer::Document, json);
        let controllers = "application/vnd.kubernetes.protobuf, application/json";
        check(controllers, Offer::Object, json);
        let metadata = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
        let partial = Some((Encoding::Json, Form::PartialObjectMetadata));
        check(metadata, Offer::Object, partial);
        check(metadata, Offer::Collection, None);
    }
}
