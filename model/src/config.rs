//! What an administrator decides, as data.

use crate::{discovery::Version, resource::Resources, schema::Types, token::Accounts};
use alloc::{collections::BTreeMap, string::String, sync::Arc, vec::Vec};
use core::ops::RangeInclusive;

/// Everything that the lifecycle is told at start. It does not change while a server runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is served.
    pub resources: Resources,
    /// The types of what is served.
    pub types: Arc<Types>,
    /// Who is who.
    pub authentication: Authentication,
    /// Who may do what: asked in order, the first that has an opinion decides.
    pub authorization: Vec<AuthorizationMode>,
    /// What `/version` says.
    pub version: Version,
    /// The `host:port` that clients can reach this server at.
    pub advertised: String,
    /// The addresses that Services get (`--service-cluster-ip-range`).
    pub service_addresses: AddressRange,
    /// How many seconds Events are kept (`--event-ttl`); 0 is for ever.
    pub event_ttl: u64,
    /// The ports of nodes that Services get (`--service-node-port-range`).
    pub service_node_ports: RangeInclusive<u16>,
}

/// How credentials become users.
#[derive(Clone, Debug, Default)]
pub struct Authentication {
    /// Static bearer tokens (`--token-auth-file`).
    pub tokens: BTreeMap<String, User>,
    /// Requests without credentials are served as `system:anonymous` (`--anonymous-auth`).
    pub anonymous: bool,
    /// How tokens of service accounts are made and known again; none are without it.
    pub accounts: Option<Arc<Accounts>>,
}

/// Who a request comes from (`user.Info`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct User {
    /// The user's name.
    pub name: String,
    /// A number that tells users of the same name apart; may be empty.
    pub uid: String,
    /// The groups, sorted.
    pub groups: Vec<String>,
    /// Whatever else the authenticator knows.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// `--authorization-mode`, one of its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthorizationMode {
    /// Everybody may do everything.
    AlwaysAllow,
    /// Nobody may do anything (but `system:masters`).
    AlwaysDeny,
    /// Roles and bindings say who may do what.
    Rbac,
    /// Nodes may do what their pods need.
    Node,
}

/// A range of IPv4 addresses in CIDR form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressRange {
    /// The network's address as a number.
    pub network: u32,
    /// The number of leading bits that are fixed, 1 to 30.
    pub prefix_length: u8,
}

impl AddressRange {
    /// Parses `10.0.0.0/24`; `None` when it is not an IPv4 range with at least two bits for hosts.
    #[must_use]
    pub fn parse(text: &str) -> Option<AddressRange> {
        let (address, length) = text.split_once('/')?;
        let address: core::net::Ipv4Addr = address.parse().ok()?;
        let prefix_length: u8 = length.parse().ok()?;
        let network = u32::from(address);
        let valid = (1..=30).contains(&prefix_length) && network << prefix_length == 0;
        valid.then_some(AddressRange {
            network,
            prefix_length,
        })
    }
}

impl Config {
    /// Built-in resources, anonymous access, everybody may do everything: what tests start from.
    #[must_use]
    pub fn permissive() -> Config {
        Config {
            resources: Resources::built_in(),
            types: Arc::new(Types::built_in()),
            authentication: Authentication {
                tokens: BTreeMap::new(),
                anonymous: true,
                accounts: None,
            },
            authorization: [AuthorizationMode::AlwaysAllow].into(),
            version: Version {
                git_version: "v1.36.2".into(),
                git_commit: String::new(),
                git_tree_state: "clean".into(),
                build_date: "1970-01-01T00:00:00Z".into(),
                language_version: String::new(),
                compiler: "rustc".into(),
                platform: "linux/amd64".into(),
            },
            advertised: "127.0.0.1:6443".into(),
            service_addresses: AddressRange {
                network: 0x0a00_0000,
                prefix_length: 24,
            },
            event_ttl: 3_600,
            service_node_ports: 30_000..=32_767,
        }
    }
}
