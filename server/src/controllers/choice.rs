//! Which controllers run: `--controllers`, as kube-controller-manager reads it, and `--nodes`.

use super::list::{ALL, Group, Listed, Make, Parts, names, node};
use crate::error::StartError;
use std::collections::BTreeSet;

/// Which controllers run, and how many simulated nodes there are. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControllerChoice {
    /// The controllers by their names ([`crate::controller_names`]).
    pub names: BTreeSet<String>,
    /// How many nodes this process simulates, each with a kubelet and a proxy.
    pub nodes: u32,
    /// The number of the first of them; no two processes on one store may have the same node.
    pub first_node: u32,
}

impl ControllerChoice {
    /// All controllers, and so many nodes.
    #[must_use]
    pub fn all(nodes: u32) -> ControllerChoice {
        ControllerChoice {
            names: names().into_iter().map(str::to_owned).collect(),
            nodes,
            first_node: 0,
        }
    }

    /// Reads `--controllers`: `*` is all, `name` is on, `-name` is off; what is not named is off
    /// unless there is a `*`. Nothing means none: the field is left to others.
    ///
    /// # Errors
    /// When a name is not known.
    pub fn parse(text: &[String]) -> Result<ControllerChoice, StartError> {
        let known = names();
        let words = || text.iter().map(String::as_str).filter(|it| !it.is_empty());
        for word in words() {
            let name = word.strip_prefix('-').unwrap_or(word);
            if name != "*" && !known.contains(&name) {
                return Err(StartError(format!(
                    "--controllers: {name:?} is not in the list of known controllers: {}",
                    known.join(", ")
                )));
            }
        }
        let all = words().any(|word| word == "*");
        let on = |name: &&str| words().any(|word| word == *name) || all;
        let off = |name: &&str| words().any(|word| word.strip_prefix('-') == Some(name));
        let chosen = known.iter().filter(|name| on(name) && !off(name));
        Ok(ControllerChoice {
            names: chosen.map(|name| (*name).to_owned()).collect(),
            ..ControllerChoice::default()
        })
    }

    fn of(&self, group: Group) -> impl Iterator<Item = &'static Listed> {
        let chosen = move |it: &&Listed| it.group == group && self.names.contains(it.name);
        ALL.iter().filter(chosen)
    }

    /// Nothing of a group is chosen.
    pub(super) fn is_empty(&self, group: Group) -> bool {
        self.of(group).next().is_none()
    }

    /// The controllers of a group that are chosen.
    pub(super) fn makes(&self, group: Group, parts: &Parts) -> Vec<Make> {
        let make = |listed: &'static Listed| -> Make {
            let parts = parts.clone();
            Box::new(move || (listed.make)(&parts))
        };
        self.of(group).map(make).collect()
    }

    /// The kubelets and proxies of the nodes.
    pub(super) fn nodes(&self, parts: &Parts) -> Vec<Make> {
        let numbers = self.first_node..self.first_node.saturating_add(self.nodes);
        numbers.flat_map(|index| node(index, parts)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::ControllerChoice;

    fn chosen(text: &str) -> Vec<String> {
        let words: Vec<String> = text.split(',').map(str::to_owned).collect();
        let choice = ControllerChoice::parse(&words).unwrap();
        choice.names.into_iter().collect()
    }

    #[test]
    fn controllers_are_chosen_as_kube_controller_manager_has_it() {
        assert!(chosen("").is_empty(), "the field is left to others");
        assert_eq!(chosen("job-controller"), ["job-controller"]);
        let all = chosen("*");
        assert_eq!(all.len(), ControllerChoice::all(0).names.len());
        let but = chosen("-job-controller,*");
        assert_eq!(but.len(), all.len() - 1);
        assert!(!but.contains(&"job-controller".to_owned()));
        let wrong = ControllerChoice::parse(&["-nonsense".to_owned()]);
        assert!(wrong.unwrap_err().0.contains("\"nonsense\" is not in"));
    }
}
