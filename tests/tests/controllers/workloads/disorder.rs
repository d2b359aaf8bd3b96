//! Rolling updates in disorder: every watch lags by its own time, answers are lost, controllers
//! start anew, and somebody changes the template in between. What a rolling update promises holds
//! after every step.

use super::{Starter, path, template};
use model::{
    ambient::{Ambient, Time},
    cache::WatchEvent,
    config::Config,
    controllers::{
        Answer, Controller, Todo, Watch, Worker, deployment::DeploymentController,
        replica_set::ReplicaSetController,
    },
    wire::{self, Head},
};
use serde_json::{Value, json};
use std::collections::VecDeque;
use tests::in_memory::InMemory;

const REPLICAS: i64 = 4;
/// 25% of four.
const SHARE: i64 = 1;

struct Member {
    worker: Worker<Box<dyn Controller>>,
    watches: Vec<Lagging>,
}

/// A watch whose events wait.
struct Lagging {
    watch: Watch,
    stream: wire::Watch,
    waiting: VecDeque<WatchEvent>,
}

struct World {
    server: InMemory,
    members: Vec<Member>,
    random: u64,
    steps: u128,
}

fn controller(index: usize) -> Box<dyn Controller> {
    match index {
        0 => Box::new(DeploymentController::new()),
        1 => Box::new(ReplicaSetController::new()),
        _ => Box::new(Starter),
    }
}

impl World {
    fn new(seed: u64) -> World {
        let mut server = InMemory::new(Config::permissive());
        server.now = Time(1_800_000_000_000_000);
        let mut world = World {
            server,
            members: Vec::new(),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            steps: 0,
        };
        let namespace = json!({"metadata": {"name": "shop"}});
        world.send("POST", "/api/v1/namespaces", &namespace);
        let deployment = json!({
            "metadata": {"name": "web"},
            "spec": {
                "replicas": REPLICAS, "selector": {"matchLabels": {"app": "web"}},
                "template": template("a"),
            },
        });
        world.send("POST", &path("deployments"), &deployment);
        for index in 0..3 {
            let member = world.member(index);
            world.members.push(member);
        }
        world
    }

