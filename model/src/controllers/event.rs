//! Events: what controllers tell people (`kubectl get events`, `describe`).

use super::{Api, Call, apis};
use crate::{ambient::Ambient, object::Object};
use alloc::format;
use serde_json::{Value, json};

/// The two types of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// As it should be.
    Normal,
    /// Something that somebody may want to look at.
    Warning,
}

/// Who reports events.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recorder {
    /// `source.component`: `default-scheduler`.
    pub component: &'static str,
    /// `source.host`: a kubelet's node; empty for others.
    pub host: alloc::string::String,
}

impl Recorder {
    /// A component that runs nowhere in particular.
    #[must_use]
    pub fn new(component: &'static str) -> Recorder {
        Recorder {
            component,
            host: alloc::string::String::new(),
        }
    }

    /// Reports something about an object: an optional call. To be made once for each thing that
    /// happens, since nothing here counts repetitions.
    ///
    /// The name is the object's with a number, as client-go's recorder makes it
    /// (`tools/record/event.go`); `number` tells events apart that one look at an item reports.
    #[must_use]
    pub fn event(
        &self,
        (api, object): (&Api, &Object),
        kind: EventType,
        reason: &str,
        message: &str,
        (ambient, number): (&Ambient, u32),
    ) -> Call {
        let meta = object.meta();
        // Events about cluster-scoped objects are in `default`.
        let namespace = match meta.namespace.as_str() {
            "" => "default",
            namespace => namespace,
        };
        let now = ambient.now.rfc3339();
        let unique = (ambient.seed as u64).wrapping_add(number.into());
        let mut source = json!({"component": self.component});
        if !self.host.is_empty() {
            source["host"] = self.host.as_str().into();
        }
        let event: Value = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": format!("{}.{unique:016x}", meta.name), "namespace": namespace},
            "involvedObject": {
                "apiVersion": api.api_version(), "kind": api.kind,
                "namespace": meta.namespace, "name": meta.name, "uid": meta.uid,
                "resourceVersion": format!("{}", object.revision()),
            },
            "type": match kind { EventType::Normal => "Normal", EventType::Warning => "Warning" },
            "reason": reason, "message": message,
            "source": source, "reportingComponent": self.component, "reportingInstance": self.host,
            "firstTimestamp": now, "lastTimestamp": now, "count": 1,
        });
        Call::create(&apis::EVENTS, namespace, &event).optional()
    }
}
