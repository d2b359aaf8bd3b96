//! A running server.

use crate::{
    accounts::{self, VerifiedTokens},
    audit::Audit,
    bootstrap::bootstrap,
    certificates::{Certificates, Identity, kubeconfig},
    controllers::{Controllers, Parts},
    error::StartError,
    files::write_private,
    listen,
    metrics::Metrics,
    options::Options,
    store::{Store, leases::Leases},
    tls::{Tls, authorities, certificates},
    trace::{Trace, Way},
};
use model::{config::Config, etcd::Key, openapi, registry, wire};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::sleep,
};

/// What all requests share.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) leases: Leases,
    pub(crate) metrics: Metrics,
    pub(crate) audit: Audit,
    pub(crate) trace: Arc<Trace>,
    /// Places for requests in flight; `None` is no limit.
    pub(crate) read_only: Option<Arc<Semaphore>>,
    pub(crate) mutating: Option<Arc<Semaphore>>,
    pub(crate) request_timeout: Duration,
    pub(crate) min_request_timeout: Duration,
    /// True from the moment the server is told to stop: `/readyz` then fails.
    pub(crate) stopping: watch::Sender<bool>,
    /// True from the moment it takes no more requests: watches then end.
    pub(crate) draining: watch::Sender<bool>,
    /// The OpenAPI documents that have been asked for, encoded.
    documents: Mutex<BTreeMap<openapi::Name, Arc<[u8]>>>,
    /// Tokens that need not be verified again.
    pub(crate) verified_tokens: VerifiedTokens,
}

impl Core {
    /// An OpenAPI document: made when it is first asked for.
    pub(crate) fn described(&self, name: openapi::Name) -> Vec<u8> {
        let known = |documents: &BTreeMap<openapi::Name, Arc<[u8]>>| documents.get(&name).cloned();
        let documents = || {
            self.documents
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let found = known(&documents());
        if let Some(found) = found {
            return found.to_vec();
        }
        let made = name.document(&self.config.types, &self.config.resources);
        let made = made.to_string().into_bytes();
        documents().insert(name, made.as_slice().into());
        made
    }

    /// What `/debug/…` answers: code, content type and body.
    pub(crate) fn debugged(&self, asked: &wire::Debug) -> (u16, &'static str, Vec<u8>) {
        const TEXT: &str = "text/plain; charset=utf-8";
        let missing = |what: String| (404, TEXT, format!("{what} not found\n").into_bytes());
        match asked {
            wire::Debug::Trace {
                namespace,
                name,
                html,
            } => {
                let key = format!("{}{namespace}/{name}", registry::prefix("", "pods"));
                let cache = self.store.cache();
                let stored = cache.get(&Key::from(key.as_str()));
                let stored = stored.and_then(|entry| entry.object());
                match Way::of(&self.trace.entries(), (namespace, name), stored) {
                    Some(way) if *html => (200, "text/html; charset=utf-8", way.html().into()),
                    Some(way) => (200, TEXT, way.text().into()),
                    None => missing(format!("pods {name:?} in the namespace {namespace:?}")),
                }
            }
            wire::Debug::Proxy { node } => match self.trace.table(node) {
                Some(table) => (200, TEXT, table.into()),
                None => missing(format!("a proxy on the node {node:?}")),
            },
        }
    }

    /// What `/metrics` answers.
    pub(crate) fn metrics_text(&self) -> Vec<u8> {
        let cache = self.store.cache();
        let prefixes: BTreeMap<&str, String> = self
            .config
            .resources
            .iter()
            .map(|resource| {
                let name = model::status::qualified(&resource.group, &resource.plural);
                (resource.prefix.as_str(), name)
            })
            .collect();
        let objects: Vec<(String, usize)> = prefixes
            .into_iter()
            .map(|(prefix, name)| (name, cache.count(prefix)))
            .collect();
        self.metrics.text(&objects)
    }
}

/// A Kubernetes API server.
pub struct Server;

/// A server that serves. Dropped without [`Running::stop`] it is cut off.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where clients reach it: `https://127.0.0.1:6443`.
    pub url: String,
    /// What its certificate is verified with, as PEM.
    pub authority: String,
    /// The administrator's certificate and key.
    pub admin: Identity,
    /// A kubeconfig of the administrator, with everything in it.
    pub kubeconfig: String,
    /// Where the kubeconfig was written, if it was.
    pub kubeconfig_path: Option<PathBuf>,
    pub(crate) core: Arc<Core>,
    listening: JoinHandle<()>,
    housekeeping: JoinHandle<()>,
    controllers: Option<Controllers>,
    shutdown_delay: Duration,
}

