//! Every limit of the server, in one place. The core's own are in [`model::limits`].

use std::time::Duration;

/// How many connections are served at once; more wait in the kernel's queue. kube-apiserver has no
/// such limit; this one keeps a flood of idle connections from using up file descriptors.
pub const CONNECTIONS: usize = 20_000;
/// How long a TLS handshake may take (net/http's `Server` gives it `ReadHeaderTimeout`, which
/// kube-apiserver sets to 32 s; less will do and holds fewer half-open connections).
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the head of a request may take to arrive, and a connection may be idle between two
/// (kube-apiserver's `ReadHeaderTimeout`).
pub const HEAD: Duration = Duration::from_secs(32);
/// The largest head of a request, in bytes (net/http's `DefaultMaxHeaderBytes`). It bounds as well
/// what waits to be written on an HTTP/1.1 connection.
pub const HEAD_BYTES: usize = 1 << 20;
/// Streams of one HTTP/2 connection (kube-apiserver's `--http2-max-streams-per-connection`, whose
/// default net/http sets).
pub const HTTP2_STREAMS: u32 = 250;
/// Bytes that wait to be written on one stream of an HTTP/2 connection.
pub const HTTP2_STREAM_BYTES: usize = 64 * 1024;
/// How often a silent HTTP/2 client is asked whether it still lives, and how long it may take to
/// answer (client-go's `ReadIdleTimeout` and `PingTimeout`).
pub const HTTP2_PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15));
/// How long a client may leave bytes unread before its connection is ended: what bounds a slow
/// watcher on a socket that is full.
pub const STALLED_WRITE: Duration = Duration::from_secs(30);
/// How long a request's body may take to arrive once it is asked for; the request's own deadline
/// may come first. kube-apiserver gives the whole request 60 s.
pub const BODY: Duration = Duration::from_secs(60);
/// How much of a body that is too large is read and thrown away, so that the client sees the
/// answer (net/http's `maxPostHandlerReadBytes` is 256 KiB and a client that writes on may miss it).
pub const DISCARD_BYTES: usize = 16 * 1024 * 1024;
/// How long a drain may take before what is left is cut (kube-apiserver's default
/// `ShutdownSendRetryAfter` grace for in-flight requests is the request timeout, 60 s).
pub const DRAIN: Duration = Duration::from_secs(60);
/// Answers of at least so many bytes are compressed when the client accepts it (kube-apiserver's
/// `defaultGzipThresholdBytes`).
pub const COMPRESS_BYTES: usize = 128 * 1024;
/// Bytes of watch events that are put together into one write: all that a watcher ever buffers on
/// our side, but for a last event that is larger.
pub const WATCH_BYTES: usize = 64 * 1024;
/// Watch events that are taken from the cache at once.
pub const WATCH_EVENTS: usize = 128;
/// How often a watcher that asked for bookmarks gets one while nothing happens (the watch cache's
/// `bookmarkFrequency`).
pub const BOOKMARK: Duration = Duration::from_secs(60);
/// Commands that wait for the store's writer; more wait for room.
pub const COMMANDS_WAITING: usize = 4_096;
/// Commands that are made durable by one flush.
pub const COMMANDS_BATCH: usize = 512;
/// Bytes of encoded commands in one frame of the log, but for a last command that is larger.
pub const FRAME_BYTES: usize = 16 * 1024 * 1024;
/// The log grows by so many bytes, or by the size of the last snapshot if that is more, before the
/// next snapshot is written and the log before it removed: bounds disk use and restart.
pub const LOG_BYTES: u64 = 64 * 1024 * 1024;
/// How long a connection to etcd may take to be made (kube-apiserver's `dialTimeout`).
pub const ETCD_CONNECT: Duration = Duration::from_secs(20);
/// How often a silent etcd is asked whether it still lives, and how long it may take to answer
/// (kube-apiserver's `keepaliveTime` and `keepaliveTimeout`).
pub const ETCD_PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// Bytes that etcd may send before we have taken them.
pub const ETCD_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// How often a request is sent to etcd that fails on the way and may be sent again, and how long is
/// waited before (etcd's `defaultUnaryMaxRetries` and `defaultBackoffWaitBetween`).
pub const ETCD_ATTEMPTS: usize = 100;
/// See [`ETCD_ATTEMPTS`].
pub const ETCD_BACKOFF: Duration = Duration::from_millis(25);
/// The longest wait before a watch of etcd is begun again, or a list that has failed.
pub const ETCD_BACKOFF_MOST: Duration = Duration::from_secs(1);
/// How long etcd may take to answer when the server starts.
pub const ETCD_START: Duration = Duration::from_secs(20);
/// Keys of one page when the watch cache is filled (the cacher's `storageWatchListPageSize`).
pub const ETCD_PAGE: usize = 10_000;
/// How often etcd is asked for the progress of the watch while somebody waits for it (the cacher's
/// `progressRequestPeriod`).
pub const ETCD_PROGRESS: Duration = Duration::from_millis(100);
/// How often it is looked whether etcd answers.
pub const ETCD_PROBE: Duration = Duration::from_secs(1);
/// How long the answer may take (kube-apiserver's `--etcd-healthcheck-timeout`).
pub const ETCD_PROBE_TIME: Duration = Duration::from_secs(2);
/// How often history is compacted, to the revision that was the newest at the last time
/// (kube-apiserver's default of `--etcd-compaction-interval`).
pub const COMPACTION: Duration = Duration::from_secs(300);
/// How long a lease is given to new objects (or a twentieth of its time, if that is less), and to
/// how many (kube-apiserver's `LeaseReuseDurationSeconds` and `lease-max-object-count`).
pub const LEASE_REUSE: Duration = Duration::from_secs(60);
/// See [`LEASE_REUSE`].
pub const LEASE_OBJECTS: usize = 1_000;
/// How long Events are kept (kube-apiserver's default of `--event-ttl`).
pub const EVENT_TTL: Duration = Duration::from_secs(3600);
/// How often leases are looked through for those whose time is over (etcd's lessor looks every
/// 500 ms).
pub const LEASE_TICK: Duration = Duration::from_millis(500);
/// Nesting of a YAML document (sigs.k8s.io/yaml's `max_depth` is 10,000; serde_json, which reads
/// the document next, takes 128).
pub const YAML_DEPTH: usize = 128;
/// Nodes that a YAML document may have when its aliases are written out.
pub const YAML_NODES: usize = 1_000_000;
/// How many times longer than the text the JSON of a YAML document may be, beyond a fixed
/// allowance of [`YAML_ALLOWANCE`]: what aliases can add (go-yaml refuses documents that consist of
/// aliases to 99%, later to 10%).
pub const YAML_GROWTH: usize = 10;
/// See [`YAML_GROWTH`]; in bytes.
pub const YAML_ALLOWANCE: usize = 64 * 1024;
/// Tokens of service accounts whose signatures are remembered to be good; the oldest is forgotten
/// first and verified again when it is shown again.
pub const VERIFIED_TOKENS: usize = 4_096;
/// Requests and other happenings that are remembered for `/debug/trace`; the oldest are forgotten.
pub const TRACED: usize = 4_096;
/// The largest answer that the subcommands of `trueplane` read, in bytes.
pub const ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// The largest kubeconfig that is read, in bytes.
pub const KUBECONFIG_BYTES: u64 = 1024 * 1024;
/// How long a controller waits before it begins a watch again that was refused (client-go's
/// reflector begins with 800 ms), doubled each time up to [`RELIST_LONGEST`].
pub const RELIST_FIRST: Duration = Duration::from_millis(100);
/// See [`RELIST_FIRST`]; client-go's reflector has the same.
pub const RELIST_LONGEST: Duration = Duration::from_secs(30);
/// How long a server that stops may take to give the Leases back that it leads by.
pub const LEASE_RELEASE: Duration = Duration::from_secs(2);
