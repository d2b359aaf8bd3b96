//! The addresses and ports that Services are given, and those that they hold.

use super::needs_cluster_ip;
use crate::kinds::{
    document::{list, number, text, texts},
    formats,
};
use alloc::{collections::BTreeSet, format, string::String};
use core::{
    net::{IpAddr, Ipv4Addr},
    ops::RangeInclusive,
};
use serde_json::Value;

/// What Services can be given, and what is taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pool {
    /// The first address of the range (`--service-cluster-ip-range`): the network's own, never
    /// given out.
    pub network: Ipv4Addr,
    /// The length of the network's prefix in bits.
    pub prefix: u8,
    /// The node ports (`--service-node-port-range`).
    pub node_ports: RangeInclusive<u16>,
    /// What other Services hold.
    pub taken: Holdings,
}

/// What a Service holds that no other may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Holdings {
    /// Its cluster addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// Its node ports: `TCP/30000`.
    pub node_ports: BTreeSet<String>,
}

impl Holdings {
    /// Adds what another Service holds.
    pub fn add(&mut self, other: Holdings) {
        self.addresses.extend(other.addresses);
        self.node_ports.extend(other.node_ports);
    }

    /// True when nothing of `other` is missing here.
    #[must_use]
    pub fn has_all(&self, other: &Holdings) -> bool {
        self.addresses.is_superset(&other.addresses)
            && self.node_ports.is_superset(&other.node_ports)
    }
}

impl Default for Pool {
    /// 10.0.0.0/16 and 30000 to 32767, nothing taken.
    fn default() -> Pool {
        Pool {
            network: Ipv4Addr::new(10, 0, 0, 0),
            prefix: 16,
            node_ports: 30_000..=32_767,
            taken: Holdings::default(),
        }
    }
}

/// What this Service holds.
#[must_use]
pub fn holdings(service: &Value) -> Holdings {
    let mut holdings = Holdings::default();
    if needs_cluster_ip(service) {
        let addresses = texts(service, &["spec", "clusterIPs"]);
        holdings.addresses = addresses.into_iter().filter_map(formats::ip).collect();
    }
    for port in list(service, &["spec", "ports"]) {
        if let Some(number) = number(port, &["nodePort"]).filter(|number| *number > 0) {
            holdings.node_ports.insert(port_key(port, number));
        }
    }
    if let Some(number) = number(service, &["spec", "healthCheckNodePort"]) {
        holdings.node_ports.insert(format!("TCP/{number}"));
    }
    holdings
}

pub(super) fn port_key(port: &Value, number: i64) -> String {
    format!("{}/{number}", text(port, &["protocol"]))
}

impl Pool {
    /// Addresses are `base + 1 ..= base + size`: neither the network's own nor the broadcast.
    fn size(&self) -> u32 {
        let host_bits = 32_u32.saturating_sub(u32::from(self.prefix));
        1_u32
            .checked_shl(host_bits)
            .map_or(u32::MAX, |all| all.saturating_sub(1))
            .saturating_sub(1)
    }

    pub(super) fn contains(&self, address: Ipv4Addr) -> bool {
        let offset = u32::from(address).wrapping_sub(u32::from(self.network));
        (1..=self.size()).contains(&offset)
    }

    /// A free address; from the upper part of the range first, which is kept for those who don't
    /// ask for a certain one (KEP-3070).
    pub(super) fn free_address(&self, seed: u128) -> Option<Ipv4Addr> {
        let size = self.size();
        let reserved = (size / 16).clamp(16, 256).min(size);
        let at = |offset: u32| Ipv4Addr::from(u32::from(self.network).wrapping_add(offset));
        let free = |address: &Ipv4Addr| !self.taken.addresses.contains(&IpAddr::V4(*address));
        let upper = pick(reserved + 1..=size, seed).map(at).find(free);
        upper.or_else(|| (1..=reserved.min(size)).map(at).find(free))
    }

    pub(super) fn free_port(
        &self,
        protocol: &str,
        taken: &BTreeSet<String>,
        seed: u128,
    ) -> Option<i64> {
        let (first, last) = (
            u32::from(*self.node_ports.start()),
            u32::from(*self.node_ports.end()),
        );
        let size = last.checked_sub(first)?.saturating_add(1);
        let reserved = (size / 32).clamp(16, 128).min(size);
        let free = |port: &u32| {
            let key = format!("{protocol}/{port}");
            !taken.contains(&key) && !self.taken.node_ports.contains(&key)
        };
        let upper = pick(first + reserved..=last, seed).find(free);
        upper
            .or_else(|| (first..first + reserved).find(free))
            .map(i64::from)
    }
}

/// The numbers of a range, from one that the seed picks and around.
fn pick(range: RangeInclusive<u32>, seed: u128) -> impl Iterator<Item = u32> {
    let (first, last) = (*range.start(), *range.end());
    let size = if range.is_empty() {
        0
    } else {
        u128::from(last - first) + 1
    };
    let start = if size == 0 { 0 } else { seed % size };
    // The remainder is less than the range's size, which fits u32.
    (0..size).map(move |step| first + u32::try_from((start + step) % size).unwrap_or_default())
}