impl Server {
    /// Starts a server in the current tokio runtime; it is ready when this returns. Several in one
    /// process get on, each with its own data directory.
    ///
    /// # Errors
    /// When a file, directory or port cannot be used. Files that are only read are looked at
    /// before anything is written.
    pub async fn start(options: Options) -> Result<Running, StartError> {
        let own_serving = options.serving.as_ref().map(read_identity).transpose()?;
        let more_authorities = options
            .client_authorities
            .as_deref()
            .map(read_authorities)
            .transpose()?;
        let address = SocketAddr::new(options.bind_address, options.port);
        let listener = TcpListener::bind(address)
            .await
            .map_err(|why| StartError(format!("cannot listen on {address}: {why}")))?;
        let address = listener
            .local_addr()
            .map_err(|why| StartError(format!("cannot listen on {address}: {why}")))?;
        let directory = options
            .data_directory
            .as_deref()
            .map(|data| data.join("store"));
        let store = match &options.etcd {
            Some(servers) => Store::etcd(servers).await?,
            None => Store::embedded(directory.as_deref())?,
        };
        let audit = Audit::open(&options.audit)?;
        let made = Certificates::load(options.certificate_directory.as_deref(), &names(&options))?;
        let authorities: Vec<&str> = [
            Some(made.authority.certificate.as_str()),
            more_authorities.as_deref(),
        ]
        .into_iter()
        .flatten()
        .collect();
        let accounts = accounts::load(&options)?;
        let tls = Tls::new(own_serving.as_ref().unwrap_or(&made.serving), &authorities)?;
        let authority = own_serving.map_or(made.authority.certificate, |own| own.certificate);
        let url = format!("https://{}", reachable(address));
        let kubeconfig = kubeconfig(&url, &authority, &made.admin);
        if let Some(path) = &options.kubeconfig {
            write_private(path, kubeconfig.as_bytes())?;
        }
        let places = |most: usize| {
            (most > 0).then(|| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))))
        };
        let core = Arc::new(Core {
            config: options.config(address, accounts),
            store,
            leases: Leases::default(),
            metrics: Metrics::new(),
            audit,
            trace: Arc::default(),
            read_only: places(options.max_requests_in_flight),
            mutating: places(options.max_mutating_requests_in_flight),
            request_timeout: options.request_timeout,
            min_request_timeout: options.min_request_timeout,
            stopping: watch::Sender::new(false),
            draining: watch::Sender::new(false),
            documents: Mutex::new(BTreeMap::new()),
            verified_tokens: VerifiedTokens::default(),
        });
        bootstrap(&core, address.port()).await?;
        let listening = tokio::spawn(listen::serve(
            Arc::clone(&core),
            listener,
            tls,
            core.draining.subscribe(),
            options.drain,
        ));
        let housekeeping = tokio::spawn(core.store.clone().keep_house(options.compaction));
        let parts = Parts {
            authority: authority.clone(),
            config: core.config.clone(),
            trace: Arc::clone(&core.trace),
        };
        let elected = options.etcd.is_some();
        let controllers = Controllers::run(&core, &options.controllers, &parts, elected);
        Ok(Running {
            address,
            url,
            authority,
            admin: made.admin,
            kubeconfig,
            kubeconfig_path: options.kubeconfig,
            core,
            listening,
            housekeeping,
            controllers: Some(controllers),
            shutdown_delay: options.shutdown_delay,
        })
    }
}

impl Running {
    /// Stops the server: `/readyz` fails, then (after the shutdown delay) no more requests are
    /// taken, controllers stop, watches end, those in flight are answered, and the store is closed.
    pub async fn stop(mut self) {
        self.core.stopping.send_replace(true);
        sleep(self.shutdown_delay).await;
        self.core.draining.send_replace(true);
        if let Some(controllers) = self.controllers.take() {
            controllers.stop().await;
        }
        if let Err(why) = (&mut self.listening).await {
            tracing::error!(%why, "the listener ended before its time");
        }
        self.housekeeping.abort();
        self.core.store.stop().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.listening.abort();
        self.housekeeping.abort();
    }
}

/// The names and addresses that clients may call the server by (kubeadm's list).
fn names(options: &Options) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ]
    .map(str::to_owned)
    .into();
    let mut addresses: BTreeSet<IpAddr> =
        [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()].into();
    addresses.extend(options.advertise_address);
    addresses.extend(Some(options.bind_address).filter(|address| !address.is_unspecified()));
    // The first address is that of the Service `kubernetes`.
    addresses.insert(Ipv4Addr::from(options.service_addresses.network + 1).into());
    names.extend(addresses.iter().map(IpAddr::to_string));
    names.extend(hostname());
    names
}

/// The machine's name, when it can stand in a certificate.
fn hostname() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().to_ascii_lowercase();
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'.');
    (!name.is_empty() && name.bytes().all(fits)).then_some(name)
}

/// An address that a client on this machine can connect to.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

fn read_identity((certificate, key): &(PathBuf, PathBuf)) -> Result<Identity, StartError> {
    let read = |path: &Path| fs::read_to_string(path).map_err(|why| StartError::at(path, why));
    let identity = Identity {
        certificate: read(certificate)?,
        key: read(key)?,
    };
    certificates(&identity.certificate).map_err(|why| StartError::at(certificate, why))?;
    Tls::new(&identity, &[&identity.certificate])
        .map_err(|why| StartError::at(certificate, why))?;
    Ok(identity)
}

fn read_authorities(path: &Path) -> Result<String, StartError> {
    let text = fs::read_to_string(path).map_err(|why| StartError::at(path, why))?;
    authorities(&text).map_err(|why| StartError::at(path, why))?;
    Ok(text)
}
