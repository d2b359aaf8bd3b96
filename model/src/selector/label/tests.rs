use super::LabelSelector;
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
    pairs.iter().map(owned).collect()
}

/// The objects of the recorded lists.
fn selected(selector: &LabelSelector) -> Vec<&'static str> {
    let objects = [
        (
            "a",
            labels(&[("app", "web"), ("tier", "front"), ("n", "5")]),
        ),
        (
            "b",
            labels(&[("app", "web"), ("tier", "back"), ("n", "10")]),
        ),
        ("c", labels(&[("app", "db"), ("n", "x")])),
        ("d", labels(&[])),
    ];
    let matching = objects.iter().filter(|(_, set)| selector.matches(set));
    matching.map(|(name, _)| *name).collect()
}

fn check(text: &str, canonical: &str, expected: &[&str]) {
    let selector = LabelSelector::parse(text).unwrap();
    assert_eq!(selector.to_string(), canonical);
    assert_eq!(selected(&selector), expected, "{text}");
    assert_eq!(LabelSelector::parse(canonical), Ok(selector));
}

#[test]
fn lists_select_as_recorded() {
    check("", "", &["a", "b", "c", "d"]);
    check("app=web", "app=web", &["a", "b"]);
    check("app==web", "app==web", &["a", "b"]);
    check("app!=web", "app!=web", &["c", "d"]);
    check("app=web,tier=back", "app=web,tier=back", &["b"]);
    check("app=nothing", "app=nothing", &[]);
    check(" app = web , tier != front ", "app=web,tier!=front", &["b"]);
    check("n>5", "n>5", &["b"]);
    check("n<10", "n<10", &["a"]);
    check("n>4,n<11", "n>4,n<11", &["a", "b"]);
    check("app in (web,db)", "app in (db,web)", &["a", "b", "c"]);
    check("app notin (web)", "app notin (web)", &["c", "d"]);
    check("tier", "tier", &["a", "b"]);
    check("!tier", "!tier", &["c", "d"]);
    let all = "app in (web),tier notin (front),!absent";
    check(all, "!absent,app in (web),tier notin (front)", &["b"]);
    check("app=", "app=", &[]);
}

#[test]
fn words_of_the_syntax_can_be_names_and_values_can_be_missing() {
    check("in in (in,notin)", "in in (in,notin)", &[]);
    check("notin", "notin", &[]);
    check("app in (,web)", "app in (,web)", &["a", "b"]);
    check("app in (web,,db,)", "app in (,db,web)", &["a", "b", "c"]);
    check("app notin ()", "app notin ()", &["a", "b", "c", "d"]);
    check("example.com/x!=", "example.com/x!=", &["a", "b", "c", "d"]);
}

#[test]
fn errors_have_the_real_texts() {
    let check = |text: &str, expected: &str| {
        assert_eq!(LabelSelector::parse(text), Err(expected.into()), "{text}");
    };
    check(
        "n>abc",
        "unable to parse requirement: values[0]: Invalid value: \"abc\": for 'Gt', 'Lt' operators, the value must be an integer",
    );
    check(
        "=a",
        "found '=', expected: !, identifier, or 'end of string'",
    );
    check("a,", "found '', expected: identifier after ','");
    check(
        "a b",
        "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
    );
    check("!a=b", "found '=', expected: ',' or 'end of string'");
    check("a=b c", "found 'c', expected: ',' or 'end of string'");
    check(
        "!",
        "unable to parse requirement: found '', expected: identifier",
    );
    check(
        "a in b",
        "unable to parse requirement: found 'b' expected: '('",
    );
    check(
        "a in (b",
        "unable to parse requirement: found '', expected: ',' or ')'",
    );
    check(
        "a in (=)",
        "unable to parse requirement: found '=', expected: ',', ')' or identifier",
    );
    check(
        "a in (b,=)",
        "unable to parse requirement: found '=', expected: ',', or identifier",
    );
    check(
        "a=(",
        "unable to parse requirement: found '(', expected: identifier",
    );
    check(
        "/x",
        "unable to parse requirement: <nil>: Invalid value: \"/x\": prefix part must be non-empty",
    );
    check(
        "a=-b",
        "unable to parse requirement: values[0][a]: Invalid value: \"-b\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    );
}

#[test]
fn documents_select_as_their_written_form_does() {
    let check = |document: Value, expected: Result<&str, &str>| {
        let selector = LabelSelector::from_json(&document).map(|found| found.to_string());
        assert_eq!(selector, expected.map(Into::into).map_err(Into::into));
    };
    check(
        json!({"matchLabels": {"b": "1", "a": ""}, "matchExpressions": [
            {"key": "c", "operator": "In", "values": ["y", "x", "y"]},
            {"key": "d", "operator": "NotIn", "values": ["z"]},
            {"key": "e", "operator": "Exists"},
            {"key": "f", "operator": "DoesNotExist", "values": []}]}),
        Ok("a=,b=1,c in (x,y),d notin (z),e,!f"),
    );
    check(json!({}), Ok(""));
    check(
        json!({"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}),
        Err("\"Gt\" is not a valid label selector operator"),
    );
    check(
        json!({"matchExpressions": [{"key": "a", "operator": "In"}]}),
        Err("values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty"),
    );
    check(
        json!({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]}),
        Err(
            "values: Invalid value: [\"x\"]: values set must be empty for exists and does not exist",
        ),
    );
    assert!(
        LabelSelector::from_json(&json!({}))
            .unwrap()
            .is_everything()
    );
    let nothing = LabelSelector::from_json(&Value::Null).unwrap();
    assert!(!nothing.is_everything() && !nothing.matches(&BTreeMap::new()));
}
