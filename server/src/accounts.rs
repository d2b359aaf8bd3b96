//! The keys of service accounts' tokens, and the tokens that have been verified of late.

use crate::{
    error::StartError,
    files::{turn, write_private},
    limits::VERIFIED_TOKENS,
    options::Options,
};
use model::{
    lifecycle::authenticate::bearer_token,
    token::{Accounts, SigningKey, Verified, VerifyingKey},
};
use std::{
    collections::{HashMap, VecDeque},
    fs, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// How tokens are made and known again, from files or with a key that is made at the first start:
/// `sa.key` beside the certificates, as kubeadm names it.
///
/// # Errors
/// When a file cannot be read or is no key that is supported.
pub(crate) fn load(options: &Options) -> Result<Accounts, StartError> {
    let signing = match &options.service_account_signing_key {
        Some(path) => parse(path, SigningKey::from_pem)?,
        None => own(options.certificate_directory.as_deref())?,
    };
    let mut verifying = vec![signing.public()];
    for path in &options.service_account_keys {
        for key in parse(path, VerifyingKey::all_from_pem)? {
            if !verifying.contains(&key) {
                verifying.push(key);
            }
        }
    }
    let issuers = options.service_account_issuers.clone();
    let audiences = if options.api_audiences.is_empty() {
        issuers.clone()
    } else {
        options.api_audiences.clone()
    };
    let longest = options.service_account_max_token_expiration;
    Ok(Accounts {
        issuers,
        audiences,
        signing,
        verifying,
        max_expiration: longest.and_then(|longest| longest.as_secs().try_into().ok()),
    })
}

fn parse<T>(
    path: &Path,
    parse: impl Fn(&str) -> Result<T, model::token::KeyError>,
) -> Result<T, StartError> {
    let text = fs::read_to_string(path).map_err(|why| StartError::at(path, why))?;
    parse(&text).map_err(|why| StartError::at(path, why.0))
}

fn own(directory: Option<&Path>) -> Result<SigningKey, StartError> {
    let Some(directory) = directory else {
        return Ok(make()?.0);
    };
    let path = directory.join("sa.key");
    if let Some(found) = find(&path)? {
        return Ok(found);
    }
    let _turn = turn(directory)?;
    // Another server may have had the turn: its key is everybody's.
    if let Some(found) = find(&path)? {
        return Ok(found);
    }
    let (made, text) = make()?;
    write_private(&path, text.as_bytes())?;
    Ok(made)
}

fn find(path: &Path) -> Result<Option<SigningKey>, StartError> {
    match fs::read_to_string(path) {
        Ok(text) => SigningKey::from_pem(&text)
            .map(Some)
            .map_err(|why| StartError::at(path, why.0)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(StartError::at(path, why)),
    }
}

/// A new key, and its PEM.
fn make() -> Result<(SigningKey, String), StartError> {
    let wrong = |why: String| StartError(format!("cannot make a key for tokens: {why}"));
    let text = rcgen::KeyPair::generate()
        .map_err(|why| wrong(why.to_string()))?
        .serialize_pem();
    let key = SigningKey::from_pem(&text).map_err(|why| wrong(why.0))?;
    Ok((key, text))
}

/// Tokens whose signatures have been verified: a client shows the same one at each request. What
/// changes (time, objects) is not remembered here.
#[derive(Default)]
pub(crate) struct VerifiedTokens {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    tokens: HashMap<String, Arc<Verified>>,
    /// Oldest first.
    order: VecDeque<String>,
}

impl VerifiedTokens {
    /// What is known of the token in an `Authorization` header, verified now if it is new.
    pub(crate) fn of(&self, accounts: &Accounts, authorization: &str) -> Option<Arc<Verified>> {
        let token = bearer_token(authorization)?;
        // Static tokens are looked up elsewhere; those of accounts have three parts.
        if token.bytes().filter(|byte| *byte == b'.').count() != 2 {
            return None;
        }
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().tokens.get(token).cloned();
        if found.is_some() {
            return found;
        }
        let verified = Arc::new(accounts.verify(token).ok()?);
        let mut known = known();
        if known.order.len() >= VERIFIED_TOKENS
            && let Some(oldest) = known.order.pop_front()
        {
            known.tokens.remove(&oldest);
        }
        let before = known.tokens.insert(token.to_owned(), Arc::clone(&verified));
        if before.is_none() {
            known.order.push_back(token.to_owned());
        }
        Some(verified)
    }
}

#[cfg(test)]
mod tests {
    use super::load;
    use crate::{Options, temporary_directory::TemporaryDirectory};
    use std::{fs, sync::Barrier, thread};

    #[test]
    fn servers_that_start_together_have_the_same_key() {
        for _ in 0..8 {
            let directory = TemporaryDirectory::new();
            let options = Options {
                certificate_directory: Some(directory.path().join("pki")),
                ..Options::default()
            };
            let together = Barrier::new(8);
            let start = || {
                together.wait();
                load(&options).unwrap().signing.id().to_owned()
            };
            let ids: Vec<String> = thread::scope(|scope| {
                let starting: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
                let ends = starting.into_iter().map(|it| it.join().unwrap());
                ends.collect()
            });
            let kept = load(&options).unwrap();
            assert!(ids.iter().all(|id| id == kept.signing.id()), "{ids:?}");
        }
    }

    #[test]
    fn a_restart_keeps_its_key_and_a_damaged_one_is_said() {
        let directory = TemporaryDirectory::new();
        let options = Options {
            certificate_directory: Some(directory.path().to_owned()),
            ..Options::default()
        };
        let first = load(&options).unwrap();
        let second = load(&options).unwrap();
        assert_eq!(first.signing.id(), second.signing.id());
        let other = load(&Options::default()).unwrap();
        assert_ne!(first.signing.id(), other.signing.id());
        let path = directory.path().join("sa.key");
        let both = load(&Options {
            service_account_keys: vec![path.clone()],
            ..Options::default()
        });
        let ids: Vec<_> = both
            .unwrap()
            .verifying
            .iter()
            .map(|it| it.id().to_owned())
            .collect();
        assert!(ids.len() == 2 && ids[1] == first.signing.id());
        fs::write(&path, "rubbish").unwrap();
        let why = load(&options).unwrap_err().0;
        assert!(
            why.contains("sa.key") && why.contains("no private key"),
            "{why}"
        );
    }
}
