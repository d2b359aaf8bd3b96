//! What is owed to every object, whatever clients do (`DESIGN`: O, and L and W where a history in
//! memory shows them).

mod addresses;
mod history;
mod pages;
mod premises;
mod races;
mod stored;

use model::config::Config;
use std::sync::LazyLock;
use tests::{in_memory::InMemory, strategies::histories::Player};

static CONFIG: LazyLock<Config> = LazyLock::new(Config::permissive);

fn player() -> Player {
    Player::new(InMemory::new(CONFIG.clone()))
}

/// The watch cache keeps so few events that reads of the past go to the store, which is compacted.
fn player_with_window(window: usize) -> Player {
    Player::new(InMemory::with_window(CONFIG.clone(), window))
}
