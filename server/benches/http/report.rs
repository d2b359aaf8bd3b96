//! Figures, and how they are printed.

use std::time::Duration;

/// What one run of the load generator came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// Of every request that counts, sorted.
    pub(crate) latencies: Vec<Duration>,
    /// How long they were counted.
    pub(crate) elapsed: Duration,
    /// Processor time of the server, warming up included, divided by its requests.
    pub(crate) processor: Duration,
}

impl Measured {
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        percentile(&self.latencies, percent)
    }
}

/// Of sorted durations; zero when there are none.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get(last * percent / 100)
        .copied()
        .unwrap_or_default()
}

/// The middle one, or the lower of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values
        .get(values.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or_default()
}

pub(crate) fn heading(title: &str) {
    println!("\n{title}");
}

/// A server's line under a heading: the medians of its runs, and against the last of `all`, which
/// is the bare one, the ratio of the medians.
pub(crate) fn lines(all: &[(&str, Vec<Measured>)]) {
    println!(
        "  {:<12} {:>11} {:>9} {:>9} {:>10}   rate and processor time beside bare",
        "", "requests/s", "p50 ms", "p99 ms", "cpu us"
    );
    let of =
        |runs: &[Measured], what: fn(&Measured) -> f64| median(runs.iter().map(what).collect());
    let rate = |run: &Measured| run.rate();
    let processor = |run: &Measured| run.processor.as_secs_f64() * 1e6;
    let bare = all
        .last()
        .map(|(_, runs)| (of(runs, rate), of(runs, processor)));
    for (name, runs) in all {
        let (bare_rate, bare_processor) = bare.unwrap_or_default();
        println!(
            "  {name:<12} {:>11.0} {:>9.3} {:>9.3} {:>10.1}   {:.2} {:.2}",
            of(runs, rate),
            of(runs, |run| milliseconds(run.percentile(50))),
            of(runs, |run| milliseconds(run.percentile(99))),
            of(runs, processor),
            of(runs, rate) / bare_rate,
            of(runs, processor) / bare_processor,
        );
    }
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
