//! Cluster addresses and node ports.
//!
//! Origin: `pkg/registry/core/service/storage/{storage.go,alloc.go}`. The pool is an argument: what
//! is taken is read off the Services that there are.

use super::{
    is_headless, kind, needs_cluster_ip, needs_health_check_port, needs_node_port,
    pool::{Holdings, Pool, holdings, port_key},
    validate::address_errors,
};
use crate::{
    kinds::{
        document::{at, copy, fill, items, list, member, number, object, put, same, text, texts},
        formats,
    },
    status::FieldError,
};
use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::IpAddr;
use serde_json::{Value, json};

/// Gives a Service its cluster addresses, IP families and node ports, before it is prepared and
/// validated. On update (`old`), what the client left out is what it was. `seed` picks among what
/// is free.
///
/// # Errors
/// When the addresses or ports asked for are malformed, out of range or taken (they are the
/// Service's only errors then), or when nothing is free.
pub fn allocate(
    service: &mut Value,
    old: Option<&Value>,
    pool: &Pool,
    seed: u128,
) -> Result<(), Vec<FieldError>> {
    if let Some(old) = old {
        keep_allocated(service, old);
    }
    pair_addresses(service, old);
    set_families(service, old)?;
    let held = old.map(holdings).unwrap_or_default();
    // A Service that has an address (or is headless) keeps it: validation refuses any other.
    let addressed = |old: &Value| !list(old, &["spec", "clusterIPs"]).is_empty();
    if !old.is_some_and(addressed) {
        allocate_address(service, pool, seed)?;
    }
    allocate_node_ports(service, pool, &held, seed)
}

/// `patchAllocatedValues`.
fn keep_allocated(new: &mut Value, old: &Value) {
    if needs_cluster_ip(old) && needs_cluster_ip(new) {
        if text(new, &["spec", "clusterIP"]).is_empty() {
            copy(at(old, &["spec"]), object(new, "spec"), "clusterIP");
        }
        let kept = text(new, &["spec", "clusterIP"]) == text(old, &["spec", "clusterIP"]);
        if kept && list(new, &["spec", "clusterIPs"]).is_empty() {
            copy(at(old, &["spec"]), object(new, "spec"), "clusterIPs");
        }
    }
    if needs_node_port(old) && needs_node_port(new) {
        let known = list(old, &["spec", "ports"]);
        for port in items(object(new, "spec"), "ports") {
            if number(port, &["nodePort"]).unwrap_or_default() != 0 {
                continue;
            }
            let twin = known.iter().find(|one| {
                at(one, &["port"]) == at(port, &["port"])
                    && at(one, &["protocol"]) == at(port, &["protocol"])
            });
            if let Some(twin) = twin {
                copy(twin, port, "nodePort");
            }
        }
    }
    if needs_health_check_port(old)
        && needs_health_check_port(new)
        && number(new, &["spec", "healthCheckNodePort"]).unwrap_or_default() == 0
    {
        copy(
            at(old, &["spec"]),
            object(new, "spec"),
            "healthCheckNodePort",
        );
    }
}

/// `normalizeClusterIPs`: clients that know only one of `clusterIP` and `clusterIPs`.
fn pair_addresses(new: &mut Value, old: Option<&Value>) {
    let single = at(new, &["spec", "clusterIP"]).clone();
    let one = single.as_str().unwrap_or_default();
    let Some(old) = old else {
        if !one.is_empty() && list(new, &["spec", "clusterIPs"]).is_empty() {
            put(object(new, "spec"), "clusterIPs", json!([one]));
        }
        return;
    };
    let before = text(old, &["spec", "clusterIP"]);
    let same_list = same(
        at(new, &["spec", "clusterIPs"]),
        at(old, &["spec", "clusterIPs"]),
    );
    if before != one && same_list {
        let list = if one.is_empty() {
            Value::Null
        } else {
            json!([one])
        };
        put(object(new, "spec"), "clusterIPs", list);
    }
}

