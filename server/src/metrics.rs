//! `/metrics`: what this server counts, under kube-apiserver's names
//! (`k8s.io/apiserver/pkg/endpoints/metrics`).

use model::{
    lifecycle::{attributes::Attributes, query::Query},
    resource::{Resource, Resources},
};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};
use std::{sync::Arc, time::Duration};

/// The buckets of `apiserver_request_duration_seconds`.
const REQUEST_SECONDS: [f64; 22] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0,
    10.0, 15.0, 20.0, 30.0, 45.0,
];
/// The buckets of `etcd_request_duration_seconds`, with finer ones for a store in the process.
const STORE_SECONDS: [f64; 15] = [
    0.000_5, 0.001, 0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 5.0,
];
const REQUEST: [&str; 8] = [
    "component",
    "dry_run",
    "group",
    "resource",
    "scope",
    "subresource",
    "verb",
    "version",
];

/// Counters of one server; several servers in a process count apart.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    in_flight: IntGaugeVec,
    long_running: IntGaugeVec,
    watch_events: IntCounterVec,
    watchers: IntGaugeVec,
    rejected: IntCounterVec,
    store: HistogramVec,
}

/// A request as its metrics name it. Whatever a client makes up is left empty, so that the number
/// of series is bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Labels {
    resource: Option<Arc<Resource>>,
    subresource: String,
    scope: &'static str,
    verb: &'static str,
    dry_run: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels);
            register(&registry, counter)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntGaugeVec::new(Opts::new(name, help), labels))
        };
        let histogram = |name: &str, help: &str, buckets: &[f64], labels: &[&str]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            register(&registry, HistogramVec::new(options, labels))
        };
        let with_code = [&["code"][..], &REQUEST].concat();
        let kind = ["group", "version", "resource"];
        Metrics {
            requests: counter(
                "apiserver_request_total",
                "Counter of apiserver requests broken out for each verb, dry run value, group, \
                 version, resource, scope, component, and HTTP response code.",
                &with_code,
            ),
            durations: histogram(
                "apiserver_request_duration_seconds",
                "Response latency distribution in seconds for each verb, dry run value, group, \
                 version, resource, subresource, scope and component.",
                &REQUEST_SECONDS,
                &REQUEST,
            ),
            in_flight: gauge(
                "apiserver_current_inflight_requests",
                "Number of requests that are being served, by kind.",
                &["request_kind"],
            ),
            long_running: gauge(
                "apiserver_longrunning_requests",
                "Number of active long-running requests.",
                &[
                    "component",
                    "group",
                    "resource",
                    "scope",
                    "subresource",
                    "verb",
                    "version",
                ],
            ),
            watch_events: counter(
                "apiserver_watch_events_total",
                "Number of events sent in watch clients.",
                &kind,
            ),
            watchers: gauge(
                "apiserver_registered_watchers",
                "Number of currently registered watchers for a given resource.",
                &kind,
            ),
            rejected: counter(
                "apiserver_dropped_requests_total",
                "Number of requests rejected because too many are in flight.",
                &["request_kind"],
            ),
            store: histogram(
                "etcd_request_duration_seconds",
                "Etcd request latency in seconds for each operation.",
                &STORE_SECONDS,
                &["operation"],
            ),
            registry,
        }
    }

    /// A request has been answered.
    pub(crate) fn answered(&self, labels: &Labels, code: u16, took: Duration) {
        let values = labels.values();
        let code = code.to_string();
        let with_code = [&[code.as_str()][..], &values].concat();
        self.requests.with_label_values(&with_code).inc();
        self.durations
            .with_label_values(&values)
            .observe(took.as_secs_f64());
    }

    /// A request was turned away; `kind` is `mutating` or `readOnly`.
    pub(crate) fn rejected(&self, kind: &str) {
        self.rejected.with_label_values(&[kind]).inc();
    }

    /// Counts a request for as long as the answer lives.
    pub(crate) fn in_flight(&self, kind: &str) -> Counted {
        Counted::up(vec![self.in_flight.with_label_values(&[kind])])
    }

    /// Counts a watch for as long as the answer lives.
    pub(crate) fn watching(&self, labels: &Labels) -> Counted {
        let [group, version, resource] = labels.kind();
        let long = [
            "apiserver",
            group,
            resource,
            labels.scope,
            &labels.subresource,
            labels.verb,
            version,
        ];
        Counted::up(vec![
            self.long_running.with_label_values(&long),
            self.watchers.with_label_values(&[group, version, resource]),
        ])
    }

    /// Events have been sent to a watcher.
    pub(crate) fn sent(&self, labels: &Labels, events: usize) {
        self.watch_events
            .with_label_values(&labels.kind())
            .inc_by(events as u64);
    }

    /// The store has done something.
    pub(crate) fn store(&self, operation: &str, took: Duration) {
        self.store
            .with_label_values(&[operation])
            .observe(took.as_secs_f64());
    }

    /// Everything in Prometheus' text format, and the objects of each resource.
    pub(crate) fn text(&self, objects: &[(String, usize)]) -> Vec<u8> {
        let mut text = Vec::new();
        // Writing to memory does not fail, and the families are well-formed: they were registered.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        let mut gauge = |name: &str, help: &str, values: &[(String, u64)]| {
            text.extend(format!("# HELP {name} {help}\n# TYPE {name} gauge\n").into_bytes());
            for (labels, value) in values {
                text.extend(format!("{name}{labels} {value}\n").into_bytes());
            }
        };
        let objects: Vec<(String, u64)> = objects
            .iter()
            .map(|(resource, count)| (format!("{{resource={resource:?}}}"), *count as u64))
            .collect();
        gauge(
            "apiserver_storage_objects",
            "Number of stored objects at the time of last check split by kind.",
            &objects,
        );
        if let Some(bytes) = resident_bytes() {
            gauge(
                "process_resident_memory_bytes",
                "Resident memory size in bytes.",
                &[(String::new(), bytes)],
            );
        }
        text
    }
}

