//! get --watch.

use crate::tool::{Kubectl, cells};

#[test]
fn rows_of_what_changes() {
    let kubectl = Kubectl::new();
    kubectl.ok("create cm a --from-literal=k=1");
    let mut watch = kubectl.background("get cm -w");
    assert_eq!(cells(&watch.prints(|_| true)), ["NAME", "DATA", "AGE"]);
    let is = |name: &'static str, data: &'static str| {
        move |line: &str| cells(line).get(..2) == Some(&[name, data])
    };
    watch.prints(is("a", "1"));
    kubectl.ok("create cm b --from-literal=k=1 --from-literal=l=2");
    watch.prints(is("b", "2"));
    kubectl.ok(r#"patch cm b -p '{"data":{"m":"3"}}'"#);
    watch.prints(is("b", "3"));
    kubectl.ok("delete cm a");
    watch.prints(is("a", "1"));
}

#[test]
fn events_by_their_name_and_through_a_selector() {
    let kubectl = Kubectl::new();
    let mut watch = kubectl.background("get cm -w -l tier=gold --output-watch-events --no-headers -v=6");
    watch.watches();
    let is = |event: &'static str, name: &'static str| {
        move |line: &str| cells(line).get(..2) == Some(&[event, name])
    };
    kubectl.ok("create cm a");
    // To enter the selection is to be added, to leave it to be deleted.
    for (command, event) in [
        ("label cm a tier=gold", "ADDED"),
        ("annotate cm a x=y", "MODIFIED"),
        ("label cm a tier-", "DELETED"),
        ("label cm a tier=gold", "ADDED"),
        ("delete cm a", "DELETED"),
    ] {
        kubectl.ok(command);
        watch.prints(is(event, "a"));
    }
}

#[test]
fn one_object_as_json() {
    let kubectl = Kubectl::new();
    kubectl.ok("create cm a");
    let mut watch = kubectl.background("get cm a -w -o 'jsonpath={.data.k}{\"\\n\"}'");
    watch.prints(|line| line.is_empty());
    for value in ["x", "y"] {
        kubectl.ok(&format!(r#"patch cm a -p '{{"data":{{"k":"{value}"}}}}'"#));
        watch.prints(|line| line == value);
    }
}
