//! The forwarding table of a node.

use crate::controllers::Name;
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::fmt;
use serde::Serialize;

/// What a proxy forwards: for each Service and each of its ports, from where to where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Table {
    /// The node's own addresses, at which node ports are served.
    pub node_addresses: Vec<String>,
    rules: BTreeMap<Name, Vec<Rule>>,
}

/// One port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// `namespace/name` of the Service.
    pub service: String,
    /// The port's name; may be empty.
    pub port_name: String,
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// `address:port` inside the cluster.
    pub addresses: Vec<String>,
    /// `address:port` of external addresses and load balancers.
    pub external_addresses: Vec<String>,
    /// The port of every node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_port: Option<u16>,
    /// For so long a client gets the same endpoint (`sessionAffinity: ClientIP`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity_seconds: Option<i64>,
    /// From inside the cluster only endpoints of this node are used (`internalTrafficPolicy`).
    pub internal_local: bool,
    /// From outside only endpoints of this node are used (`externalTrafficPolicy`).
    pub external_local: bool,
    /// `address:port` of where connections from inside go.
    pub endpoints: Vec<String>,
    /// The same for connections from outside.
    pub external_endpoints: Vec<String>,
}

/// The protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP
    Tcp,
    /// UDP
    Udp,
    /// SCTP
    Sctp,
}

impl Protocol {
    /// By its name; TCP is the default.
    #[must_use]
    pub fn read(name: &str) -> Protocol {
        match name {
            "UDP" => Protocol::Udp,
            "SCTP" => Protocol::Sctp,
            _ => Protocol::Tcp,
        }
    }
}

impl Table {
    /// All rules, by Service and in the order of its ports.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values().flatten()
    }

    /// The rules of a Service.
    #[must_use]
    pub fn of(&self, service: &Name) -> &[Rule] {
        self.rules.get(service).map_or(&[], Vec::as_slice)
    }

    /// Where a connection from inside the cluster to `address:port` goes; `None` when no Service
    /// has that.
    #[must_use]
    pub fn route(&self, protocol: Protocol, address: &str) -> Option<&[String]> {
        let is_it = |rule: &&Rule| {
            let mut addresses = rule.addresses.iter().chain(&rule.external_addresses);
            rule.protocol == protocol && addresses.any(|it| it == address)
        };
        self.rules()
            .find(is_it)
            .map(|rule| rule.endpoints.as_slice())
    }

    pub(super) fn put(&mut self, service: &Name, rules: Vec<Rule>) {
        if rules.is_empty() {
            self.rules.remove(service);
        } else {
            self.rules.insert(service.clone(), rules);
        }
    }
}

impl Serialize for Table {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut table = serializer.serialize_struct("Table", 2)?;
        table.serialize_field("nodeAddresses", &self.node_addresses)?;
        let rules: Vec<&Rule> = self.rules().collect();
        table.serialize_field("rules", &rules)?;
        table.end()
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => "SCTP",
        })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rules().try_for_each(|rule| writeln!(f, "{rule}"))
    }
}

impl fmt::Display for Rule {
    /// `default/web:http TCP 10.0.0.7:80 → 10.1.0.1:8080, 10.1.0.2:8080`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.service)?;
        if !self.port_name.is_empty() {
            write!(f, ":{}", self.port_name)?;
        }
        write!(f, " {} {}", self.protocol, self.addresses.join(", "))?;
        places(f, &self.endpoints, self.internal_local)?;
        let from_outside = self.node_port.is_some() || !self.external_addresses.is_empty();
        if from_outside {
            f.write_str("; from outside")?;
            for address in &self.external_addresses {
                write!(f, " {address}")?;
            }
            if let Some(port) = self.node_port {
                write!(f, " *:{port}")?;
            }
            places(f, &self.external_endpoints, self.external_local)?;
        }
        match self.affinity_seconds {
            Some(seconds) => write!(f, "; the same for {seconds} s"),
            None => Ok(()),
        }
    }
}

fn places(f: &mut fmt::Formatter<'_>, endpoints: &[String], local: bool) -> fmt::Result {
    let local = if local { " (on this node)" } else { "" };
    if endpoints.is_empty() {
        return write!(f, " → nothing{local}");
    }
    write!(f, " → {}{local}", endpoints.join(", "))
}