    fn member(&mut self, index: usize) -> Member {
        let controller = controller(index);
        let watches = controller.watches();
        let mut worker = Worker::new(controller);
        let mut open = |watch: Watch| {
            let head = worker.watch(&watch);
            let stream = self.server.watch(&head).expect("the watch is granted");
            worker.begun(&watch.api);
            Lagging {
                watch,
                stream,
                waiting: VecDeque::new(),
            }
        };
        let watches = watches.into_iter().map(&mut open).collect();
        Member { worker, watches }
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).unwrap_or_default() % end
    }

    fn send(&mut self, method: &str, path: &str, body: &Value) {
        let head = Head {
            method: method.into(),
            path: path.into(),
            headers: vec![(
                "content-type".into(),
                match method {
                    "PATCH" => "application/merge-patch+json".into(),
                    _ => "application/json".into(),
                },
            )],
            ..Head::default()
        };
        let answer = self.server.send(&head, body.to_string().as_bytes());
        assert!(answer.code < 300, "{}", answer.json());
    }

    fn list(&mut self, plural: &str) -> Vec<Value> {
        let head = Head {
            method: "GET".into(),
            path: path(plural),
            ..Head::default()
        };
        match self.server.send(&head, &[]).json()["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        }
    }

    fn ambient(&mut self) -> Ambient {
        self.steps += 1;
        Ambient {
            now: self.server.now,
            seed: self
                .steps
                .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
            ..Ambient::default()
        }
    }

    /// The next event of one watch arrives; true when there was one.
    fn deliver(&mut self, member: usize, watch: usize) -> bool {
        let Member { worker, watches } = &mut self.members[member];
        let lagging = &mut watches[watch];
        lagging
            .waiting
            .extend(self.server.poll(&mut lagging.stream));
        match lagging.waiting.pop_front() {
            None => false,
            Some(event) => {
                worker.event(&lagging.watch.api, &event);
                true
            }
        }
    }

    /// A controller sends what it wants to; true when there was something. The answer may be lost,
    /// or the request.
    fn act(&mut self, member: usize, trouble: bool) -> bool {
        let ambient = self.ambient();
        let worker = &mut self.members[member].worker;
        let Todo::Send(call) = worker.next(&ambient) else {
            return false;
        };
        let head = worker.head(&call);
        let luck = if trouble { self.below(20) } else { 2 };
        let answer = match luck {
            0 => Answer::none("the request is lost"),
            _ => {
                let answer = self.server.send(&head, call.body.bytes());
                Answer::read(answer.code, &answer.bytes)
            }
        };
        let answer = match luck {
            1 => Answer::none("the answer is lost"),
            _ => answer,
        };
        self.members[member].worker.answered(&answer, &ambient);
        true
    }

    fn step(&mut self) {
        let member = self.below(3);
        match self.below(40) {
            0 => self.members[member] = self.member(member),
            1 => self.server.now.0 += 1_000_000,
            2 => {
                let image = ["a", "b", "c"][self.below(3)];
                let containers = json!([{"name": "c", "image": image}]);
                let change = json!({"spec": {"template": {"spec": {"containers": containers}}}});
                let path = format!("{}/web", path("deployments"));
                self.send("PATCH", &path, &change);
            }
            3..20 => {
                let watch = self.below(self.members[member].watches.len());
                self.deliver(member, watch);
            }
            _ => {
                self.act(member, true);
            }
        }
    }

    /// Everything arrives and everything is done, until nothing is left.
    fn calm_down(&mut self) {
        for _ in 0..10_000 {
            let mut busy = false;
            for member in 0..3 {
                for watch in 0..self.members[member].watches.len() {
                    while self.deliver(member, watch) {
                        busy = true;
                    }
                }
                busy |= self.act(member, false);
            }
            if !busy {
                let ambient = self.ambient();
                let mut due = Vec::new();
                for member in &mut self.members {
                    if let Todo::Wait(Some(time)) = member.worker.next(&ambient) {
                        due.push(time);
                    }
                }
                let soon = due.into_iter().min();
                match soon.filter(|time| time.0 < self.server.now.0 + 400_000_000) {
                    Some(time) => self.server.now = self.server.now.max(time),
                    None => return,
                }
            }
        }
        panic!("it never comes to rest");
    }

    /// How many pods there are to be, and how many are there for those who use them.
    fn counts(&mut self) -> (i64, i64) {
        let sets = self.list("replicasets");
        let wanted = sets
            .iter()
            .map(|set| set["spec"]["replicas"].as_i64().unwrap_or(0))
            .sum();
        let pods = self.list("pods");
        let serves = |pod: &&Value| {
            let going = &pod["metadata"]["deletionTimestamp"];
            let conditions = pod["status"]["conditions"].as_array();
            let mut conditions = conditions.into_iter().flatten();
            going.is_null() && conditions.any(|it| it["type"] == "Ready" && it["status"] == "True")
        };
        let serving = pods.iter().filter(serves).count();
        (wanted, i64::try_from(serving).unwrap_or(i64::MAX))
    }
}

/// True when somewhere on the way there were fewer pods than asked for, or more: the promises were
/// put to the test.
fn run(seed: u64) -> bool {
    let mut world = World::new(seed);
    world.calm_down();
    assert_eq!(world.counts(), (REPLICAS, REPLICAS), "seed {seed}");
    let mut strained = false;
    for step in 0..1_500 {
        world.step();
        let (wanted, serving) = world.counts();
        assert!(
            wanted <= REPLICAS + SHARE,
            "seed {seed}, step {step}: {wanted} pods"
        );
        assert!(
            serving >= REPLICAS - SHARE,
            "seed {seed}, step {step}: {serving} serve"
        );
        strained |= wanted > REPLICAS && serving < REPLICAS;
    }
    world.calm_down();
    assert_eq!(
        world.counts(),
        (REPLICAS, REPLICAS),
        "seed {seed}, in the end"
    );
    let image = |one: &Value| one["spec"]["containers"][0]["image"].clone();
    let wanted = image(&world.list("deployments")[0]["spec"]["template"]);
    let pods = world.list("pods");
    assert_eq!(pods.len(), 4, "seed {seed}");
    assert!(pods.iter().all(|pod| image(pod) == wanted), "seed {seed}");
    strained
}

#[test]
fn a_rolling_update_keeps_its_promises_whatever_comes_late() {
    let strained = (1..=12).filter(|seed| run(*seed)).count();
    assert!(
        strained > 3,
        "only {strained} of the runs put anything to the test"
    );
}
