//! Paths that are no resource: discovery, health, version, OpenAPI, metrics.

use super::{
    context::Context,
    negotiate::{self, Offer},
    respond,
    route::{self, method_not_allowed},
};
use crate::{
    ambient::Ambient,
    config::Config,
    discovery::{self, Aggregated},
    openapi,
    status::Refusal,
    wire::{Body, Debug, Response},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

/// Answers a request for such a path.
///
/// # Errors
/// 404, 405 and 406 as a `Status`; outside of the API the 404 is plain text.
pub fn answer(
    context: &mut Context,
    config: &Config,
    ambient: &Ambient,
) -> Result<Response, Refusal> {
    let path = context.attributes.path.clone();
    let root = path.split('/').nth(1).unwrap_or_default();
    match root {
        "healthz" | "livez" | "readyz" => return Ok(health(&path, context, ambient)),
        "metrics" if path == "/metrics" => {
            return Ok(Response {
                code: 200,
                headers: Vec::new(),
                body: Body::Metrics,
            });
        }
        "debug" => return debug(&path, context),
        _ => {}
    }
    if let Some(answer) = openid(&path, context, config)? {
        return Ok(answer);
    }
    let known = matches!(root, "" | "api" | "apis" | "version" | "openapi");
    if !known {
        return Ok(respond::page_not_found());
    }
    let trimmed = path.trim_end_matches('/');
    let segments: Vec<&str> = trimmed.split('/').skip(1).collect();
    if let ["openapi", rest @ ..] = segments.as_slice() {
        return described(rest, context, config);
    }
    let accept = context.accept.clone();
    let document = match segments.as_slice() {
        [] if path == "/" => Some(discovery::root_paths(&config.resources, &OTHERS)),
        ["version"] => Some(config.version.document()),
        ["api" | "apis"] => {
            if let Some(answer) = aggregated(segments[0], context, config)? {
                return Ok(answer);
            }
            let core = segments[0] == "api";
            Some(if core {
                discovery::api_versions(&config.advertised)
            } else {
                discovery::group_list(&config.resources)
            })
        }
        ["apis", group] => discovery::group(&config.resources, group),
        ["api", version] => discovery::resource_list(&config.resources, "", version),
        ["apis", group, version] => discovery::resource_list(&config.resources, group, version),
        _ => None,
    };
    let Some(document) = document else {
        let group = if root == "api" {
            ""
        } else {
            segments.get(1).copied().unwrap_or_default()
        };
        let in_group = matches!(root, "api" | "apis")
            && segments.len() > 1
            && config.resources.serves_group(group);
        return if in_group {
            Err(route::not_found())
        } else {
            Ok(respond::page_not_found())
        };
    };
    if context.method != "GET" {
        return Err(method_not_allowed());
    }
    let accepted = negotiate::negotiate(&accept, Offer::Document);
    let version = root == "version";
    context.accepted = accepted.map_err(|why| if version { why.about("", "", "") } else { why })?;
    Ok(respond::plain(&context.accepted, 200, &document))
}

/// `/debug/trace/pods/NAMESPACE/NAME`, with `output=html` as a page, and `/debug/proxy/NODE`. They
/// are ours; kube-apiserver has other things under `/debug`.
fn debug(path: &str, context: &Context) -> Result<Response, Refusal> {
    let segments: Vec<&str> = path.split('/').skip(2).collect();
    let asked = match segments.as_slice() {
        ["trace", "pods", namespace, name] => Debug::Trace {
            namespace: (*namespace).into(),
            name: (*name).into(),
            html: context.query.text("output") == "html",
        },
        ["proxy", node] => Debug::Proxy {
            node: (*node).into(),
        },
        _ => return Ok(respond::page_not_found()),
    };
    if context.method != "GET" {
        return Err(method_not_allowed());
    }
    Ok(Response {
        code: 200,
        headers: Vec::new(),
        body: Body::Debug(asked),
    })
}

/// What others need to verify the tokens of service accounts
/// (<https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/>).
fn openid(path: &str, context: &Context, config: &Config) -> Result<Option<Response>, Refusal> {
    let Some(accounts) = &config.authentication.accounts else {
        return Ok(None);
    };
    let (content_type, document) = match path {
        "/.well-known/openid-configuration" => {
            let document = accounts.openid_configuration(&config.advertised);
            ("application/json", document)
        }
        "/openid/v1/jwks" => ("application/jwk-set+json", accounts.key_set()),
        _ => return Ok(None),
    };
    if context.method != "GET" {
        return Err(method_not_allowed());
    }
    let mut answer = respond::text(200, content_type, &document.to_string());
    let age = String::from("public, max-age=3600");
    answer.headers.push(("cache-control", age));
    Ok(Some(answer))
}

fn described(rest: &[&str], context: &Context, config: &Config) -> Result<Response, Refusal> {
    let Some(name) = openapi::Name::at(rest, &config.resources) else {
        return Ok(match rest {
            ["v3", _, ..] => respond::text(404, "", ""),
            _ => respond::page_not_found(),
        });
    };
    if !matches!(context.method.as_str(), "GET" | "HEAD") {
        return Err(method_not_allowed());
    }
    negotiate::negotiate(&context.accept, Offer::Document)?;
    Ok(Response {
        code: 200,
        headers: Vec::new(),
        body: Body::OpenApi(name),
    })
}

/// `/api` and `/apis` as one document with everything, when the client asks for it before it asks
/// for anything else that can be served.
fn aggregated(root: &str, context: &Context, config: &Config) -> Result<Option<Response>, Refusal> {
    if context.method != "GET" {
        return Ok(None);
    }
    for clause in negotiate::clauses(&context.accept) {
        let is = |name: &str, value: &str| {
            clause
                .parameters
                .get(name)
                .is_some_and(|told| told == value)
        };
        if clause.media_type != "application/json" {
            if clause.media_type == "*/*" {
                return Ok(None);
            }
            continue;
        }
        if clause.parameters.is_empty() {
            return Ok(None);
        }
        let ours = is("g", "apidiscovery.k8s.io") && is("as", "APIGroupDiscoveryList");
        let version = match clause.parameters.get("v").map(String::as_str) {
            Some("v2") if ours => Aggregated::V2,
            Some("v2beta1") if ours => Aggregated::V2Beta1,
            _ => continue,
        };
        let document = discovery::aggregated(&config.resources, root == "api", version);
        let mut answer = respond::plain(&context.accepted, 200, &document);
        if let Body::Document { content_type, .. } = &mut answer.body {
            *content_type = version.content_type().into();
        }
        return Ok(Some(answer));
    }
    Ok(None)
}

/// `/healthz`, `/livez`, `/readyz`, and each of their checks below them
/// (<https://kubernetes.io/docs/reference/using-api/health-checks/>).
fn health(path: &str, context: &Context, ambient: &Ambient) -> Response {
    let mut segments = path.split('/').skip(1);
    let endpoint = segments.next().unwrap_or_default();
    let checks = checks(endpoint, ambient);
    let rest: Vec<&str> = segments.collect();
    if let [name] = rest.as_slice() {
        return match checks.iter().find(|(check, _)| check == name) {
            Some((_, true)) => respond::text(200, TEXT, "ok"),
            Some((check, false)) => {
                let why = format!("internal server error: {check} failed\n");
                respond::text(500, TEXT, &why)
            }
            None => respond::page_not_found(),
        };
    }
    if !rest.is_empty() {
        return respond::page_not_found();
    }
    let excluded = context.query.all("exclude");
    let mut lines = String::new();
    let mut failed = false;
    for (check, healthy) in &checks {
        let line = if excluded.iter().any(|name| name == check) {
            format!("[+]{check} excluded: ok\n")
        } else if *healthy {
            format!("[+]{check} ok\n")
        } else {
            failed = true;
            format!("[-]{check} failed: reason withheld\n")
        };
        lines.push_str(&line);
    }
    let unknown: Vec<String> = excluded
        .iter()
        .filter(|name| !checks.iter().any(|(check, _)| check == name))
        .map(|name| format!("{name:?}"))
        .collect();
    if !unknown.is_empty() {
        lines.push_str(&format!(
            "warn: some health checks cannot be excluded: no matches for {}\n",
            unknown.join(", ")
        ));
    }
    if failed {
        return respond::text(500, TEXT, &format!("{lines}{endpoint} check failed\n"));
    }
    if context.query.first("verbose").is_none() {
        return respond::text(200, TEXT, "ok");
    }
    respond::text(200, TEXT, &format!("{lines}{endpoint} check passed\n"))
}

/// Paths that `/` lists besides those of the API.
const OTHERS: [&str; 7] = [
    "/.well-known/openid-configuration",
    "/healthz",
    "/livez",
    "/metrics",
    "/openid/v1/jwks",
    "/readyz",
    "/version",
];

const TEXT: &str = "text/plain; charset=utf-8";

/// The checks of one endpoint with what they came to.
fn checks(endpoint: &str, ambient: &Ambient) -> Vec<(&'static str, bool)> {
    let mut checks = Vec::from([
        ("ping", true),
        ("log", true),
        ("etcd", !ambient.store_failed),
    ]);
    if endpoint == "readyz" {
        checks.push(("informer-sync", true));
        checks.push(("shutdown", !ambient.draining));
    }
    checks
}
