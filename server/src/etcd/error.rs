//! Why etcd did not do what it was asked to.

use model::etcd::{self, Revision};
use std::{error::Error as _, fmt};
use tonic::{Code, ConnectError, Status};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It refused: nothing has changed. The revisions in it are 0, etcd does not tell them.
    Refused(etcd::Error),
    /// Nothing was sent: there is no connection.
    NotSent(String),
    /// Whether it happened is not known. The same request may go through at another time.
    Unavailable(String),
    /// It answered something else, for which trying again does not help.
    Other(String),
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(why) => why.fmt(f),
            Error::NotSent(why) | Error::Unavailable(why) | Error::Other(why) => f.write_str(why),
        }
    }
}

/// What etcd may refuse, to be found by its text.
const REFUSALS: [etcd::Error; 12] = [
    etcd::Error::Compacted(Revision(0)),
    etcd::Error::FutureRevision(Revision(0)),
    etcd::Error::EmptyKey,
    etcd::Error::DuplicateKey,
    etcd::Error::TooManyOperations,
    etcd::Error::ValueProvided,
    etcd::Error::LeaseProvided,
    etcd::Error::KeyNotFound,
    etcd::Error::LeaseNotFound,
    etcd::Error::LeaseExists,
    etcd::Error::LeaseTtlTooLarge,
    etcd::Error::RequestTooLarge,
];

impl From<Status> for Error {
    fn from(status: Status) -> Error {
        let text = status.message();
        if let Some(refused) = REFUSALS.iter().find(|known| known.to_string() == text) {
            return Error::Refused(refused.clone());
        }
        if status.code() == Code::OutOfRange && text.contains("trying to send message larger") {
            return Error::Refused(etcd::Error::RequestTooLarge);
        }
        let why = described(&status);
        match status.code() {
            _ if never_connected(&status) => Error::NotSent(why),
            // A connection that breaks under a request is one of the latter two.
            Code::Unavailable | Code::DeadlineExceeded | Code::Unknown | Code::Cancelled => {
                Error::Unavailable(why)
            }
            _ => Error::Other(why),
        }
    }
}

/// As etcd's Go client says it, whose texts kube-apiserver passes on.
fn described(status: &Status) -> String {
    let text = status.message();
    if text.starts_with("etcdserver: ") {
        return text.to_owned();
    }
    let mut reason = text.to_owned();
    let mut source = status.source();
    while let Some(why) = source {
        let more = why.to_string();
        if !reason.contains(&more) {
            reason = format!("{reason}: {more}");
        }
        source = why.source();
    }
    format!("rpc error: code = {:?} desc = {reason}", status.code())
}

fn never_connected(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(why) = source {
        if why.is::<ConnectError>() {
            return true;
        }
        source = why.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::Error;
    use model::etcd::{self, Revision};
    use tonic::Status;

    #[test]
    fn refusals_are_known_by_their_text() {
        let why = "etcdserver: mvcc: required revision has been compacted";
        let expected = Error::Refused(etcd::Error::Compacted(Revision(0)));
        assert_eq!(Error::from(Status::out_of_range(why)), expected);
        let leader = Error::from(Status::unavailable("etcdserver: leader changed"));
        assert_eq!(
            leader,
            Error::Unavailable("etcdserver: leader changed".into())
        );
        let denied = Error::from(Status::permission_denied("no"));
        let text = "rpc error: code = PermissionDenied desc = no";
        assert_eq!(denied, Error::Other(text.into()));
    }
}
