//! A controller of your own: checked, and run.
//!
//! `cargo run -p tests --example own_controller` checks both forms of the [`janitor`] and prints
//! the shortest way to the mistake of the first. With `run` behind it, the repaired form is run
//! against the cluster of the current kubeconfig.

mod drive;
mod janitor;
mod scenario;

use janitor::Janitor;
use kube::Client;
use proofs::own::check;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("run") {
        let done = match Client::try_default().await {
            Ok(client) => drive::drive(Janitor::careful(), client).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            eprintln!("{error}");
        }
        return ExitCode::FAILURE;
    }
    match check(Janitor::hasty(), scenario::scenario()) {
        Ok(_) => println!("the hasty janitor is right: that can't be"),
        Err(failure) => println!("the hasty janitor: {failure}"),
    }
    match check(Janitor::careful(), scenario::scenario()) {
        Ok(report) => {
            println!(
                "the careful janitor is right in all {} states",
                report.unique
            );
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("the careful janitor: {failure}");
            ExitCode::FAILURE
        }
    }
}
