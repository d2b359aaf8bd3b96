//! The `trueplane` binary: flags, logs, signals.

use clap::Parser;
use server::{
    Running, Server, StartError,
    flags::{Command, Flags, LoggingFormat},
};
use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let flags = Flags::parse();
    log(&flags);
    match run(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> Result<(), StartError> {
    if let Some(command) = &flags.command {
        return ask(command);
    }
    let options = flags.options()?;
    let data_directory = options.data_directory.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|why| StartError(format!("cannot start the runtime: {why}")))?;
    runtime.block_on(async {
        let running = Server::start(options).await?;
        let data = data_directory.map_or("in memory".into(), |path| path.display().to_string());
        tracing::info!(url = running.url, data, "ready");
        if let Some(path) = &running.kubeconfig_path {
            println!("export KUBECONFIG={}", quoted(&path.display().to_string()));
        }
        stop_when_told(running).await
    })
}

/// Asks a running server and prints its answer.
fn ask(command: &Command) -> Result<(), StartError> {
    let (kubeconfig, path) = command.question()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|why| StartError(format!("cannot start the runtime: {why}")))?;
    let answer = runtime.block_on(server::ask::get(&kubeconfig, &path))?;
    println!("{}", answer.trim_end());
    Ok(())
}

/// Drains at the first SIGTERM or SIGINT, and exits at once at the second.
async fn stop_when_told(running: Running) -> Result<(), StartError> {
    let wrong = |why: io::Error| StartError(format!("cannot wait for signals: {why}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(wrong)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(wrong)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: requests in flight are answered, a second signal exits at once");
    tokio::select! {
        () = running.stop() => {
            tracing::info!("stopped");
            Ok(())
        }
        _ = terminate.recv() => Err(StartError("stopped at once".into())),
        _ = interrupt.recv() => Err(StartError("stopped at once".into())),
    }
}

/// Logs to standard error; `RUST_LOG` overrides `-v`.
fn log(flags: &Flags) {
    let level = match flags.v {
        0..=2 => "info",
        3..=5 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    match flags.logging_format {
        LoggingFormat::Text => log.init(),
        LoggingFormat::Json => log.json().init(),
    }
}

/// A word of a shell.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:,@".contains(&byte);
    if text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
