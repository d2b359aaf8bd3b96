//! A state in words, for stories: what is stored, and what each member has seen and will see.

use super::{Member, Plane, State, Who, steps::event_told};
use std::fmt;

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.server.store();
        let stored = store.snapshot(store.revision()).unwrap_or_default();
        let stored: Vec<String> = stored
            .iter()
            .map(|(key, kv)| {
                let key = key.text().unwrap_or("?");
                format!("{key} @{}: {:?}", kv.mod_revision, kv.value)
            })
            .collect();
        let mut told = f.debug_struct("State");
        told.field("came_to", &Plain(&self.remark.0));
        told.field("stored", &Lines(&stored));
        for member in &self.members {
            told.field(member.machine.name(), member);
        }
        told.field("now", &Plain(&self.now.rfc3339_micro()));
        told.field("left", &self.left).finish()
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut seen = Vec::new();
        let mut coming = Vec::new();
        for stream in &self.streams {
            let api = &stream.watch.0.api;
            for (name, object) in self.machine.view().list(api) {
                seen.push(format!("{} {name} @{}", api.resource, object.revision()));
            }
            let events = stream.pending.iter();
            coming.extend(events.map(|event| format!("{} {}", api.resource, event_told(event))));
            if !stream.open {
                coming.push(format!("{} are not listed", api.resource));
            }
        }
        let mut told = f.debug_struct("Member");
        told.field("sees", &Lines(&seen));
        told.field("comes", &Lines(&coming));
        if let Some(going) = &self.going {
            told.field("sends", &going.call);
        }
        told.finish()
    }
}

/// Text without quotes.
struct Plain<'a>(&'a str);

impl fmt::Debug for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Texts, each a line.
struct Lines<'a>(&'a [String]);

impl fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|line| Plain(line)))
            .finish()
    }
}

impl Plane {
    /// That member, for [`super::Action`].
    #[must_use]
    pub fn who(&self, index: usize) -> Who {
        Who(index, self.members[index].name)
    }
}
