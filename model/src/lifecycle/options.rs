//! The options of each verb, read from query and body and validated.

use super::{
    context::Scene,
    document::{self, BodyKind},
    negotiate,
    query::Query,
};
use crate::{
    cache::Filter,
    etcd::Revision,
    object::Object,
    selector::{self, FieldSelector, LabelSelector},
    status::{Refusal, Status},
    validation::options,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

pub use crate::schema::FieldValidation;

/// The type of a delete's body.
const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/// The options of create, update and patch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WriteOptions {
    /// Nothing is stored.
    pub dry_run: bool,
    /// What is done about unknown and duplicate fields.
    pub field_validation: FieldValidation,
}

impl WriteOptions {
    /// Of a create.
    ///
    /// # Errors
    /// 422 for values that are not known.
    pub fn create(scene: &Scene<'_>) -> Result<WriteOptions, Refusal> {
        let query = &scene.context.query;
        options::create(&told(query))?;
        Ok(WriteOptions::of(query))
    }

    /// Of an update.
    ///
    /// # Errors
    /// 422 for values that are not known.
    pub fn update(scene: &Scene<'_>) -> Result<WriteOptions, Refusal> {
        let query = &scene.context.query;
        options::update(&told(query))?;
        Ok(WriteOptions::of(query))
    }

    /// Of a patch.
    ///
    /// # Errors
    /// 422 for values that are not known.
    pub fn patch(scene: &Scene<'_>) -> Result<WriteOptions, Refusal> {
        let query = &scene.context.query;
        options::patch(&told(query), query.optional_flag("force"), false)?;
        Ok(WriteOptions::of(query))
    }

    fn of(query: &Query) -> WriteOptions {
        WriteOptions {
            dry_run: !query.all("dryRun").is_empty(),
            field_validation: match query.text("fieldValidation") {
                "Ignore" => FieldValidation::Ignore,
                "Strict" => FieldValidation::Strict,
                _ => FieldValidation::Warn,
            },
        }
    }
}

fn told(query: &Query) -> options::WriteOptions<'_> {
    options::WriteOptions {
        field_manager: query.text("fieldManager"),
        dry_run: query.all("dryRun"),
        field_validation: query.text("fieldValidation"),
    }
}

/// The options of a delete: from its body, or, when there is none, from its query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DeleteOptions {
    /// Nothing is deleted.
    pub dry_run: bool,
    /// `preconditions.uid`
    pub uid: Option<String>,
    /// `preconditions.resourceVersion`
    pub resource_version: Option<String>,
    /// `Foreground`, `Background`, `Orphan`, or empty.
    pub propagation_policy: String,
    /// The deprecated form of it.
    pub orphan_dependents: Option<bool>,
    /// How long a pod may take to stop.
    pub grace_period_seconds: Option<i64>,
}

impl DeleteOptions {
    /// Reads them.
    ///
    /// # Errors
    /// 400 for a body that is none, 415 for its media type, 422 for values that are not known.
    pub fn read(scene: &Scene<'_>, body: &[u8]) -> Result<DeleteOptions, Refusal> {
        let document = if body.is_empty() {
            DeleteOptions::from_query(&scene.context.query)?
        } else {
            negotiate::check_content_type(&scene.context.content_type)?;
            DeleteOptions::from_body(scene, body)?
        };
        DeleteOptions::of(&document)
    }

    /// Reads them from their document, which may be null.
    ///
    /// # Errors
    /// 422 for values that are not known.
    pub fn of(document: &Value) -> Result<DeleteOptions, Refusal> {
        let text = |at: &Value| at.as_str().map(ToString::to_string);
        let dry_run: Vec<String> = document["dryRun"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(text)
            .collect();
        let policy = text(&document["propagationPolicy"]);
        let preconditions = &document["preconditions"];
        let read = DeleteOptions {
            dry_run: !dry_run.is_empty(),
            uid: text(&preconditions["uid"]),
            resource_version: text(&preconditions["resourceVersion"]),
            propagation_policy: policy.clone().unwrap_or_default(),
            orphan_dependents: document["orphanDependents"].as_bool(),
            grace_period_seconds: document["gracePeriodSeconds"].as_i64(),
        };
        options::delete(&options::DeleteOptions {
            dry_run: &dry_run,
            propagation_policy: policy.as_deref(),
            orphan_dependents: read.orphan_dependents,
            grace_period_seconds: read.grace_period_seconds,
            preconditions: preconditions.is_object(),
            // The feature behind it (AllowUnsafeMalformedObjectDeletion) is off by default, and
            // the field is then dropped before it is validated.
            ignore_store_read_error: false,
        })?;
        Ok(read)
    }

    fn from_body(scene: &Scene<'_>, body: &[u8]) -> Result<Value, Refusal> {
        let expected = BodyKind {
            group: "meta.k8s.io".into(),
            version: "v1".into(),
            kind: "DeleteOptions".into(),
        };
        let parsed = document::parse(scene, body, &expected)
            .map_err(|malformed| Status::bad_request(malformed.why))?;
        let head = parsed.head().map_err(Status::bad_request)?;
        if !matches!(head.kind.as_str(), "" | "DeleteOptions") {
            return Err(Status::bad_request(format!(
                "converting ({}) to (v1.DeleteOptions): unknown conversion",
                head.kind
            )));
        }
        let types = &scene.config.types;
        let decoded = parsed.decode(types, DELETE_OPTIONS, FieldValidation::Ignore);
        Ok(decoded.map_err(Status::bad_request)?.value)
    }

    fn from_query(query: &Query) -> Result<Value, Refusal> {
        let mut document = json!({"dryRun": query.all("dryRun")});
        if let Some(policy) = query.first("propagationPolicy") {
            document["propagationPolicy"] = policy.into();
        }
        if let Some(orphan) = query.optional_flag("orphanDependents") {
            document["orphanDependents"] = orphan.into();
        }
        if let Some(seconds) = query.number("gracePeriodSeconds")? {
            document["gracePeriodSeconds"] = seconds.into();
        }
        Ok(document)
    }
}

/// Which state a list or watch wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// The newest: a linearizable read.
    Latest,
    /// Any that is not older; 0 is any at all.
    NotOlder(Revision),
    /// Exactly this one.
    Exact(Revision),
}

