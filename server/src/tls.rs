//! TLS: what the server shows, and whom it knows.

use crate::{certificates::Identity, decode::Shown, error::StartError};
use model::wire::Certificate;
use std::sync::Arc;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
        SignatureScheme,
        client::danger::HandshakeSignatureValid,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
        server::{
            WebPkiClientVerifier,
            danger::{ClientCertVerified, ClientCertVerifier},
        },
    },
};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Accepts connections, and tells who is at the other end.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Tls {
    /// `authorities` are PEM texts of those that sign client certificates.
    ///
    /// # Errors
    /// When a certificate or key cannot be used.
    pub(crate) fn new(serving: &Identity, authorities: &[&str]) -> Result<Tls, StartError> {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            let found = certificates(authority)
                .map_err(|why| StartError(format!("an authority of client certificates: {why}")))?;
            for certificate in found {
                let wrong = |why| StartError(format!("an authority of client certificates: {why}"));
                roots.add(certificate).map_err(wrong)?;
            }
        }
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()
                .map_err(|why| StartError(format!("an authority of client certificates: {why}")))?;
        let wrong = |why: String| StartError(format!("the serving certificate: {why}"));
        let chain = certificates(&serving.certificate).map_err(wrong)?;
        let key = PrivateKeyDer::from_pem_slice(serving.key.as_bytes())
            .map_err(|why| wrong(format!("its key is not PEM: {why}")))?;
        let asks = Arc::new(AskOnly {
            verifier: Arc::clone(&verifier),
        });
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|why| wrong(why.to_string()))?
            .with_client_cert_verifier(asks)
            .with_single_cert(chain, key)
            .map_err(|why| wrong(why.to_string()))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Tls {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            verifier,
        })
    }

    /// Who has shown `chain`.
    pub(crate) fn shown(&self, chain: Option<&[CertificateDer<'_>]>) -> Shown {
        let Some((leaf, intermediates)) = chain.and_then(<[_]>::split_first) else {
            return Shown::Nothing;
        };
        match self
            .verifier
            .verify_client_cert(leaf, intermediates, UnixTime::now())
        {
            Ok(_) => subject(leaf).map_or(Shown::Bad, Shown::Verified),
            Err(why) => {
                tracing::debug!(%why, "a client certificate is not accepted");
                Shown::Bad
            }
        }
    }
}

/// The certificates of a PEM text, at least one.
pub(crate) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let found = found.map_err(|why| format!("it is not PEM: {why}"))?;
    if found.is_empty() {
        return Err("there is no certificate in it".into());
    }
    Ok(found)
}

/// The authorities of a PEM text, at least one.
pub(crate) fn authorities(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = certificates(pem)?;
    for certificate in &found {
        let added = RootCertStore::empty().add(certificate.clone());
        added.map_err(|why| why.to_string())?;
    }
    Ok(found)
}

fn subject(certificate: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let subject = certificate.subject();
    let text = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        attribute.as_str().ok().map(str::to_owned)
    };
    Some(Certificate {
        common_name: subject.iter_common_name().next().and_then(text)?,
        organizations: subject.iter_organization().filter_map(text).collect(),
    })
}

/// Asks for a client certificate and takes any, as long as the client has its key. Whether it is
/// worth anything is looked at when the handshake is done ([`Tls::shown`]): kube-apiserver too asks
/// only (`tls.RequestClientCert`), so that what it does not know becomes a 401 and no alert.
#[derive(Debug)]
struct AskOnly {
    verifier: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for AskOnly {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
