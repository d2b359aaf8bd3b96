//! The indexes of an indexed Job: which are completed, which come next.

use super::super::workload::Pod;
use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};

pub(super) const COMPLETION_INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// Reads `1,3-5,7`, keeping what is below `completions`.
pub(super) fn parse(text: &str, completions: i64) -> BTreeSet<i64> {
    let mut indexes = BTreeSet::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<i64>(), last.parse::<i64>()) {
            indexes.extend(first.max(0)..=last.min(completions - 1));
        }
    }
    indexes
}

/// Writes them so; what follows one another is an interval.
pub(super) fn write(indexes: &BTreeSet<i64>) -> String {
    let mut intervals: Vec<(i64, i64)> = Vec::new();
    for index in indexes {
        match intervals.last_mut() {
            Some((_, last)) if *last + 1 == *index => *last = *index,
            _ => intervals.push((*index, *index)),
        }
    }
    let text = |(first, last): &(i64, i64)| match last - first {
        0 => first.to_string(),
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    };
    let texts: Vec<String> = intervals.iter().map(text).collect();
    texts.join(",")
}

/// The index of a pod, if it has one.
pub(super) fn index_of(pod: &Pod<'_>) -> Option<i64> {
    let index = pod.annotation(COMPLETION_INDEX)?.parse().ok()?;
    (0..=i64::from(i32::MAX)).contains(&index).then_some(index)
}

/// The first indexes that are neither completed nor worked on.
pub(super) fn pending(
    completed: &BTreeSet<i64>,
    active: &[Pod<'_>],
    (most, completions): (usize, i64),
) -> Vec<i64> {
    let active: BTreeSet<i64> = active.iter().filter_map(index_of).collect();
    (0..completions)
        .filter(|index| !completed.contains(index) && !active.contains(index))
        .take(most)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{parse, write};

    #[test]
    fn indexes_are_written_as_intervals() {
        for text in ["", "0", "1,3-5,7", "0,1", "2-4"] {
            assert_eq!(write(&parse(text, 10)), text);
        }
        assert_eq!(write(&parse("1-9,x,3-", 4)), "1-3");
    }
}
