//! A watch over one connection, line by line.

use crate::http::CONFIG_MAPS;
use model::wire::Head;
use serde_json::Value;
use tests::client::{Client, Connection};

/// A watch that begins with the state.
pub(crate) struct Watching {
    connection: Connection,
    unfinished: Vec<u8>,
}

/// Type and name of an event.
pub(crate) type Told = (String, String);

pub(crate) fn told(kind: &str, name: &str) -> Told {
    (kind.to_owned(), name.to_owned())
}

impl Watching {
    pub(crate) fn new(client: &Client) -> Watching {
        let head = Head {
            method: "GET".into(),
            path: CONFIG_MAPS.into(),
            query: "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan\
                    &allowWatchBookmarks=true"
                .into(),
            ..Head::default()
        };
        let mut connection = client.connect().unwrap();
        let opened = connection.open(&head, &[]).unwrap();
        assert_eq!(opened.code, 200);
        Watching {
            connection,
            unfinished: Vec::new(),
        }
    }

    /// The next event; `None` at the end of the watch.
    pub(crate) fn next(&mut self) -> Option<Told> {
        let line = self.connection.line(&mut self.unfinished).unwrap()?;
        let event: Value = serde_json::from_slice(&line).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Some((
            text(&event["type"]),
            text(&event["object"]["metadata"]["name"]),
        ))
    }
}
