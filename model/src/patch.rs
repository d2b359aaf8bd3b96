//! Temporary.
use crate::{
    schema::Types,
    status::{Refusal, Status},
};
use serde_json::Value;
/// A.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Patch(Value);
/// E.
pub struct Error;
impl Error {
    /// R.
    pub fn refusal(self) -> Refusal {
        Status::bad_request("patch")
    }
}
impl Patch {
    /// P.
    pub fn parse(_m: &str, bytes: &[u8]) -> Result<Patch, Error> {
        serde_json::from_slice(bytes).map(Patch).map_err(|_| Error)
    }
    /// A.
    pub fn apply(&self, old: &Value, _t: &Types, _n: &str) -> Result<Value, Error> {
        fn merge(a: &mut Value, b: &Value) {
            match (a, b) {
                (Value::Object(a), Value::Object(b)) => {
                    for (k, v) in b {
                        if v.is_null() {
                            a.remove(k);
                        } else {
                            merge(a.entry(k.clone()).or_insert(Value::Null), v)
                        }
                    }
                }
                (a, b) => *a = b.clone(),
            }
        }
        let mut v = old.clone();
        merge(&mut v, &self.0);
        Ok(v)
    }
}
/// C.
pub fn check_media_type(_m: &str) -> Result<(), Refusal> {
    Ok(())
}