/// `initIPFamilyFields` of a cluster whose only family is IPv4.
fn set_families(service: &mut Value, old: Option<&Value>) -> Result<(), Vec<FieldError>> {
    if kind(service) == "ExternalName" {
        return Ok(());
    }
    if let Some(old) = old.filter(|old| needs_cluster_ip(old)) {
        for field in ["ipFamilies", "ipFamilyPolicy"] {
            if at(service, &["spec", field]).is_null() {
                copy(at(old, &["spec"]), object(service, "spec"), field);
            }
        }
    }
    let errors = address_errors(service);
    if !errors.is_empty() {
        return Err(errors);
    }
    let selects = at(service, &["spec", "selector"])
        .as_object()
        .is_some_and(|map| !map.is_empty());
    if is_headless(service) && !selects {
        return set_families_of_nothing(service);
    }
    let families = list(service, &["spec", "ipFamilies"]);
    let mut errors = Vec::new();
    for (index, family) in families.iter().enumerate() {
        if family.as_str() != Some("IPv4") {
            let field = format!("spec.ipFamilies[{index}]");
            errors.push(FieldError::invalid(
                field,
                family,
                "not configured on this cluster",
            ));
        }
    }
    if text(service, &["spec", "ipFamilyPolicy"]) == "RequireDualStack" {
        let why = "this cluster is not configured for dual-stack services";
        let value = json!("RequireDualStack");
        errors.push(FieldError::invalid("spec.ipFamilyPolicy", &value, why));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let spec = object(service, "spec");
    fill(spec, "ipFamilyPolicy", "SingleStack");
    if list(spec, &["ipFamilies"]).is_empty() {
        put(spec, "ipFamilies", json!(["IPv4"]));
    }
    Ok(())
}

/// A headless Service without a selector: its endpoints may be of any family.
fn set_families_of_nothing(service: &mut Value) -> Result<(), Vec<FieldError>> {
    let families = texts(service, &["spec", "ipFamilies"]);
    let policy = match (text(service, &["spec", "ipFamilyPolicy"]), families.len()) {
        ("", 1) => "SingleStack",
        ("", _) => "RequireDualStack",
        (policy, _) => policy,
    };
    let mut families: Vec<String> = families.into_iter().map(String::from).collect();
    let wanted = if policy == "SingleStack" { 1 } else { 2 };
    for family in ["IPv4", "IPv6"] {
        if families.len() < wanted && !families.iter().any(|one| one == family) {
            families.push(family.to_string());
        }
    }
    let policy = json!(policy);
    put(object(service, "spec"), "ipFamilyPolicy", policy);
    put(object(service, "spec"), "ipFamilies", json!(families));
    Ok(())
}

fn allocate_address(service: &mut Value, pool: &Pool, seed: u128) -> Result<(), Vec<FieldError>> {
    if !needs_cluster_ip(service) || is_headless(service) {
        return Ok(());
    }
    let wanted = at(service, &["spec", "clusterIPs"]).clone();
    for address in texts(&wanted, &[]) {
        let refuse = |why: &str| {
            let why = format!("failed to allocate IP {address}: {why}");
            Err([FieldError::invalid("spec.clusterIPs", &wanted, why)].into())
        };
        match formats::ip(address) {
            Some(IpAddr::V4(ip)) if pool.contains(ip) => {
                if pool.taken.addresses.contains(&IpAddr::V4(ip)) {
                    return refuse("provided IP is already allocated");
                }
            }
            _ => return refuse("the provided network does not match the current range"),
        }
    }
    if list(&wanted, &[]).is_empty() {
        let Some(address) = pool.free_address(seed) else {
            let why = "failed to allocate a serviceIP: range is full";
            let error = FieldError::invalid("spec.clusterIPs", &json!([]), why);
            return Err([error].into());
        };
        put(
            object(service, "spec"),
            "clusterIP",
            json!(address.to_string()),
        );
        put(
            object(service, "spec"),
            "clusterIPs",
            json!([address.to_string()]),
        );
    }
    Ok(())
}

fn allocate_node_ports(
    service: &mut Value,
    pool: &Pool,
    held: &Holdings,
    seed: u128,
) -> Result<(), Vec<FieldError>> {
    let mut given: BTreeSet<String> = BTreeSet::new();
    let check = |key: &str, field: String, number: i64| {
        let port = u16::try_from(number).ok();
        if !port.is_some_and(|port| pool.node_ports.contains(&port)) {
            let (first, last) = (pool.node_ports.start(), pool.node_ports.end());
            let why = format!(
                "provided port is not in the valid range. The range of valid ports is {first}-{last}"
            );
            return Err(FieldError::invalid(field, &json!(number), why));
        }
        if pool.taken.node_ports.contains(key) && !held.node_ports.contains(key) {
            let why = "provided port is already allocated";
            return Err(FieldError::invalid(field, &json!(number), why));
        }
        Ok(())
    };
    if kind(service) == "NodePort" || kind(service) == "LoadBalancer" {
        let wants = needs_node_port(service);
        for (index, port) in items(object(service, "spec"), "ports")
            .iter_mut()
            .enumerate()
        {
            let asked = number(port, &["nodePort"]).unwrap_or_default();
            if asked != 0 {
                let key = port_key(port, asked);
                let field = format!("spec.ports[{index}].nodePort");
                check(&key, field, asked).map_err(|error| Vec::from([error]))?;
                given.insert(key);
            } else if wants {
                let protocol = text(port, &["protocol"]).to_string();
                let Some(free) = pool.free_port(&protocol, &given, seed) else {
                    let why = "failed to allocate a nodePort: range is full";
                    let field = format!("spec.ports[{index}].nodePort");
                    return Err([FieldError::invalid(field, &json!(0), why)].into());
                };
                given.insert(format!("{protocol}/{free}"));
                *member(port, "nodePort") = json!(free);
            }
        }
    }
    if needs_health_check_port(service) {
        let asked = number(service, &["spec", "healthCheckNodePort"]).unwrap_or_default();
        if asked != 0 {
            let key = format!("TCP/{asked}");
            return check(&key, "spec.healthCheckNodePort".to_string(), asked)
                .map_err(|error| [error].into());
        }
        if let Some(free) = pool.free_port("TCP", &given, seed) {
            put(object(service, "spec"), "healthCheckNodePort", json!(free));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Pool, allocate, holdings};
    use alloc::{string::ToString, vec::Vec};
    use serde_json::{Value, json};

    fn check(service: Value, old: Option<&Value>, taken: &[&Value], expected: Result<Value, &str>) {
        let mut pool = Pool::default();
        for service in taken {
            pool.taken.add(holdings(service));
        }
        let mut service = service;
        match (allocate(&mut service, old, &pool, 7), expected) {
            (Ok(()), Ok(expected)) => assert_eq!(service["spec"], expected),
            (Err(errors), Err(expected)) => {
                let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
                assert_eq!(texts, [expected]);
            }
            (outcome, expected) => panic!("{outcome:?} {service} and not {expected:?}"),
        }
    }

    fn with_address(address: &str) -> Value {
        json!({"spec": {"type": "ClusterIP", "clusterIP": address, "clusterIPs": [address],
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}})
    }

    #[test]
    fn a_free_address_is_chosen() {
        let plain = json!({"spec": {"type": "ClusterIP"}});
        let first = with_address("10.0.1.8");
        check(plain.clone(), None, &[], Ok(first["spec"].clone()));
        let second = with_address("10.0.1.9");
        check(plain, None, &[&first], Ok(second["spec"].clone()));
    }

    #[test]
    fn an_address_is_given_once_and_in_range_only() {
        let asked = |address: &str| json!({"spec": {"type": "ClusterIP", "clusterIP": address}});
        let taken = with_address("10.0.0.5");
        check(
            asked("10.0.0.5"),
            None,
            &[&taken],
            Err("spec.clusterIPs: Invalid value: \
            [\"10.0.0.5\"]: failed to allocate IP 10.0.0.5: provided IP is already allocated"),
        );
        check(
            asked("192.0.2.1"),
            None,
            &[],
            Err("spec.clusterIPs: Invalid value: \
            [\"192.0.2.1\"]: failed to allocate IP 192.0.2.1: the provided network does not match \
            the current range"),
        );
        check(
            asked("bogus"),
            None,
            &[],
            Err("spec.clusterIPs[0]: Invalid value: \"bogus\": must \
            be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
        );
        check(
            asked("10.0.0.5"),
            Some(&taken),
            &[&taken],
            Ok(taken["spec"].clone()),
        );
    }

    #[test]
    fn an_address_cannot_be_exchanged_here() {
        let (old, other) = (with_address("10.0.0.5"), with_address("192.0.2.1"));
        check(
            other.clone(),
            Some(&old),
            &[&old],
            Ok(other["spec"].clone()),
        );
    }

    #[test]
    fn an_update_keeps_what_was_allocated() {
        let old = with_address("10.0.0.5");
        check(
            json!({"spec": {"type": "ClusterIP"}}),
            Some(&old),
            &[&old],
            Ok(old["spec"].clone()),
        );
        let port = json!({"port": 80, "protocol": "TCP", "nodePort": 30_200});
        let mut nodes = with_address("10.0.0.6");
        nodes["spec"]["type"] = json!("NodePort");
        nodes["spec"]["ports"] = json!([port]);
        let new = json!({"spec": {"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP"}]}});
        check(new, Some(&nodes), &[&nodes], Ok(nodes["spec"].clone()));
    }

    #[test]
    fn headless_services_have_no_address() {
        check(
            json!({"spec": {"type": "ClusterIP", "clusterIP": "None"}}),
            None,
            &[],
            Ok(json!({
                "type": "ClusterIP", "clusterIP": "None", "clusterIPs": ["None"],
                "ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack",
            })),
        );
        let selecting =
            json!({"spec": {"type": "ClusterIP", "clusterIP": "None", "selector": {"a": "b"}}});
        check(
            selecting,
            None,
            &[],
            Ok(json!({
                "type": "ClusterIP", "clusterIP": "None", "clusterIPs": ["None"],
                "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "selector": {"a": "b"},
            })),
        );
    }

    #[test]
    fn node_ports_are_given_once_and_in_range_only() {
        let asked = |port: Value| json!({"spec": {"type": "NodePort", "ports": [port]}});
        let low = asked(json!({"port": 80, "protocol": "TCP", "nodePort": 80}));
        check(
            low,
            None,
            &[],
            Err(
                "spec.ports[0].nodePort: Invalid value: 80: provided port is not \
            in the valid range. The range of valid ports is 30000-32767",
            ),
        );
        let taken = asked(json!({"port": 80, "protocol": "TCP", "nodePort": 30_200}));
        check(
            taken.clone(),
            None,
            &[&taken],
            Err("spec.ports[0].nodePort: Invalid value: 30200: \
            provided port is already allocated"),
        );
        let mut free = asked(json!({"port": 80, "protocol": "TCP"}));
        allocate(&mut free, None, &Pool::default(), 7).unwrap();
        assert_eq!(free["spec"]["ports"][0]["nodePort"], 30_093);
    }
}
