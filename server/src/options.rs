//! What a server is started with.

use crate::{
    audit::AuditLog,
    controllers::ControllerChoice,
    error::StartError,
    etcd::Servers,
    limits::{COMPACTION, DRAIN, EVENT_TTL},
};
use model::{
    config::{AddressRange, Authentication, AuthorizationMode, Config, User},
    resource::Resources,
    token::Accounts,
};
use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// The issuer of tokens, when nobody says another.
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc";

/// What a server is started with. The default is what a test wants: a store in memory, a free port
/// of the loopback address, nothing written to disk.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen on.
    pub bind_address: IpAddr,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// The address under which others reach the server; it goes into the certificate.
    pub advertise_address: Option<IpAddr>,
    /// Where the store lives; in memory when `None`.
    pub data_directory: Option<PathBuf>,
    /// The etcd that the store is in; the embedded one when `None`.
    pub etcd: Option<Servers>,
    /// How often the store's history is compacted; never when it is 0.
    pub compaction: Duration,
    /// How long Events are kept; for ever when it is 0.
    pub event_ttl: Duration,
    /// Where certificates are kept; in memory when `None`.
    pub certificate_directory: Option<PathBuf>,
    /// A serving certificate and its key of one's own, as PEM files.
    pub serving: Option<(PathBuf, PathBuf)>,
    /// More authorities that client certificates may be signed by, as a PEM file.
    pub client_authorities: Option<PathBuf>,
    /// Where the administrator's kubeconfig is written; nowhere when `None`.
    pub kubeconfig: Option<PathBuf>,
    /// Static bearer tokens.
    pub tokens: BTreeMap<String, User>,
    /// Serve requests without credentials.
    pub anonymous: bool,
    /// Who may do what.
    pub authorization: Vec<AuthorizationMode>,
    /// Reading requests that are served at once; 0 is no limit.
    pub max_requests_in_flight: usize,
    /// Writing requests that are served at once; 0 is no limit.
    pub max_mutating_requests_in_flight: usize,
    /// The time that a request has.
    pub request_timeout: Duration,
    /// Watches live between once and twice as long.
    pub min_request_timeout: Duration,
    /// How long the server goes on as before when it is told to stop, but for `/readyz`.
    pub shutdown_delay: Duration,
    /// How long requests in flight may take after that.
    pub drain: Duration,
    /// The addresses of Services.
    pub service_addresses: AddressRange,
    /// Where audit events go.
    pub audit: AuditLog,
    /// Who says that it made a service account's token: the first makes them, all are known.
    pub service_account_issuers: Vec<String>,
    /// The key that signs tokens, as a PEM file; one is made when `None`.
    pub service_account_signing_key: Option<PathBuf>,
    /// More keys that tokens may be signed by, as PEM files.
    pub service_account_keys: Vec<PathBuf>,
    /// The longest time that a token may be good for.
    pub service_account_max_token_expiration: Option<Duration>,
    /// For whom tokens must be made; for the issuers when this is empty.
    pub api_audiences: Vec<String>,
    /// Which controllers run; none by default, as behind a bare kube-apiserver.
    pub controllers: ControllerChoice,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            bind_address: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            advertise_address: None,
            data_directory: None,
            etcd: None,
            compaction: COMPACTION,
            event_ttl: EVENT_TTL,
            certificate_directory: None,
            serving: None,
            client_authorities: None,
            kubeconfig: None,
            tokens: BTreeMap::new(),
            anonymous: true,
            authorization: vec![AuthorizationMode::Node, AuthorizationMode::Rbac],
            max_requests_in_flight: 400,
            max_mutating_requests_in_flight: 200,
            request_timeout: Duration::from_secs(60),
            min_request_timeout: Duration::from_secs(1800),
            shutdown_delay: Duration::ZERO,
            drain: DRAIN,
            service_addresses: AddressRange {
                network: 0x0a00_0000,
                prefix_length: 24,
            },
            audit: AuditLog::None,
            service_account_issuers: vec![ISSUER.to_owned()],
            service_account_signing_key: None,
            service_account_keys: Vec::new(),
            service_account_max_token_expiration: None,
            api_audiences: Vec::new(),
            controllers: ControllerChoice::default(),
        }
    }
}

