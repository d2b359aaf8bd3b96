//! Every controller, by the name that `--controllers` knows it by (kube-controller-manager's).

use super::traced::{TracedProxy, TracedRuntime};
use crate::trace::Trace;
use model::{
    config::Config,
    controllers::{
        Api, Controller,
        cluster_role_aggregation::ClusterRoleAggregation,
        cron_job::CronJobController,
        daemon_set::DaemonSetController,
        deployment::DeploymentController,
        disruption::Disruptions,
        endpoint_slice::EndpointSlices,
        endpoints::EndpointsObjects,
        garbage_collector::GarbageCollector,
        job::JobController,
        kubelet::{Capacity, Kubelet, SimulatedRuntime},
        namespace::Namespaces,
        node_lifecycle::NodeLifecycle,
        persistent_volume_binder::PersistentVolumeBinder,
        pod_garbage_collector::PodGarbageCollector,
        proxy::Proxy,
        replica_set::ReplicaSetController,
        resource_quota::ResourceQuotas,
        root_ca::RootCertificates,
        scheduler::Scheduler,
        service_account::ServiceAccounts,
        stateful_set::StatefulSetController,
        ttl_after_finished::TtlAfterFinishedController,
    },
};
use std::sync::Arc;

/// A controller that a task can run.
pub(super) type Boxed = Box<dyn Controller + Send + Sync>;

/// Makes a controller that has seen nothing: at first, and again after it has panicked.
pub(super) type Make = Box<dyn Fn() -> Boxed + Send + Sync>;

/// What a controller is made with.
#[derive(Clone)]
pub(crate) struct Parts {
    /// The certificate that pods verify the API server with, as PEM.
    pub(crate) authority: String,
    /// What the server serves.
    pub(crate) config: Config,
    /// What is told of what happens on nodes.
    pub(crate) trace: Arc<Trace>,
}

/// Controllers that are elected together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    ControllerManager,
    Scheduler,
}

impl Group {
    /// The name of the Lease, and of the component that upstream runs the group in.
    pub(super) fn lease(self) -> &'static str {
        match self {
            Group::ControllerManager => "kube-controller-manager",
            Group::Scheduler => "kube-scheduler",
        }
    }
}

/// One line of the list.
pub(super) struct Listed {
    pub(super) name: &'static str,
    pub(super) group: Group,
    pub(super) make: fn(&Parts) -> Boxed,
}

const fn manager(name: &'static str, make: fn(&Parts) -> Boxed) -> Listed {
    Listed {
        name,
        group: Group::ControllerManager,
        make,
    }
}

/// Every controller but those of nodes.
pub(super) const ALL: &[Listed] = &[
    manager("clusterrole-aggregation-controller", |_| {
        Box::new(ClusterRoleAggregation::default())
    }),
    manager("cronjob-controller", |_| Box::new(CronJobController::new())),
    manager("daemonset-controller", |_| {
        Box::new(DaemonSetController::new())
    }),
    manager("deployment-controller", |_| {
        Box::new(DeploymentController::new())
    }),
    manager(
        "disruption-controller",
        |_| Box::new(Disruptions::default()),
    ),
    manager("endpoints-controller", |_| {
        Box::new(EndpointsObjects::default())
    }),
    manager("endpointslice-controller", |_| {
        Box::new(EndpointSlices::default())
    }),
    manager("garbage-collector-controller", |parts| {
        Box::new(GarbageCollector::new(parts.apis()))
    }),
    manager("job-controller", |_| Box::new(JobController::new())),
    Listed {
        name: "kube-scheduler",
        group: Group::Scheduler,
        make: |_| Box::new(Scheduler::new("default-scheduler")),
    },
    manager("namespace-controller", |parts| {
        Box::new(Namespaces::new(parts.apis()))
    }),
    manager("node-lifecycle-controller", |_| {
        Box::new(NodeLifecycle::default())
    }),
    manager("persistentvolume-binder-controller", |_| {
        Box::new(PersistentVolumeBinder::default())
    }),
    manager("pod-garbage-collector-controller", |_| {
        Box::new(PodGarbageCollector::default())
    }),
    manager("replicaset-controller", |_| {
        Box::new(ReplicaSetController::new())
    }),
    manager("replicationcontroller-controller", |_| {
        Box::new(ReplicaSetController::replication())
    }),
    manager("resourcequota-controller", |parts| {
        Box::new(ResourceQuotas::new(parts.apis()))
    }),
    manager("root-ca-certificate-publisher-controller", |parts| {
        Box::new(RootCertificates::new(parts.authority.clone()))
    }),
    manager("serviceaccount-controller", |_| Box::new(ServiceAccounts)),
    manager("statefulset-controller", |_| {
        Box::new(StatefulSetController::new())
    }),
    manager("ttl-after-finished-controller", |_| {
        Box::new(TtlAfterFinishedController)
    }),
];

/// The names of all controllers.
#[must_use]
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|listed| listed.name).collect()
}

/// The kubelet and the proxy of a simulated node.
pub(super) fn node(index: u32, parts: &Parts) -> [Make; 2] {
    let (name, trace) = (format!("node-{index}"), Arc::clone(&parts.trace));
    let kubelet = move || -> Boxed {
        let runtime = TracedRuntime {
            runtime: SimulatedRuntime::new(),
            node: name.clone(),
            trace: Arc::clone(&trace),
        };
        Box::new(Kubelet::new(&name, index, Capacity::default(), runtime))
    };
    let (name, trace) = (format!("node-{index}"), Arc::clone(&parts.trace));
    let proxy = move || -> Boxed {
        Box::new(TracedProxy {
            proxy: Proxy::new(&name),
            trace: Arc::clone(&trace),
        })
    };
    [Box::new(kubelet), Box::new(proxy)]
}

impl Parts {
    /// What namespaces are emptied of, garbage is collected of and quotas count.
    fn apis(&self) -> Vec<Api> {
        Api::deletable(&self.config.resources)
    }
}
