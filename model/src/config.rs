//! What an administrator decides, as data.

use crate::resource::Resources;
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use serde_json::{Value, json};

/// Everything that the lifecycle is told at start. It does not change while a server runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// What is served.
    pub resources: Resources,
    /// Who is who.
    pub authentication: Authentication,
    /// Who may do what: asked in order, the first that has an opinion decides.
    pub authorization: Vec<AuthorizationMode>,
    /// What `/version` says.
    pub version: Version,
    /// The addresses that Services get (`--service-cluster-ip-range`).
    pub service_addresses: AddressRange,
}

/// How credentials become users.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Authentication {
    /// Static bearer tokens (`--token-auth-file`).
    pub tokens: BTreeMap<String, User>,
    /// Requests without credentials are served as `system:anonymous` (`--anonymous-auth`).
    pub anonymous: bool,
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
}

/// The build, as `/version` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// The Kubernetes release whose behaviour this is: `v1.36.2+trueplane`.
    pub git_version: String,
    /// The commit that was built.
    pub git_commit: String,
    /// When it was built, RFC 3339.
    pub build_date: String,
    /// The compiler's version.
    pub compiler: String,
    /// `linux/amd64`
    pub platform: String,
}

impl Version {
    /// The document at `/version` (`version.Info`).
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
            "minCompatibilityMajor": "1", "minCompatibilityMinor": "35",
            "gitVersion": self.git_version, "gitCommit": self.git_commit, "gitTreeState": "clean",
            "buildDate": self.build_date, "goVersion": "", "compiler": self.compiler,
            "platform": self.platform,
        })
    }
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

    /// The `index`-th address; `None` beyond the last one that a host may have.
    #[must_use]
    pub fn address(&self, index: u32) -> Option<core::net::Ipv4Addr> {
        let size = 1u32 << (32 - u32::from(self.prefix_length));
        (index > 0 && index < size - 1).then(|| core::net::Ipv4Addr::from(self.network + index))
    }
}

impl Config {
    /// Built-in resources, anonymous access, everybody may do everything: what tests start from.
    #[must_use]
    pub fn permissive() -> Config {
        Config {
            resources: Resources::built_in(),
            authentication: Authentication {
                tokens: BTreeMap::new(),
                anonymous: true,
            },
            authorization: [AuthorizationMode::AlwaysAllow].into(),
            version: Version {
                git_version: "v1.36.2+trueplane".into(),
                git_commit: String::new(),
                build_date: "1970-01-01T00:00:00Z".into(),
                compiler: "rustc".into(),
                platform: "linux/amd64".into(),
            },
            service_addresses: AddressRange {
                network: 0x0a00_0000,
                prefix_length: 24,
            },
        }
    }
}
