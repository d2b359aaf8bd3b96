//! proptest strategies, for users too: import them and write properties of your own.

pub mod etcd;
pub mod faults;
pub mod histories;
pub mod objects;
pub mod requests;
pub mod selectors;

use proptest::test_runner::{Config, FileFailurePersistence};

/// The configuration of this crate's properties: failing seeds are kept in the repository, in
/// `<test>.proptest-regressions` beside the test.
#[must_use]
pub fn config() -> Config {
    let beside = FileFailurePersistence::WithSource("proptest-regressions");
    Config {
        failure_persistence: Some(Box::new(beside)),
        ..Config::default()
    }
}

/// The same for slower properties: so many cases, unless `PROPTEST_CASES` says otherwise.
#[must_use]
pub fn config_of(cases: u32) -> Config {
    let config = config();
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => Config { cases, ..config },
    }
}