/// The options of lists and watches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListOptions {
    labels: LabelSelector,
    fields: FieldSelector,
    /// Which state.
    pub version: Version,
    /// At most so many; 0 is no limit.
    pub limit: usize,
    /// `continue`; empty on the first page.
    pub token: String,
    /// `timeoutSeconds`
    pub timeout_seconds: Option<i64>,
    /// `allowWatchBookmarks`
    pub allow_bookmarks: bool,
    /// `sendInitialEvents`
    pub send_initial_events: Option<bool>,
}

impl ListOptions {
    /// Reads them from the query.
    ///
    /// # Errors
    /// 400 for what cannot be parsed, 422 for combinations that are not allowed.
    pub fn read(scene: &Scene<'_>) -> Result<ListOptions, Refusal> {
        let query = &scene.context.query;
        let limit = query.number("limit")?.unwrap_or(0);
        let timeout_seconds = query.number("timeoutSeconds")?;
        let labels = LabelSelector::parse(query.text("labelSelector")).map_err(unparsable)?;
        let fields = FieldSelector::parse(query.text("fieldSelector")).map_err(unparsable)?;
        let watch = scene.endpoint.action == super::route::Action::Watch;
        let (told, matching) = (
            query.text("resourceVersion"),
            query.text("resourceVersionMatch"),
        );
        let mut matching = matching;
        let mut send_initial_events = query.optional_flag("sendInitialEvents");
        // A watch of any state begins with that state (`SetListOptionsDefaults`).
        if watch && matches!(told, "" | "0") && send_initial_events.is_none() && matching.is_empty()
        {
            (send_initial_events, matching) = (Some(true), "NotOlderThan");
        }
        options::list(&options::ListOptions {
            watch,
            resource_version: told,
            resource_version_match: matching,
            continue_token: query.text("continue"),
            send_initial_events,
        })?;
        let resource = &scene.endpoint.resource;
        let selectable = selector::selectable(&resource.group, &resource.plural);
        let fields = fields.supported(selectable).map_err(Status::bad_request)?;
        let mut options = ListOptions {
            labels,
            fields: named(scene, fields)?,
            version: Version::Latest,
            limit: usize::try_from(limit).unwrap_or(0),
            token: query.text("continue").to_string(),
            timeout_seconds,
            allow_bookmarks: query.flag("allowWatchBookmarks"),
            send_initial_events,
        };
        options.version = version(told, matching, watch, &mut options)?;
        Ok(options)
    }

    /// Both selectors take the object.
    #[must_use]
    pub fn matches(&self, object: &Object) -> bool {
        self.labels.matches(&object.meta().labels) && self.fields.matches(object.meta())
    }

    /// Neither selector leaves anything out.
    #[must_use]
    pub fn selects_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    /// The selectors, for a watch.
    #[must_use]
    pub fn filter(&self) -> Filter {
        if self.selects_everything() {
            return Filter::Everything;
        }
        Filter::Selected(self.labels.clone(), self.fields.clone())
    }
}

/// A name in the path selects like `metadata.name` (`listOpts` in `handlers/get.go`).
fn named(scene: &Scene<'_>, fields: FieldSelector) -> Result<FieldSelector, Refusal> {
    let name = scene.name();
    if name.is_empty() || fields.exact("metadata.name") == Some(name) {
        return Ok(fields);
    }
    if !fields.is_everything() {
        return Err(Status::bad_request(
            "fieldSelector metadata.name doesn't match requested name",
        ));
    }
    Ok(FieldSelector::name(name))
}

/// The routing of lists by resourceVersion, match, limit and continue (rules 4, 5 and 10).
fn version(
    told: &str,
    matching: &str,
    watch: bool,
    options: &mut ListOptions,
) -> Result<Version, Refusal> {
    if told.is_empty() {
        return Ok(Version::Latest);
    }
    let revision = told.parse().map(Revision).map_err(|_| {
        Status::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: {told:?}: \
             strconv.ParseUint: parsing {told:?}: invalid syntax"
        ))
    })?;
    if !options.token.is_empty() && revision != Revision(0) {
        return Err(Status::bad_request(
            "specifying resource version is not allowed when using continue",
        ));
    }
    if watch {
        return Ok(Version::NotOlder(revision));
    }
    if revision == Revision(0) && options.token.is_empty() {
        options.limit = 0;
    }
    let legacy_exact = matching.is_empty() && options.limit > 0 && revision > Revision(0);
    Ok(if matching == "Exact" || legacy_exact {
        Version::Exact(revision)
    } else {
        Version::NotOlder(revision)
    })
}

fn unparsable(why: String) -> Refusal {
    Status::bad_request(why)
}
