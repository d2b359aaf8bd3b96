//! The command line. Flags are named as kube-apiserver's where such a flag exists.

use crate::{
    AuditLog, Options, StartError,
    controllers::ControllerChoice,
    duration,
    etcd::Servers,
    options::{ISSUER, read_tokens},
};
use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use model::config::{AddressRange, AuthorizationMode};
use std::{net::IpAddr, path::PathBuf, time::Duration};

/// A Kubernetes API server whose core has been checked exhaustively.
#[derive(Debug, Parser)]
#[command(name = "trueplane", version)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Flags {
    /// Instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The port that HTTPS is served on; 0 takes a free one.
    #[arg(long, default_value_t = 6443)]
    pub secure_port: u16,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    pub bind_address: IpAddr,
    /// The address under which others reach this server.
    #[arg(long)]
    pub advertise_address: Option<IpAddr>,
    /// Where certificates are kept [default: pki in the data directory].
    #[arg(long)]
    pub cert_dir: Option<PathBuf>,
    /// A serving certificate of your own (PEM).
    #[arg(long, requires = "tls_private_key_file")]
    pub tls_cert_file: Option<PathBuf>,
    /// The key of the serving certificate (PEM).
    #[arg(long, requires = "tls_cert_file")]
    pub tls_private_key_file: Option<PathBuf>,
    /// More authorities that client certificates may be signed by (PEM).
    #[arg(long)]
    pub client_ca_file: Option<PathBuf>,
    /// Static bearer tokens: a CSV of token, user, uid, "group1,group2".
    #[arg(long)]
    pub token_auth_file: Option<PathBuf>,
    /// Who may do what, asked in order: AlwaysAllow, AlwaysDeny, Node, RBAC.
    #[arg(long, value_delimiter = ',', default_value = "Node,RBAC")]
    pub authorization_mode: Vec<String>,
    /// Serve requests without credentials as system:anonymous.
    #[arg(long, action = ArgAction::Set, default_value_t = true, num_args = 0..=1,
        require_equals = true, default_missing_value = "true")]
    pub anonymous_auth: bool,
    /// Who says that it made a service account's token; the first of several makes them.
    #[arg(long, default_value = ISSUER)]
    pub service_account_issuer: Vec<String>,
    /// The key that signs tokens (PEM, ECDSA on P-256) [default: sa.key among the certificates,
    /// made at the first start].
    #[arg(long)]
    pub service_account_signing_key_file: Option<PathBuf>,
    /// Keys that tokens may be signed by, besides the one that signs new ones (PEM).
    #[arg(long)]
    pub service_account_key_file: Vec<PathBuf>,
    /// The longest time that a token may be good for; 0 is no limit.
    #[arg(long, default_value = "0s", value_parser = go_duration)]
    pub service_account_max_token_expiration: Duration,
    /// For whom tokens must be made [default: the issuers].
    #[arg(long, value_delimiter = ',')]
    pub api_audiences: Vec<String>,
    /// Servers of an etcd to use in place of the embedded store.
    #[arg(long, value_delimiter = ',')]
    pub etcd_servers: Vec<String>,
    /// Who signs the certificates of these servers (PEM).
    #[arg(long)]
    pub etcd_cafile: Option<PathBuf>,
    /// A certificate by which etcd knows this server (PEM).
    #[arg(long, requires = "etcd_keyfile")]
    pub etcd_certfile: Option<PathBuf>,
    /// The key of that certificate (PEM).
    #[arg(long, requires = "etcd_certfile")]
    pub etcd_keyfile: Option<PathBuf>,
    /// What all keys in etcd begin with.
    #[arg(long, default_value = "/registry")]
    pub etcd_prefix: String,
    /// How often the store's history is compacted; never when it is 0.
    #[arg(long, default_value = "5m0s", value_parser = go_duration)]
    pub etcd_compaction_interval: Duration,
    /// How long Events are kept; for ever when it is 0.
    #[arg(long, default_value = "1h0m0s", value_parser = go_duration)]
    pub event_ttl: Duration,
    /// Reading requests that are served at once; 0 is no limit.
    #[arg(long, default_value_t = 400)]
    pub max_requests_inflight: usize,
    /// Writing requests that are served at once; 0 is no limit.
    #[arg(long, default_value_t = 200)]
    pub max_mutating_requests_inflight: usize,
    /// The time that a request has.
    #[arg(long, default_value = "1m0s", value_parser = go_duration)]
    pub request_timeout: Duration,
    /// Watches live between once and twice as many seconds.
    #[arg(long, default_value_t = 1800)]
    pub min_request_timeout: u32,
    /// How long the server goes on as before when it is told to stop, but for /readyz.
    #[arg(long, default_value = "0s", value_parser = go_duration)]
    pub shutdown_delay_duration: Duration,
    /// The addresses that Services get.
    #[arg(long, default_value = "10.0.0.0/24", value_parser = address_range)]
    pub service_cluster_ip_range: AddressRange,
    /// The ports that Services of type NodePort get.
    #[arg(long, default_value = "30000-32767")]
    pub service_node_port_range: String,
    /// Where audit events go, one JSON object a line; "-" is standard output.
    #[arg(long)]
    pub audit_log_path: Option<PathBuf>,
    /// Controllers that run in this process: "*" is all, "name" is on, "-name" is off, '' is none
    /// (as behind a bare kube-apiserver).
    #[arg(long, value_delimiter = ',', default_value = "*")]
    pub controllers: Vec<String>,
    /// Simulated nodes that this process has; [default: 3, and none without controllers or with
    /// --etcd-servers].
    #[arg(long)]
    pub nodes: Option<u32>,
    /// The number of the first of them: each of several servers on one etcd has nodes of its own.
    #[arg(long, default_value_t = 0)]
    pub first_node: u32,
    /// Where the store, certificates and kubeconfig live
    /// [default: $XDG_DATA_HOME/trueplane or ~/.local/share/trueplane].
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Keep the store in memory: it is gone with the process.
    #[arg(long)]
    pub in_memory: bool,
    /// Where the administrator's kubeconfig is written [default: admin.kubeconfig in the data
    /// directory].
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// How much is logged: 0 to 2 is what happens, 4 debugging, 6 everything.
    #[arg(short, long, default_value_t = 0)]
    pub v: u8,
    /// The form of the log.
    #[arg(long, value_enum, default_value_t = LoggingFormat::Text)]
    pub logging_format: LoggingFormat,
}

