//! Typed create, read, update, delete; conflicts.

use crate::connect::client;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Namespace, Node, Pod},
};
use kube::{
    Api, Client, Error, ResourceExt,
    api::{
        DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions,
        ValidationDirective,
    },
    core::response::Status,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;
use tests::live::Live;

fn typed<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn config_map(name: &str, value: &str) -> ConfigMap {
    typed(json!({"metadata": {"name": name}, "data": {"k": value}}))
}

fn value(object: &ConfigMap) -> &str {
    object.data.as_ref().map_or("", |data| &data["k"])
}

fn refused<T: Debug>(answer: Result<T, Error>) -> Status {
    match answer {
        Err(Error::Api(status)) => *status,
        other => panic!("expected a Status: {other:?}"),
    }
}

#[test]
fn an_object_is_created_read_replaced_and_deleted() {
    let live = Live::start();
    live.run(async {
        let api: Api<ConfigMap> = Api::default_namespaced(client(&live).await);
        let create = PostParams::default();
        let created = api.create(&create, &config_map("a", "1")).await.unwrap();
        assert!(created.uid().is_some() && created.creation_timestamp().is_some());
        assert_eq!(created, api.get("a").await.unwrap());
        let twice = refused(api.create(&create, &config_map("a", "1")).await);
        assert_eq!((twice.code, twice.reason.as_str()), (409, "AlreadyExists"));
        assert_eq!(twice.message, "configmaps \"a\" already exists");

        let mut newer = created.clone();
        newer.data.as_mut().unwrap().insert("k".into(), "2".into());
        let replaced = api.replace("a", &create, &newer).await.unwrap();
        assert_eq!(value(&replaced), "2");
        assert_ne!(replaced.resource_version(), created.resource_version());
        assert_eq!(replaced.uid(), created.uid());

        api.delete("a", &DeleteParams::default()).await.unwrap();
        assert_eq!(api.get_opt("a").await.unwrap(), None);
        let missing = refused(api.get("a").await);
        assert_eq!((missing.code, missing.reason.as_str()), (404, "NotFound"));
    });
}

#[test]
fn a_stale_replace_is_a_conflict_and_changes_nothing() {
    let live = Live::start();
    live.run(async {
        let api: Api<ConfigMap> = Api::default_namespaced(client(&live).await);
        let create = PostParams::default();
        let first = api.create(&create, &config_map("a", "1")).await.unwrap();
        let patch = Patch::Merge(json!({"data": {"k": "2"}}));
        let second = api
            .patch("a", &PatchParams::default(), &patch)
            .await
            .unwrap();

        let conflict = refused(api.replace("a", &create, &first).await);
        assert_eq!((conflict.code, conflict.reason.as_str()), (409, "Conflict"));
        assert_eq!(
            conflict.message,
            "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; \
             please apply your changes to the latest version and try again"
        );
        let details = conflict.details.unwrap();
        assert_eq!(
            (details.name.as_str(), details.kind.as_str()),
            ("a", "configmaps")
        );
        assert_eq!(api.get("a").await.unwrap(), second);

        let other = DeleteParams::default().preconditions(Preconditions {
            uid: Some("00000000-0000-4000-8000-000000000000".into()),
            resource_version: None,
        });
        let kept = refused(api.delete("a", &other).await);
        assert_eq!((kept.code, kept.reason.as_str()), (409, "Conflict"));
        let exact = DeleteParams::default().preconditions(Preconditions {
            uid: second.uid(),
            resource_version: second.resource_version(),
        });
        api.delete("a", &exact).await.unwrap();
    });
}

#[test]
fn of_racing_replaces_each_conflicts_or_is_seen_by_the_next() {
    const WRITERS: u64 = 8;
    const EACH: u64 = 25;
    let live = Live::start();
    live.run(async {
        let client = client(&live).await;
        let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
        api.create(&PostParams::default(), &config_map("sum", "0"))
            .await
            .unwrap();
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| tokio::spawn(add(client.clone(), EACH)))
            .collect();
        let mut conflicts = 0;
        for writer in writers {
            conflicts += writer.await.unwrap();
        }
        let sum = api.get("sum").await.unwrap();
        assert_eq!(value(&sum), (WRITERS * EACH).to_string());
        assert!(conflicts > 0, "the writers never met");
    });
}

/// Adds 1 so many times, by reading and replacing; how many conflicts there were.
async fn add(client: Client, times: u64) -> u64 {
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    let (mut done, mut conflicts) = (0, 0);
    while done < times {
        let mut sum = api.get("sum").await.unwrap();
        let next = value(&sum).parse::<u64>().unwrap() + 1;
        sum.data
            .as_mut()
            .unwrap()
            .insert("k".into(), next.to_string());
        match api.replace("sum", &PostParams::default(), &sum).await {
            Ok(_) => done += 1,
            Err(Error::Api(status)) if status.code == 409 => conflicts += 1,
            Err(why) => panic!("{why}"),
        }
    }
    conflicts
}