fn register<C: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    collector: prometheus::Result<C>,
) -> C {
    // Names and labels are constants, each used once.
    let collector = collector.expect("the metric is well-formed");
    registry
        .register(Box::new(collector.clone()))
        .expect("each metric is registered once");
    collector
}

impl Labels {
    /// The labels of a request that is about `attributes`.
    pub(crate) fn of(
        method: &str,
        attributes: &Attributes,
        query: &Query,
        patch_type: &str,
        resources: &Resources,
    ) -> Labels {
        let known = resources.find(&attributes.group, &attributes.version, &attributes.resource);
        let subresource = known
            .filter(|known| known.subresources.contains_key(&attributes.subresource))
            .map(|_| attributes.subresource.clone());
        let scope = match known {
            None => "",
            Some(_) if !attributes.name.is_empty() || attributes.verb == "create" => "resource",
            Some(_) if !attributes.namespace.is_empty() => "namespace",
            Some(_) => "cluster",
        };
        Labels {
            resource: known.cloned(),
            subresource: subresource.unwrap_or_default(),
            scope,
            verb: verb(method, &attributes.verb, patch_type),
            dry_run: if query.all("dryRun").iter().any(|value| value == "All") {
                "All"
            } else {
                ""
            },
        }
    }

    /// Group, version and resource.
    fn kind(&self) -> [&str; 3] {
        self.resource.as_ref().map_or([""; 3], |known| {
            [&known.group, &known.version, &known.plural]
        })
    }

    fn values(&self) -> [&str; 8] {
        let [group, version, resource] = self.kind();
        [
            "apiserver",
            self.dry_run,
            group,
            resource,
            self.scope,
            &self.subresource,
            self.verb,
            version,
        ]
    }
}

/// `metrics.cleanVerb`
fn verb(method: &str, verb: &str, patch_type: &str) -> &'static str {
    match (verb, method) {
        ("list", _) => "LIST",
        ("watch", _) => "WATCH",
        ("deletecollection", _) => "DELETECOLLECTION",
        (_, "GET") => "GET",
        (_, "HEAD") => "HEAD",
        (_, "POST") => "POST",
        (_, "PUT") => "PUT",
        (_, "PATCH") if patch_type.starts_with("application/apply-patch") => "APPLY",
        (_, "PATCH") => "PATCH",
        (_, "DELETE") => "DELETE",
        (_, "OPTIONS") => "OPTIONS",
        _ => "other",
    }
}

/// Gauges that go down again when this is dropped.
pub(crate) struct Counted(Vec<prometheus::IntGauge>);

impl Counted {
    fn up(gauges: Vec<prometheus::IntGauge>) -> Counted {
        for gauge in &gauges {
            gauge.inc();
        }
        Counted(gauges)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        for gauge in &self.0 {
            gauge.dec();
        }
    }
}

/// `VmRSS` of `/proc/self/status`; `None` where there is no such file.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::{Labels, Metrics};
    use model::{
        lifecycle::{attributes::Attributes, query::Query},
        resource::Resources,
        wire::Head,
    };
    use std::time::Duration;

    fn labels(method: &str, path: &str, query: &str) -> Labels {
        let head = Head {
            method: method.into(),
            path: path.into(),
            ..Head::default()
        };
        let query = Query::parse(query);
        let attributes = Attributes::of(&head, path, &query);
        Labels::of(method, &attributes, &query, "", &Resources::built_in())
    }

    #[test]
    fn requests_are_counted_under_the_names_that_dashboards_use() {
        let metrics = Metrics::new();
        let get = labels("GET", "/api/v1/namespaces/d/pods/a", "");
        metrics.answered(&get, 404, Duration::from_millis(30));
        let watch = labels("GET", "/api/v1/namespaces/d/pods", "watch=1");
        let watching = metrics.watching(&watch);
        metrics.sent(&watch, 3);
        let text = String::from_utf8(metrics.text(&[("pods".into(), 7)])).unwrap();
        for line in [
            "apiserver_request_total{code=\"404\",component=\"apiserver\",dry_run=\"\",group=\"\",resource=\"pods\",scope=\"resource\",subresource=\"\",verb=\"GET\",version=\"v1\"} 1",
            "apiserver_registered_watchers{group=\"\",resource=\"pods\",version=\"v1\"} 1",
            "apiserver_watch_events_total{group=\"\",resource=\"pods\",version=\"v1\"} 3",
            "apiserver_storage_objects{resource=\"pods\"} 7",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        drop(watching);
        let text = String::from_utf8(metrics.text(&[])).unwrap();
        assert!(text.contains(
            "apiserver_registered_watchers{group=\"\",resource=\"pods\",version=\"v1\"} 0"
        ));
    }

    #[test]
    fn what_clients_make_up_makes_no_new_series() {
        let made_up = labels("GET", "/apis/made.up/v7/namespaces/d/things/a/part", "");
        assert_eq!(
            made_up,
            labels("GET", "/apis/other/v8/namespaces/d/things/b", "")
        );
        let method = labels("MADEUP", "/api/v1/pods", "");
        assert_eq!(method.verb, "other");
    }
}