/// What `trueplane` does besides serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Draws the way of a pod through every component, from what a running server remembers.
    Trace {
        /// The pod: pod/NAME.
        object: String,
        /// Its namespace.
        #[arg(short, long, default_value = "default")]
        namespace: String,
        /// As text, or as a page.
        #[arg(short, long, value_enum, default_value_t = Drawing::Text)]
        output: Drawing,
        /// How to reach the server [default: $KUBECONFIG, then admin.kubeconfig in the default data
        /// directory].
        #[arg(long)]
        kubeconfig: Option<PathBuf>,
    },
}

/// `--output` of `trace`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Drawing {
    /// For a terminal.
    Text,
    /// For a browser.
    Html,
}

impl Command {
    /// The kubeconfig of the server that is asked, and the path.
    ///
    /// # Errors
    /// When the object is no pod, or there is no kubeconfig to be found.
    pub fn question(&self) -> Result<(PathBuf, String), StartError> {
        let Command::Trace {
            object,
            namespace,
            output,
            kubeconfig,
        } = self;
        let named = ["pod/", "pods/", "po/"]
            .iter()
            .find_map(|kind| object.strip_prefix(kind));
        let fits = |text: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
            !text.is_empty() && text.bytes().all(plain)
        };
        let Some(name) = named.filter(|name| fits(name) && fits(namespace)) else {
            return refuse(&format!(
                "{object:?} in {namespace:?}: pod/NAME is what can be traced"
            ));
        };
        let output = match output {
            Drawing::Text => "",
            Drawing::Html => "?output=html",
        };
        let kubeconfig = match (kubeconfig, std::env::var_os("KUBECONFIG")) {
            (Some(path), _) => path.clone(),
            (None, Some(path)) if !path.is_empty() => path.into(),
            _ => default_data_directory()?.join("admin.kubeconfig"),
        };
        let path = format!("/debug/trace/pods/{namespace}/{name}{output}");
        Ok((kubeconfig, path))
    }
}

