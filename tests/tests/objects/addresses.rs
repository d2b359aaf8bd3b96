//! Services that are made and changed at the same time, effect by effect, never get the same
//! address or port (O12).

use model::{config::Config, wire::Head};
use proptest::{collection::vec, option, prelude::*, sample::Index};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::{
    in_memory::{Going, InMemory},
    strategies::config,
};

const SERVICES: &str = "/api/v1/namespaces/d/services";

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
enum Wish {
    /// A Service, perhaps with this address of few.
    Create(Option<u8>),
    /// A port on the nodes, one of few, for a Service that is there.
    Port(u8),
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        option::weighted(0.8, 0_u8..3).prop_map(Wish::Create),
        (0_u8..2).prop_map(Wish::Port),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_address_is_given_twice(
        wishes in vec(wish(), 2..6),
        schedule in vec(any::<Index>(), 0..80),
    ) {
        let mut world = World::new(&wishes);
        for turn in schedule {
            world.turn(turn.index(wishes.len()));
        }
        for client in 0..wishes.len() {
            while world.going[client].is_some() {
                world.turn(client);
            }
        }
        let (addresses, ports) = world.held();
        let distinct = |held: &[String]| held.iter().collect::<BTreeSet<_>>().len();
        prop_assert_eq!(distinct(&addresses), addresses.len(), "{:?}", addresses);
        prop_assert_eq!(distinct(&ports), ports.len(), "{:?}", ports);
        for (wish, code) in wishes.iter().zip(&world.codes) {
            // Refused is only who asks for what another has got.
            let refused = *code == 422;
            prop_assert!(refused || matches!(code, 200 | 201), "{}", code);
            match wish {
                Wish::Create(None) => prop_assert!(!refused),
                Wish::Create(Some(number)) => prop_assert!(addresses.contains(&address(*number))),
                Wish::Port(number) => prop_assert!(ports.contains(&port(*number).to_string())),
            }
        }
    }
}

fn address(number: u8) -> String {
    format!("10.0.0.{}", 200 + number)
}

fn port(number: u8) -> u32 {
    30_500 + u32::from(number)
}

struct World {
    server: InMemory,
    going: Vec<Option<Going>>,
    codes: Vec<u16>,
}

fn head(method: &str, path: String, content: &str) -> Head {
    Head {
        method: method.into(),
        path,
        headers: vec![("content-type".into(), content.into())],
        ..Head::default()
    }
}

impl World {
    fn new(wishes: &[Wish]) -> World {
        let mut server = InMemory::new(Config::permissive());
        let mut create = |path: &str, document: Value| {
            let head = head("POST", path.into(), "application/json");
            let answer = server.send(&head, document.to_string().as_bytes());
            assert_eq!(answer.code, 201);
        };
        create("/api/v1/namespaces", json!({"metadata": {"name": "d"}}));
        for (number, wish) in wishes.iter().enumerate() {
            if let Wish::Port(_) = wish {
                let service = json!({"metadata": {"name": format!("p{number}")},
                    "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 31_000 + number}]}});
                create(SERVICES, service);
            }
        }
        let begin = |(number, wish): (usize, &Wish)| {
            let (head, body) = match wish {
                Wish::Create(address) => {
                    let mut service = json!({"metadata": {"name": format!("c{number}")},
                        "spec": {"ports": [{"port": 80}]}});
                    if let Some(address) = address {
                        service["spec"]["clusterIP"] = self::address(*address).into();
                    }
                    (head("POST", SERVICES.into(), "application/json"), service)
                }
                Wish::Port(port) => (
                    head(
                        "PATCH",
                        format!("{SERVICES}/p{number}"),
                        "application/merge-patch+json",
                    ),
                    json!({"spec": {"ports": [{"port": 80, "nodePort": self::port(*port)}]}}),
                ),
            };
            Some(server.begin(&head, body.to_string().as_bytes()))
        };
        let going = wishes.iter().enumerate().map(begin).collect();
        World {
            server,
            going,
            codes: vec![0; wishes.len()],
        }
    }

    /// The addresses and node ports of all Services.
    fn held(&mut self) -> (Vec<String>, Vec<String>) {
        let list = self
            .server
            .send(&head("GET", SERVICES.into(), ""), &[])
            .json();
        let items = list["items"].as_array().unwrap().iter();
        let address = |item: &Value| item["spec"]["clusterIP"].as_str().unwrap().to_owned();
        let port = |item: &Value| Some(item["spec"]["ports"][0].get("nodePort")?.to_string());
        (
            items.clone().map(address).collect(),
            items.filter_map(port).collect(),
        )
    }

    /// One effect of one client.
    fn turn(&mut self, client: usize) {
        let Some(going) = self.going[client].take() else {
            return;
        };
        match self.server.advance(going, None) {
            Ok(response) => self.codes[client] = response.code,
            Err(further) => self.going[client] = Some(further),
        }
    }
}