#[test]
fn lists_are_selected_and_paged() {
    let live = Live::start();
    live.run(async {
        let api: Api<ConfigMap> = Api::default_namespaced(client(&live).await);
        for index in 0..7 {
            let mut object = config_map(&format!("c{index}"), "1");
            let half = if index % 2 == 0 { "even" } else { "odd" };
            object.metadata.labels = Some([("half".to_owned(), half.to_owned())].into());
            api.create(&PostParams::default(), &object).await.unwrap();
        }
        let even = ListParams::default().labels("half=even");
        let names: Vec<String> = api
            .list(&even)
            .await
            .unwrap()
            .iter()
            .map(ResourceExt::name_any)
            .collect();
        assert_eq!(names, ["c0", "c2", "c4", "c6"]);

        let first = ListParams::default().limit(3).labels("half");
        let mut page = api.list(&first).await.unwrap();
        let revision = page.metadata.resource_version.clone();
        // Pages are one snapshot: what is created between them is not on them.
        api.create(&PostParams::default(), &config_map("c9", "1"))
            .await
            .unwrap();
        let mut seen: Vec<String> = page.iter().map(ResourceExt::name_any).collect();
        while let Some(token) = page
            .metadata
            .continue_
            .clone()
            .filter(|token| !token.is_empty())
        {
            page = api
                .list(&first.clone().continue_token(&token))
                .await
                .unwrap();
            assert_eq!(page.metadata.resource_version, revision);
            seen.extend(page.iter().map(ResourceExt::name_any));
        }
        assert_eq!(seen, ["c0", "c1", "c2", "c3", "c4", "c5", "c6"]);

        let metadata = api.get_metadata("c0").await.unwrap();
        assert_eq!(metadata.labels()["half"], "even");
        let gone = api
            .delete_collection(&DeleteParams::default(), &even)
            .await
            .unwrap();
        assert_eq!(gone.left().unwrap().items.len(), 4);
        assert_eq!(api.list(&even).await.unwrap().items, []);
    });
}

#[test]
fn status_and_scale_are_apart_from_the_spec() {
    let live = Live::start();
    live.run(async {
        let client = client(&live).await;
        let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
        let deployment = typed(json!({"metadata": {"name": "d"}, "spec": {"replicas": 2,
            "selector": {"matchLabels": {"a": "b"}}, "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]}}},
            "status": {"replicas": 9}}));
        let created = deployments
            .create(&PostParams::default(), &deployment)
            .await
            .unwrap();
        assert_eq!(created.status.clone().unwrap_or_default().replicas, None);

        let scale = deployments.get_scale("d").await.unwrap();
        assert_eq!(scale.spec.unwrap().replicas, Some(2));
        let five = Patch::Merge(json!({"spec": {"replicas": 5}}));
        deployments
            .patch_scale("d", &PatchParams::default(), &five)
            .await
            .unwrap();
        let both = json!({"spec": {"replicas": 7}, "status": {"readyReplicas": 1, "replicas": 1}});
        let after = deployments
            .patch_status("d", &PatchParams::default(), &Patch::Merge(both))
            .await
            .unwrap();
        assert_eq!(after.spec.replicas, Some(5));
        assert_eq!(after.status.unwrap().ready_replicas, Some(1));
        assert_eq!(after.metadata.generation, Some(2));

        let nodes: Api<Node> = Api::all(client.clone());
        nodes
            .create(
                &PostParams::default(),
                &typed(json!({"metadata": {"name": "n"}})),
            )
            .await
            .unwrap();
        let pods: Api<Pod> = Api::default_namespaced(client);
        let pod = typed(json!({"metadata": {"name": "p"},
            "spec": {"containers": [{"name": "c", "image": "i"}]}}));
        pods.create(&PostParams::default(), &pod).await.unwrap();
        let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"},
            "target": {"kind": "Node", "name": "n"}});
        let bound: Value = pods
            .create_subresource("binding", "p", &PostParams::default(), &binding)
            .await
            .unwrap();
        assert_eq!(
            (&bound["kind"], &bound["status"]),
            (&"Status".into(), &"Success".into())
        );
        assert_eq!(
            pods.get("p")
                .await
                .unwrap()
                .spec
                .unwrap()
                .node_name
                .as_deref(),
            Some("n")
        );
    });
}

#[test]
fn nothing_is_written_by_a_dry_run_or_a_refused_request() {
    let live = Live::start();
    live.run(async {
        let client = client(&live).await;
        let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
        let dry = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let answer = api.create(&dry, &config_map("a", "1")).await.unwrap();
        assert!(answer.uid().is_some() && answer.resource_version().is_none());
        let bad = refused(
            api.create(&PostParams::default(), &config_map("Not Valid", "1"))
                .await,
        );
        assert_eq!((bad.code, bad.reason.as_str()), (422, "Invalid"));
        assert_eq!(bad.details.unwrap().causes[0].field, "metadata.name");
        let strict = PatchParams {
            field_validation: Some(ValidationDirective::Strict),
            ..PatchParams::default()
        };
        let nowhere: Api<ConfigMap> = Api::namespaced(client.clone(), "nowhere");
        let lost = refused(
            nowhere
                .create(&PostParams::default(), &config_map("a", "1"))
                .await,
        );
        assert_eq!(
            (lost.code, lost.message.as_str()),
            (404, "namespaces \"nowhere\" not found")
        );
        let patch = Patch::Merge(json!({"colour": "blue"}));
        let missing = refused(api.patch("a", &strict, &patch).await);
        assert_eq!(missing.code, 404);
        assert_eq!(api.list(&ListParams::default()).await.unwrap().items, []);

        let namespaces: Api<Namespace> = Api::all(client);
        let default = namespaces.get("default").await.unwrap();
        assert_eq!(default.status.unwrap().phase.as_deref(), Some("Active"));
    });
}
