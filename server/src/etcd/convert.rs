//! The core's requests as etcd's messages, and etcd's answers as the core's.

use super::{layout::Layout, messages as wire};
use model::{
    etcd::{
        Compare, DeleteRange, EventKind, KeyValue, LeaseId, Operation, OperationResponse, Put,
        Range, RangeResponse, Relation, Revision, SortOrder, SortTarget, StoreEvent, Target, Txn,
        TxnResponse, WatchRequest, WatchResponse,
    },
    frozen::Frozen,
};

/// A revision or count as etcd's signed number.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

fn revision(header: Option<&wire::ResponseHeader>) -> Revision {
    Revision(header.map_or(0, |header| unsigned(header.revision)))
}

impl Layout {
    pub(super) fn range_request(&self, range: &Range) -> wire::RangeRequest {
        let (key, range_end) = self.range(&range.keys);
        wire::RangeRequest {
            key,
            range_end,
            limit: i64::try_from(range.limit).unwrap_or(i64::MAX),
            revision: signed(range.revision.unwrap_or_default().0),
            sort_order: match range.sort.order {
                SortOrder::None => 0,
                SortOrder::Ascend => 1,
                SortOrder::Descend => 2,
            },
            sort_target: match range.sort.target {
                SortTarget::Key => 0,
                SortTarget::Version => 1,
                SortTarget::CreateRevision => 2,
                SortTarget::ModRevision => 3,
                SortTarget::Value => 4,
            },
            keys_only: range.keys_only,
            count_only: range.count_only,
            min_mod_revision: signed(range.filter.min_mod.0),
            max_mod_revision: signed(range.filter.max_mod.0),
            min_create_revision: signed(range.filter.min_create.0),
            max_create_revision: signed(range.filter.max_create.0),
        }
    }

    pub(super) fn txn_request(&self, txn: &Txn) -> wire::TxnRequest {
        let operations = |list: &[Operation]| list.iter().map(|it| self.operation(it)).collect();
        wire::TxnRequest {
            compare: txn.compare.iter().map(|it| self.compare(it)).collect(),
            success: operations(&txn.success),
            failure: operations(&txn.failure),
        }
    }

    fn operation(&self, operation: &Operation) -> wire::RequestOp {
        let request = match operation {
            Operation::Range(range) => wire::Request::Range(self.range_request(range)),
            Operation::Put(put) => wire::Request::Put(self.put(put)),
            Operation::DeleteRange(delete) => wire::Request::DeleteRange(self.delete(delete)),
            Operation::Txn(txn) => wire::Request::Txn(self.txn_request(txn)),
        };
        wire::RequestOp {
            request: Some(request),
        }
    }

    fn put(&self, put: &Put) -> wire::PutRequest {
        wire::PutRequest {
            key: self.outside(put.key.bytes()),
            value: put.value.bytes().to_vec(),
            lease: put.lease.0,
            prev_kv: put.previous,
            ignore_value: put.ignore_value,
            ignore_lease: put.ignore_lease,
        }
    }

    fn delete(&self, delete: &DeleteRange) -> wire::DeleteRangeRequest {
        let (key, range_end) = self.range(&delete.keys);
        wire::DeleteRangeRequest {
            key,
            range_end,
            prev_kv: delete.previous,
        }
    }

    fn compare(&self, compare: &Compare) -> wire::Compare {
        let (key, range_end) = self.range(&compare.keys);
        let (target, union) = match &compare.target {
            Target::Version(version) => (0, wire::Target::Version(signed(*version))),
            Target::CreateRevision(revision) => {
                (1, wire::Target::CreateRevision(signed(revision.0)))
            }
            Target::ModRevision(revision) => (2, wire::Target::ModRevision(signed(revision.0))),
            Target::Value(value) => (3, wire::Target::Value(value.bytes().to_vec())),
            Target::Lease(lease) => (4, wire::Target::Lease(lease.0)),
        };
        wire::Compare {
            result: match compare.relation {
                Relation::Equal => 0,
                Relation::Greater => 1,
                Relation::Less => 2,
                Relation::NotEqual => 3,
            },
            target,
            key,
            range_end,
            union: Some(union),
        }
    }

    pub(super) fn watch_request(&self, request: &WatchRequest) -> wire::WatchCreateRequest {
        let (key, range_end) = self.range(&request.keys);
        let filters = [(request.no_put, 0), (request.no_delete, 1)];
        wire::WatchCreateRequest {
            key,
            range_end,
            start_revision: signed(request.start.0),
            progress_notify: request.progress,
            filters: filters
                .iter()
                .filter_map(|(on, filter)| on.then_some(*filter))
                .collect(),
            prev_kv: request.previous,
        }
    }

    fn kv(&self, kv: wire::KeyValue) -> KeyValue {
        KeyValue {
            key: self.inside(kv.key),
            create_revision: Revision(unsigned(kv.create_revision)),
            mod_revision: Revision(unsigned(kv.mod_revision)),
            version: unsigned(kv.version),
            lease: LeaseId(kv.lease),
            value: Frozen::from(kv.value),
        }
    }

    pub(super) fn range_response(&self, answer: wire::RangeResponse) -> RangeResponse {
        RangeResponse {
            revision: revision(answer.header.as_ref()),
            kvs: answer.kvs.into_iter().map(|kv| self.kv(kv)).collect(),
            more: answer.more,
            count: count(answer.count),
        }
    }

    /// `None` when an operation was not answered.
    pub(super) fn txn_response(&self, answer: wire::TxnResponse) -> Option<TxnResponse> {
        let responses = answer.responses.into_iter();
        let responses = responses.map(|it| self.operation_response(it));
        Some(TxnResponse {
            revision: revision(answer.header.as_ref()),
            succeeded: answer.succeeded,
            responses: responses.collect::<Option<_>>()?,
        })
    }

    fn operation_response(&self, answer: wire::ResponseOp) -> Option<OperationResponse> {
        Some(match answer.response? {
            wire::Response::Range(range) => OperationResponse::Range(self.range_response(range)),
            wire::Response::Put(put) => OperationResponse::Put {
                previous: put.prev_kv.map(|kv| self.kv(kv)),
            },
            wire::Response::DeleteRange(delete) => OperationResponse::DeleteRange {
                deleted: count(delete.deleted),
                previous: delete.prev_kvs.into_iter().map(|kv| self.kv(kv)).collect(),
            },
            wire::Response::Txn(txn) => OperationResponse::Txn(self.txn_response(txn)?),
        })
    }

    pub(super) fn watch_response(&self, answer: wire::WatchResponse) -> WatchResponse {
        let compacted = unsigned(answer.compact_revision);
        WatchResponse {
            revision: revision(answer.header.as_ref()),
            created: answer.created,
            canceled: answer.canceled,
            compacted: (compacted > 0).then_some(Revision(compacted)),
            reason: answer.cancel_reason,
            fragment: answer.fragment,
            events: answer
                .events
                .into_iter()
                .map(|event| self.event(event))
                .collect(),
        }
    }

    fn event(&self, event: wire::Event) -> StoreEvent {
        StoreEvent {
            kind: match event.kind {
                0 => EventKind::Put,
                _ => EventKind::Delete,
            },
            kv: self.kv(event.kv.unwrap_or_default()),
            previous: event.prev_kv.map(|kv| self.kv(kv)),
        }
    }
}
