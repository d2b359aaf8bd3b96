//! Rows for people.

/// How objects are shown to a client that asked for less than the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// As they are.
    Object,
    /// `as=Table`
    Table,
    /// `as=PartialObjectMetadata` and its list.
    PartialObjectMetadata,
}