impl Options {
    /// What the core of a server that listens at `address` is told.
    pub(crate) fn config(&self, address: SocketAddr, accounts: Accounts) -> Config {
        let advertised = self.advertise_address.unwrap_or(address.ip());
        Config {
            resources: Resources::built_in(),
            authentication: Authentication {
                tokens: self.tokens.clone(),
                accounts: Some(Arc::new(accounts)),
                // As kube-apiserver has it: where everybody may do everything, everybody must
                // say who they are (`BuiltInAuthenticationOptions.ApplyAuthorization`).
                anonymous: self.anonymous
                    && !self.authorization.contains(&AuthorizationMode::AlwaysAllow),
            },
            authorization: self.authorization.clone(),
            service_addresses: self.service_addresses,
            advertised: SocketAddr::new(advertised, address.port()).to_string(),
            event_ttl: self.event_ttl.as_secs(),
            ..Config::permissive()
        }
    }
}

/// Reads a token file as kube-apiserver does (`tokenfile.NewCSV`): lines of
/// `token,user,uid,"group1,group2"`, the groups optional.
///
/// # Errors
/// When the file cannot be read or a line has fewer than three columns.
pub fn read_tokens(path: &Path) -> Result<BTreeMap<String, User>, StartError> {
    let text = fs::read_to_string(path).map_err(|why| StartError::at(path, why))?;
    let mut tokens = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let wrong = |why: &str| StartError::at(path, format!("line {}: {why}", number + 1));
        let columns = columns(line).ok_or_else(|| wrong("a quote is not closed"))?;
        let [token, name, uid, rest @ ..] = columns.as_slice() else {
            return Err(wrong(
                "it needs at least three columns: token, user name, user uid",
            ));
        };
        if token.is_empty() {
            tracing::warn!(file = %path.display(), line = number + 1, "an empty token is passed over");
            continue;
        }
        let groups = rest.first().map(String::as_str).unwrap_or_default();
        let mut groups: Vec<String> = groups
            .split(',')
            .filter(|group| !group.is_empty())
            .map(str::to_owned)
            .collect();
        groups.sort();
        let user = User {
            name: name.clone(),
            uid: uid.clone(),
            groups,
            extra: BTreeMap::new(),
        };
        if tokens.insert(token.clone(), user).is_some() {
            tracing::warn!(file = %path.display(), line = number + 1, "a token is there twice");
        }
    }
    Ok(tokens)
}

/// The columns of one line of CSV (RFC 4180), without the blanks before them; `None` when a quote
/// is not closed.
fn columns(line: &str) -> Option<Vec<String>> {
    let mut columns = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        let mut column = String::new();
        if let Some(quoted) = rest.strip_prefix('"') {
            rest = quoted;
            loop {
                let (before, after) = rest.split_once('"')?;
                column.push_str(before);
                rest = after;
                match rest.strip_prefix('"') {
                    Some(after) => {
                        column.push('"');
                        rest = after;
                    }
                    None => break,
                }
            }
        }
        let end = rest.find(',').unwrap_or(rest.len());
        column.push_str(&rest[..end]);
        columns.push(column);
        match rest[end..].strip_prefix(',') {
            Some(after) => rest = after,
            None => return Some(columns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{columns, read_tokens};
    use crate::temporary_directory::TemporaryDirectory;
    use std::fs;

    #[test]
    fn token_files_are_read_as_kube_apiserver_reads_them() {
        let directory = TemporaryDirectory::new();
        let path = directory.path().join("tokens.csv");
        fs::write(
            &path,
            "t1,alice,1,\"b,a\"\n\nt2, bob,2\nt3,carol,3,g,ignored\n,nobody,4\n",
        )
        .unwrap();
        let tokens = read_tokens(&path).unwrap();
        assert_eq!(tokens["t1"].groups, ["a", "b"]);
        assert_eq!(tokens["t2"].name, "bob");
        assert_eq!(tokens["t3"].groups, ["g"]);
        assert_eq!(tokens.len(), 3);
        fs::write(&path, "t1,alice\n").unwrap();
        let why = read_tokens(&path).unwrap_err().0;
        assert!(
            why.contains("line 1: it needs at least three columns"),
            "{why}"
        );
    }

    #[test]
    fn quoted_columns() {
        assert_eq!(
            columns("a,\"b \"\"c\"\", d\",").unwrap(),
            ["a", "b \"c\", d", ""]
        );
        assert_eq!(columns("\"a"), None);
    }
}
