//! The built-in APIs that controllers use.

use super::Api;

macro_rules! apis {
    ($($(#[doc = $doc:literal])* $name:ident = $scope:ident $group:literal $version:literal $resource:literal $kind:literal;)*) => {
        $($(#[doc = $doc])* pub const $name: Api = Api::$scope($group, $version, $resource, $kind);)*
    };
}

apis! {
    /// `v1` Pods.
    PODS = namespaced "" "v1" "pods" "Pod";
    /// `v1` Nodes.
    NODES = cluster "" "v1" "nodes" "Node";
    /// `v1` Namespaces.
    NAMESPACES = cluster "" "v1" "namespaces" "Namespace";
    /// `v1` Services.
    SERVICES = namespaced "" "v1" "services" "Service";
    /// `v1` Endpoints.
    ENDPOINTS = namespaced "" "v1" "endpoints" "Endpoints";
    /// `v1` Events.
    EVENTS = namespaced "" "v1" "events" "Event";
    /// `v1` ConfigMaps.
    CONFIG_MAPS = namespaced "" "v1" "configmaps" "ConfigMap";
    /// `v1` Secrets.
    SECRETS = namespaced "" "v1" "secrets" "Secret";
    /// `v1` ServiceAccounts.
    SERVICE_ACCOUNTS = namespaced "" "v1" "serviceaccounts" "ServiceAccount";
    /// `v1` ResourceQuotas.
    RESOURCE_QUOTAS = namespaced "" "v1" "resourcequotas" "ResourceQuota";
    /// `v1` ReplicationControllers.
    REPLICATION_CONTROLLERS = namespaced "" "v1" "replicationcontrollers" "ReplicationController";
    /// `v1` PersistentVolumes.
    PERSISTENT_VOLUMES = cluster "" "v1" "persistentvolumes" "PersistentVolume";
    /// `v1` PersistentVolumeClaims.
    PERSISTENT_VOLUME_CLAIMS = namespaced "" "v1" "persistentvolumeclaims" "PersistentVolumeClaim";
    /// `apps/v1` Deployments.
    DEPLOYMENTS = namespaced "apps" "v1" "deployments" "Deployment";
    /// `apps/v1` ReplicaSets.
    REPLICA_SETS = namespaced "apps" "v1" "replicasets" "ReplicaSet";
    /// `apps/v1` StatefulSets.
    STATEFUL_SETS = namespaced "apps" "v1" "statefulsets" "StatefulSet";
    /// `apps/v1` DaemonSets.
    DAEMON_SETS = namespaced "apps" "v1" "daemonsets" "DaemonSet";
    /// `apps/v1` ControllerRevisions.
    CONTROLLER_REVISIONS = namespaced "apps" "v1" "controllerrevisions" "ControllerRevision";
    /// `batch/v1` Jobs.
    JOBS = namespaced "batch" "v1" "jobs" "Job";
    /// `batch/v1` CronJobs.
    CRON_JOBS = namespaced "batch" "v1" "cronjobs" "CronJob";
    /// `coordination.k8s.io/v1` Leases.
    LEASES = namespaced "coordination.k8s.io" "v1" "leases" "Lease";
    /// `discovery.k8s.io/v1` EndpointSlices.
    ENDPOINT_SLICES = namespaced "discovery.k8s.io" "v1" "endpointslices" "EndpointSlice";
    /// `policy/v1` PodDisruptionBudgets.
    POD_DISRUPTION_BUDGETS = namespaced "policy" "v1" "poddisruptionbudgets" "PodDisruptionBudget";
    /// `rbac.authorization.k8s.io/v1` ClusterRoles.
    CLUSTER_ROLES = cluster "rbac.authorization.k8s.io" "v1" "clusterroles" "ClusterRole";
    /// `storage.k8s.io/v1` StorageClasses.
    STORAGE_CLASSES = cluster "storage.k8s.io" "v1" "storageclasses" "StorageClass";
}
