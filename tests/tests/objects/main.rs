//! What is owed to every object, whatever clients do (`DESIGN`: O, and L and W where a history in
//! memory shows them).

mod history;
mod pages;
mod races;
mod stored;

use model::config::Config;
use std::sync::LazyLock;
use tests::{in_memory::InMemory, strategies::histories::Player};

static CONFIG: LazyLock<Config> = LazyLock::new(Config::permissive);

fn player() -> Player {
    Player::new(InMemory::new(CONFIG.clone()))
}
