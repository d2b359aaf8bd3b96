//! What the server costs, beside a bare hyper server that answers constants of the same sizes over
//! the same TLS, driven in turn by one load generator, in one run.
//!
//! `cargo bench -p server --bench http` runs everything; `-- reads writes etcd watch start log` names
//! parts, `-- --seconds 5 --rounds 5` measures longer, `-- --objects 1000` starts with less, and
//! `-- --binary PATH` measures another build of the server.
//! All three programs share the machine's cores, so the ratio of the rates flatters the slower one;
//! the ratio of the servers' own processor time does not.

mod bare;
mod child;
mod etcd;
mod load;
mod log;
mod report;
mod requests;
mod start;
mod watch;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// What the command line says.
struct Settings {
    parts: Vec<String>,
    seconds: f64,
    rounds: usize,
    objects: usize,
    binary: PathBuf,
}

impl Settings {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Settings, String> {
        let mut settings = Settings {
            parts: Vec::new(),
            seconds: 2.0,
            rounds: 3,
            objects: 100_000,
            binary: env!("CARGO_BIN_EXE_trueplane").into(),
        };
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            let mut number = || -> Result<f64, String> {
                let value = arguments.next().unwrap_or_default();
                let wrong = |_| format!("{argument}: {value:?} is no number");
                value.parse().map_err(wrong)
            };
            match argument.as_str() {
                // Cargo says this to every benchmark.
                "--bench" => {}
                "--seconds" => settings.seconds = number()?,
                "--rounds" => settings.rounds = number()? as usize,
                "--objects" => settings.objects = number()? as usize,
                "--binary" => settings.binary = arguments.next().unwrap_or_default().into(),
                "reads" | "writes" | "watch" | "start" | "log" | "etcd" => {
                    settings.parts.push(argument)
                }
                other => return Err(format!("{other}: not a part or option")),
            }
        }
        Ok(settings)
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|it| it == part)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|it| it == child::BARE).is_some() {
        let pki = arguments
            .next()
            .ok_or("the bare server needs a directory")?;
        return bare::serve(Path::new(&pki));
    }
    let settings = Settings::parse(arguments)?;
    let place = child::Place::new(&settings.binary)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let window = Duration::from_secs_f64(settings.seconds);
    if settings.wants("start") {
        runtime.block_on(start::measure(&place, settings.rounds, settings.objects));
    }
    if settings.wants("reads") {
        runtime.block_on(requests::reads(&place, settings.rounds, window));
    }
    if settings.wants("writes") {
        runtime.block_on(requests::writes(&place, settings.rounds, window));
    }
    if settings.wants("etcd") {
        runtime.block_on(etcd::measure(&place, settings.rounds, window));
    }
    if settings.wants("log") {
        runtime.block_on(log::measure(&place, settings.rounds, window));
    }
    if settings.wants("watch") {
        runtime.block_on(watch::measure(&place, settings.rounds));
    }
    Ok(())
}
