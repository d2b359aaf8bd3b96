//! Every limit of the core, in one place. The server's own limits (connections, buffers) are in
//! its `limits` module.

/// The largest request body, in bytes (kube-apiserver's `MaxRequestBodyBytes`).
pub const REQUEST_BODY_BYTES: usize = 3 * 1024 * 1024;
/// How often a lost compare-and-swap is tried again before the conflict is surfaced. Upstream
/// retries for as long as the request lives; the bound keeps the checker's worlds finite and is
/// never met by fewer concurrent writers than this.
pub const COMMIT_ATTEMPTS: u32 = 64;
/// How many names `generateName` tries (kube-apiserver's `maxNameGenerationCreateAttempts`).
pub const GENERATED_NAME_ATTEMPTS: u32 = 8;
/// Events the watch cache keeps for one resource before the oldest leave the window.
pub const WATCH_WINDOW_EVENTS: usize = 16_384;
/// Operations in one etcd transaction (etcd's `--max-txn-ops`).
pub const TXN_OPERATIONS: usize = 128;
/// The shortest time to live of a lease, in seconds; a shorter one is lengthened (etcd's is one and
/// a half election timeouts, rounded up).
pub const LEASE_TTL_MINIMUM_SECONDS: u64 = 2;
/// The longest time to live of a lease, in seconds (etcd's `MaxLeaseTTL`).
pub const LEASE_TTL_MAXIMUM_SECONDS: u64 = 9_000_000_000;
/// Revisions between two kept snapshots of the store: a read in the past undoes fewer than this.
pub const CHECKPOINT_REVISIONS: u64 = 64;
/// The largest value etcd takes, in bytes (etcd's `--max-request-bytes` is 1.5 MiB; the API
/// server's body limit is the one that clients meet first).
pub const VALUE_BYTES: usize = 3 * 1024 * 1024;
/// How long a list or get waits for the cache to reach a resourceVersion, in milliseconds
/// (kube-apiserver's `blockTimeout`).
pub const FRESHNESS_WAIT_MILLISECONDS: u64 = 3_000;
/// Keys and values of all annotations of an object together, in bytes (apimachinery's
/// `TotalAnnotationSizeLimitB`).
pub const ANNOTATION_BYTES: usize = 256 * 1024;
/// The longest `fieldManager`, in bytes (apimachinery's `FieldManagerMaxLength`).
pub const FIELD_MANAGER_BYTES: usize = 128;
/// How deep objects and lists may nest in a document (Go's decoder allows 10,000; what is deeper
/// than this could not be read back from the store by `serde_json`, whose bound is 128).
pub const JSON_DEPTH: usize = 120;
/// How many unknown and duplicate fields are reported (`sigs.k8s.io/json`).
pub const FIELD_PROBLEMS: usize = 100;
/// The largest content of a ConfigMap or Secret, in bytes (`core.MaxSecretSize`).
pub const CONFIGURATION_BYTES: usize = 1024 * 1024;
/// Operations in one JSON patch (kube-apiserver's `maxJSONPatchOperations`).
pub const JSON_PATCH_OPERATIONS: usize = 10_000;
/// What all `copy` operations of a JSON patch may add to a document, in bytes (kube-apiserver's
/// `JSONPatchMaxCopyBytes`).
pub const JSON_PATCH_COPY_BYTES: usize = 3 * 1024 * 1024;
/// How long an eviction is asked to wait for a budget that has not been observed yet, in seconds
/// (`pkg/registry/core/pod/storage/eviction.go`).
pub const BUDGET_WAIT_SECONDS: u32 = 10;
