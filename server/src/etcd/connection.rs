//! Connections to the servers of one etcd.

use crate::{
    error::StartError,
    limits::{ETCD_CONNECT, ETCD_PING, ETCD_WINDOW_BYTES},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// Where an etcd is, and how it knows us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Servers {
    /// `http://127.0.0.1:2379` (`--etcd-servers`); without a scheme it is `http`.
    pub urls: Vec<String>,
    /// Who signs the servers' certificates, as a PEM file (`--etcd-cafile`).
    pub authority: Option<PathBuf>,
    /// Our certificate and its key, as PEM files (`--etcd-certfile`, `--etcd-keyfile`).
    pub identity: Option<(PathBuf, PathBuf)>,
    /// What all keys begin with (`--etcd-prefix`).
    pub prefix: String,
}

/// A connection to each server, made when it is first needed, and made again when it is lost.
pub(super) struct Connections {
    channels: Vec<Channel>,
    /// The one that is used: the next takes its place when it fails.
    current: AtomicUsize,
}

impl Connections {
    pub(super) fn new(servers: &Servers) -> Result<Connections, StartError> {
        if servers.urls.is_empty() {
            return Err(StartError("--etcd-servers: there is none".into()));
        }
        let tls = tls(servers)?;
        let channels = servers.urls.iter().map(|url| channel(url, tls.as_ref()));
        Ok(Connections {
            channels: channels.collect::<Result<_, _>>()?,
            current: AtomicUsize::new(0),
        })
    }

    /// The connection to use, and its number for [`Connections::failed`].
    pub(super) fn current(&self) -> (usize, Channel) {
        let number = self.current.load(Ordering::Relaxed) % self.channels.len();
        (number, self.channels[number].clone())
    }

    /// The connection with this number has failed: the next one is used from now on.
    pub(super) fn failed(&self, number: usize) {
        let next = (number + 1) % self.channels.len();
        // Whoever comes second leaves it as it is.
        let _ = self
            .current
            .compare_exchange(number, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(super) fn len(&self) -> usize {
        self.channels.len()
    }
}

fn channel(url: &str, tls: Option<&ClientTlsConfig>) -> Result<Channel, StartError> {
    let wrong = |why: String| StartError(format!("--etcd-servers: {url:?}: {why}"));
    let full = if url.contains("://") {
        url.to_owned()
    } else {
        format!("http://{url}")
    };
    if !full.starts_with("http://") && !full.starts_with("https://") {
        return Err(wrong("it is neither http nor https".into()));
    }
    let mut endpoint = Endpoint::from_shared(full.clone())
        .map_err(|why| wrong(why.to_string()))?
        .connect_timeout(ETCD_CONNECT)
        .http2_keep_alive_interval(ETCD_PING.0)
        .keep_alive_timeout(ETCD_PING.1)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(ETCD_WINDOW_BYTES)
        .initial_connection_window_size(ETCD_WINDOW_BYTES)
        .tcp_nodelay(true);
    if endpoint.uri().host().is_none() {
        return Err(wrong("it names no host".into()));
    }
    if full.starts_with("https://") {
        let tls = tls.cloned().unwrap_or_default();
        endpoint = endpoint
            .tls_config(tls)
            .map_err(|why| wrong(why.to_string()))?;
    }
    Ok(endpoint.connect_lazy())
}

fn tls(servers: &Servers) -> Result<Option<ClientTlsConfig>, StartError> {
    let read = |path: &Path| fs::read(path).map_err(|why| StartError::at(path, why));
    let mut tls = ClientTlsConfig::new();
    if let Some(path) = &servers.authority {
        tls = tls.ca_certificate(Certificate::from_pem(read(path)?));
    }
    if let Some((certificate, key)) = &servers.identity {
        tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    let told = servers.authority.is_some() || servers.identity.is_some();
    Ok(told.then_some(tls))
}

#[cfg(test)]
mod tests {
    use super::{Connections, Servers};

    fn servers(url: &str) -> Servers {
        Servers {
            urls: vec![url.into()],
            ..Servers::default()
        }
    }

    #[tokio::test]
    async fn what_is_no_server_is_refused_by_name() {
        for url in ["ftp://127.0.0.1", "http://", "http://[", "unix:///x"] {
            let why = Connections::new(&servers(url)).err().unwrap().0;
            assert!(why.starts_with("--etcd-servers: "), "{why}");
        }
        assert!(Connections::new(&servers("127.0.0.1:2379")).is_ok());
        assert!(Connections::new(&Servers::default()).is_err());
    }

    #[tokio::test]
    async fn the_next_takes_the_place_of_one_that_fails() {
        let two = Servers {
            urls: vec!["http://127.0.0.1:1".into(), "http://127.0.0.1:2".into()],
            ..Servers::default()
        };
        let connections = Connections::new(&two).unwrap();
        assert_eq!(connections.current().0, 0);
        connections.failed(0);
        connections.failed(0);
        assert_eq!(connections.current().0, 1);
        connections.failed(1);
        assert_eq!(connections.current().0, 0);
    }
}