/// `--logging-format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LoggingFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Flags {
    /// What the server is started with. Reads the token file, writes nothing.
    ///
    /// # Errors
    /// When a flag asks for what does not exist (yet), or a file cannot be read.
    pub fn options(&self) -> Result<Options, StartError> {
        if self.service_node_port_range != "30000-32767" {
            return refuse(
                "--service-node-port-range: only the default 30000-32767 is supported yet",
            );
        }
        let modes: Result<_, _> = self
            .authorization_mode
            .iter()
            .map(|mode| parse_mode(mode))
            .collect();
        let tokens = self
            .token_auth_file
            .as_deref()
            .map(read_tokens)
            .transpose()?;
        let data = match &self.data_dir {
            Some(data) => data.clone(),
            None => default_data_directory()?,
        };
        let kubeconfig = self
            .kubeconfig
            .clone()
            .unwrap_or_else(|| data.join("admin.kubeconfig"));
        let etcd = (!self.etcd_servers.is_empty()).then(|| self.etcd());
        let audit = match &self.audit_log_path {
            None => AuditLog::None,
            Some(path) if path.as_os_str() == "-" => AuditLog::Stdout,
            Some(path) => AuditLog::File(path.clone()),
        };
        Ok(Options {
            bind_address: self.bind_address,
            port: self.secure_port,
            advertise_address: self.advertise_address,
            certificate_directory: Some(self.cert_dir.clone().unwrap_or_else(|| data.join("pki"))),
            data_directory: (!self.in_memory && etcd.is_none()).then_some(data),
            etcd,
            compaction: self.etcd_compaction_interval,
            event_ttl: self.event_ttl,
            serving: self
                .tls_cert_file
                .clone()
                .zip(self.tls_private_key_file.clone()),
            client_authorities: self.client_ca_file.clone(),
            kubeconfig: Some(kubeconfig),
            tokens: tokens.unwrap_or_default(),
            anonymous: self.anonymous_auth,
            authorization: modes?,
            max_requests_in_flight: self.max_requests_inflight,
            max_mutating_requests_in_flight: self.max_mutating_requests_inflight,
            request_timeout: self.request_timeout,
            min_request_timeout: Duration::from_secs(self.min_request_timeout.into()),
            shutdown_delay: self.shutdown_delay_duration,
            service_addresses: self.service_cluster_ip_range,
            audit,
            service_account_issuers: self.service_account_issuer.clone(),
            service_account_signing_key: self.service_account_signing_key_file.clone(),
            service_account_keys: self.service_account_key_file.clone(),
            service_account_max_token_expiration: Some(self.service_account_max_token_expiration)
                .filter(|longest| !longest.is_zero()),
            api_audiences: self.api_audiences.clone(),
            controllers: self.controllers()?,
            ..Options::default()
        })
    }
}

impl Flags {
    fn etcd(&self) -> Servers {
        Servers {
            urls: self.etcd_servers.clone(),
            authority: self.etcd_cafile.clone(),
            identity: self.etcd_certfile.clone().zip(self.etcd_keyfile.clone()),
            prefix: self.etcd_prefix.clone(),
        }
    }
}

impl Flags {
    fn controllers(&self) -> Result<ControllerChoice, StartError> {
        const NODES: u32 = 3;
        let choice = ControllerChoice::parse(&self.controllers)?;
        let alone = self.etcd_servers.is_empty() && !choice.names.is_empty();
        let usual = if alone { NODES } else { 0 };
        Ok(ControllerChoice {
            nodes: self.nodes.unwrap_or(usual),
            first_node: self.first_node,
            ..choice
        })
    }
}

fn refuse<T>(why: &str) -> Result<T, StartError> {
    Err(StartError(why.to_owned()))
}

