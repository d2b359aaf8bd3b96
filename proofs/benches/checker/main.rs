//! Our search beside stateright's own, on our worlds and on a replicated register in the style of
//! stateright's example `linearizable-register`: unique states a second and bytes a state.
//!
//! `cargo bench -p proofs --bench checker`; `-- store register` names models, `-- --rounds 5`
//! measures more often. Each run is a process of its own, so that its peak of memory is its own.

mod register;

use proofs::{
    check::exhaust,
    worlds::{lease::LeaseWorld, store::StoreWorld, watch_cache::WatchCache},
};
use stateright::{Checker, Model};
use std::{
    error::Error,
    fmt::Debug,
    fs,
    hash::Hash,
    process::Command,
    time::{Duration, Instant},
};

/// The argument that makes this program one run.
const ONE: &str = "one";

const MODELS: [&str; 4] = ["store", "lease", "watch-cache", "register"];

/// Who searches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    Breadth,
    Depth,
    Ours,
}

const ENGINES: [(Engine, &str); 3] = [
    (Engine::Breadth, "stateright BFS"),
    (Engine::Depth, "stateright DFS"),
    (Engine::Ours, "ours"),
];

/// What a run came to.
struct Run {
    unique: usize,
    seconds: f64,
    /// The peak of memory above what the process had before.
    bytes: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| it != "--bench")
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let [ONE, model, engine, unique] = arguments.as_slice() {
        let engine = ENGINES.iter().find(|(_, name)| name == engine);
        let (engine, _) = engine.ok_or("an engine")?;
        let run = one(model, *engine, unique.parse()?)?;
        println!("{} {} {}", run.unique, run.seconds, run.bytes);
        return Ok(());
    }
    let (rounds, named) = match arguments.as_slice() {
        ["--rounds", rounds, named @ ..] => (rounds.parse()?, named),
        named => (3, named),
    };
    for model in MODELS {
        if named.is_empty() || named.contains(&model) {
            compare(model, rounds)?;
        }
    }
    Ok(())
}

/// Every engine in turn, again and again; the medians.
fn compare(model: &str, rounds: usize) -> Result<(), Box<dyn Error>> {
    let mut runs: [Vec<Run>; ENGINES.len()] = Default::default();
    let mut unique = 0;
    for _ in 0..rounds {
        for (index, (_, engine)) in ENGINES.iter().enumerate() {
            let run = child(model, engine, unique)?;
            // Ours is told what stateright has found, and fails when it finds another number.
            unique = run.unique;
            runs[index].push(run);
        }
    }
    println!("{model}: {unique} unique states");
    let median = |runs: &[Run], what: fn(&Run) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(what).collect();
        values.sort_unstable_by(f64::total_cmp);
        values[(values.len() - 1) / 2]
    };
    let first = median(&runs[0], |run| run.seconds);
    for ((_, engine), runs) in ENGINES.iter().zip(&runs) {
        let seconds = median(runs, |run| run.seconds);
        let bytes = median(runs, |run| run.bytes as f64);
        println!(
            "  {engine:<16} {:>9.0} states/s {:>6.2} times BFS {:>7.0} bytes a state",
            unique as f64 / seconds,
            first / seconds,
            bytes / unique as f64,
        );
    }
    Ok(())
}

fn child(model: &str, engine: &str, unique: usize) -> Result<Run, Box<dyn Error>> {
    let output = Command::new(std::env::current_exe()?)
        .args([ONE, model, engine, &unique.to_string()])
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    let fields: Vec<&str> = said.split_whitespace().collect();
    let [unique, seconds, bytes] = fields.as_slice() else {
        return Err(format!("{model}: {}", String::from_utf8_lossy(&output.stderr)).into());
    };
    Ok(Run {
        unique: unique.parse()?,
        seconds: seconds.parse()?,
        bytes: bytes.parse()?,
    })
}

fn one(model: &str, engine: Engine, unique: usize) -> Result<Run, Box<dyn Error>> {
    match model {
        "store" => search(StoreWorld::default(), engine, unique),
        "lease" => search(LeaseWorld::default(), engine, unique),
        "watch-cache" => search(WatchCache::new(None), engine, unique),
        "register" => search(register::model(), engine, unique),
        other => Err(format!("{other}: not a model").into()),
    }
}

fn search<M>(model: M, engine: Engine, unique: usize) -> Result<Run, Box<dyn Error>>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let before = status("VmRSS:")?;
    let began = Instant::now();
    let unique = match engine {
        Engine::Breadth => finished(&model.checker().spawn_bfs().join()),
        Engine::Depth => finished(&model.checker().spawn_dfs().join()),
        Engine::Ours => exhaust("benchmark", &model, unique)?.unique,
    };
    let elapsed: Duration = began.elapsed();
    Ok(Run {
        unique,
        seconds: elapsed.as_secs_f64(),
        bytes: status("VmHWM:")?.saturating_sub(before),
    })
}

fn finished<M: Model>(checker: &impl Checker<M>) -> usize {
    assert!(checker.is_done(), "stateright has looked at every state");
    checker.unique_state_count()
}

/// A size from this process's status, in bytes.
fn status(label: &str) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(label));
    let kibibytes = line.and_then(|line| line.split_whitespace().next());
    let kibibytes: u64 = kibibytes.ok_or("the system tells no memory")?.parse()?;
    Ok(kibibytes * 1024)
}
