//! Pods, what makes pods, and what guards them.

use super::{labels, present, text, word};
use proptest::{
    collection::vec,
    option::{self, weighted},
    prelude::*,
};
use serde_json::{Value, json};

pub(super) fn pod() -> BoxedStrategy<Value> {
    pod_spec(true)
        .prop_map(|spec| json!({"spec": spec}))
        .boxed()
}

pub(super) fn deployment() -> BoxedStrategy<Value> {
    let strategy = prop_oneof![
        Just(json!({"type": "Recreate"})),
        Just(json!({"rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}})),
    ];
    let optional = (
        weighted(0.6, 0_i64..4),
        weighted(0.2, strategy),
        weighted(0.1, any::<bool>()),
        weighted(0.2, 0_i64..3),
    );
    (word(&["x", "y"]), optional, pod_spec(false))
        .prop_map(|(app, (replicas, strategy, paused, ready), pod)| {
            let mut spec = present([
                ("replicas", replicas.map(Value::from)),
                ("strategy", strategy),
                ("paused", paused.map(Value::from)),
                ("minReadySeconds", ready.map(Value::from)),
            ]);
            spec["selector"] = json!({"matchLabels": {"app": app}});
            spec["template"] = json!({"metadata": {"labels": {"app": app}}, "spec": pod});
            json!({"spec": spec})
        })
        .boxed()
}

pub(super) fn disruption_budget() -> BoxedStrategy<Value> {
    let amount = || prop_oneof![Just(json!(1)), Just(json!("50%")), Just(json!(0))];
    let bound = prop_oneof![
        amount().prop_map(|it| json!({"minAvailable": it})),
        amount().prop_map(|it| json!({"maxUnavailable": it})),
    ];
    (bound, option::of(labels()))
        .prop_map(|(mut spec, selector)| {
            if let Some(labels) = selector {
                spec["selector"] = json!({"matchLabels": labels});
            }
            json!({"spec": spec})
        })
        .boxed()
}

/// `alone` pods are not restarted by anything, so more is allowed.
fn pod_spec(alone: bool) -> BoxedStrategy<Value> {
    let restart = if alone {
        word(&["Always", "OnFailure", "Never"]).boxed()
    } else {
        word(&["Always"]).boxed()
    };
    let node = weighted(0.2, word(&["a", "b"])).prop_map(move |node| node.filter(|_| alone));
    let optional = (
        weighted(0.3, restart),
        weighted(0.3, 0_i64..60),
        node,
        weighted(0.2, volume()),
        weighted(0.2, toleration()),
        weighted(0.2, Just(json!({"runAsNonRoot": true}))),
    );
    (vec(container(), 1..=2), optional)
        .prop_map(|(containers, optional)| {
            let (restart, grace, node, volume, toleration, security) = optional;
            let mut spec = present([
                ("restartPolicy", restart.map(Value::from)),
                ("terminationGracePeriodSeconds", grace.map(Value::from)),
                ("nodeName", node.map(Value::from)),
                ("volumes", volume.map(|volume| json!([volume]))),
                ("tolerations", toleration.map(|it| json!([it]))),
                ("securityContext", security),
            ]);
            let containers = containers.into_iter().enumerate().map(|(index, mut it)| {
                it["name"] = format!("c{index}").into();
                it
            });
            spec["containers"] = containers.collect();
            spec
        })
        .boxed()
}

/// But for its name.
fn container() -> BoxedStrategy<Value> {
    let port = (8080_u16..8083, word(&["TCP", "UDP"]));
    let port =
        port.prop_map(|(port, protocol)| json!([{"containerPort": port, "protocol": protocol}]));
    let variable = (word(&["A", "B"]), text());
    let variable = variable.prop_map(|(name, value)| json!([{"name": name, "value": value}]));
    let resources =
        Just(json!({"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": "1"}}));
    let probe = Just(json!({"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 5}));
    (
        word(&["i", "example.com/i:1", "i:latest"]),
        weighted(0.3, port),
        weighted(0.3, variable),
        weighted(0.3, resources),
        weighted(0.2, probe),
        weighted(0.2, vec(text(), 0..=2)),
    )
        .prop_map(|(image, ports, env, resources, probe, command)| {
            present([
                ("image", Some(image.into())),
                ("ports", ports),
                ("env", env),
                ("resources", resources),
                ("readinessProbe", probe),
                ("command", command.map(Value::from)),
            ])
        })
        .boxed()
}

fn volume() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"name": "v", "emptyDir": {}})),
        Just(json!({"name": "v", "configMap": {"name": "a"}})),
        Just(json!({"name": "v", "hostPath": {"path": "/tmp"}})),
    ]
}

fn toleration() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"operator": "Exists"})),
        Just(
            json!({"key": "u", "effect": "NoExecute", "tolerationSeconds": 3, "operator": "Exists"})
        ),
    ]
}