fn parse_mode(mode: &str) -> Result<AuthorizationMode, StartError> {
    match mode {
        "AlwaysAllow" => Ok(AuthorizationMode::AlwaysAllow),
        "AlwaysDeny" => Ok(AuthorizationMode::AlwaysDeny),
        "RBAC" => Ok(AuthorizationMode::Rbac),
        "Node" => Ok(AuthorizationMode::Node),
        "Webhook" | "ABAC" => refuse(&format!(
            "--authorization-mode: {mode} is not supported yet"
        )),
        _ => refuse(&format!(
            "--authorization-mode: {mode:?} is not a mode: AlwaysAllow, AlwaysDeny, Node, RBAC"
        )),
    }
}

fn default_data_directory() -> Result<PathBuf, StartError> {
    let set = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")));
    base.map(|base| base.join("trueplane")).ok_or_else(|| {
        StartError("neither HOME nor XDG_DATA_HOME is set: say --data-dir".to_owned())
    })
}

fn go_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text)?.ok_or_else(|| "it must not be negative".to_owned())
}

fn address_range(text: &str) -> Result<AddressRange, String> {
    AddressRange::parse(text).ok_or_else(|| "it is not an IPv4 range like 10.0.0.0/24".to_owned())
}

#[cfg(test)]
mod tests {
    use super::Flags;
    use clap::Parser;
    use std::time::Duration;

    fn flags(arguments: &str) -> Flags {
        Flags::try_parse_from(
            ["trueplane"]
                .into_iter()
                .chain(arguments.split_whitespace()),
        )
        .unwrap()
    }

    #[test]
    fn flags_become_options() {
        let options =
            flags("--data-dir /d --request-timeout 1m30s --anonymous-auth=false --secure-port 0")
                .options()
                .unwrap();
        assert_eq!(options.request_timeout, Duration::from_secs(90));
        assert!(!options.anonymous);
        assert_eq!(
            options.kubeconfig.unwrap().to_str(),
            Some("/d/admin.kubeconfig")
        );
        assert_eq!(
            options.certificate_directory.unwrap().to_str(),
            Some("/d/pki")
        );
        assert!(
            flags("--in-memory")
                .options()
                .unwrap()
                .data_directory
                .is_none()
        );
    }

    #[test]
    fn an_etcd_takes_the_place_of_the_embedded_store() {
        let options = flags("--etcd-servers http://a:1,http://b:2 --etcd-prefix /x --data-dir /d");
        let options = options.options().unwrap();
        let etcd = options.etcd.unwrap();
        assert_eq!(etcd.urls, ["http://a:1", "http://b:2"]);
        assert_eq!(etcd.prefix, "/x");
        assert_eq!(options.data_directory, None);
        let without_key = ["trueplane", "--etcd-certfile", "x"];
        assert!(Flags::try_parse_from(without_key).is_err());
    }

    #[test]
    fn nodes_are_there_where_one_server_runs_controllers() {
        let nodes = |arguments: &str| {
            let options = flags(&format!("--in-memory {arguments}"))
                .options()
                .unwrap();
            options.controllers.nodes
        };
        assert_eq!(nodes(""), 3);
        assert_eq!(nodes("--controllers="), 0);
        assert_eq!(nodes("--controllers= --nodes 2"), 2);
        assert_eq!(nodes("--etcd-servers http://127.0.0.1:1"), 0);
        assert_eq!(nodes("--etcd-servers http://127.0.0.1:1 --nodes 2"), 2);
    }

    #[test]
    fn what_is_not_supported_yet_is_refused_by_name() {
        for (arguments, why) in [
            (
                "--authorization-mode RBAC,Webhook",
                "Webhook is not supported",
            ),
            ("--authorization-mode Nonsense", "not a mode"),
            ("--service-node-port-range 1-2", "--service-node-port-range"),
            ("--token-auth-file /nonexistent", "/nonexistent"),
        ] {
            let error = flags(arguments).options().unwrap_err().0;
            assert!(error.contains(why), "{error}");
        }
        for wrong in [
            "--request-timeout soon",
            "--request-timeout -1s",
            "--service-cluster-ip-range 10.0.0.1",
            "--tls-cert-file x",
            "--secure-port 70000",
        ] {
            let arguments = ["trueplane"].into_iter().chain(wrong.split_whitespace());
            assert!(Flags::try_parse_from(arguments).is_err(), "{wrong}");
        }
    }
}
