//! The server's own certificate authority, and the certificates and the kubeconfig it makes.
//!
//! The files have the names that kubeadm gives them in `/etc/kubernetes/pki`.

use crate::{
    error::StartError,
    files::{turn, write_private},
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};
use time::{Duration, OffsetDateTime};
use x509_parser::{extensions::GeneralName, pem::parse_x509_pem, prelude::X509Certificate};

/// How long an authority lives (kubeadm: ten years), and what it signs (one year).
const AUTHORITY_DAYS: i64 = 3650;
const LEAF_DAYS: i64 = 365;
/// A certificate that ends within so many days is made anew at start.
const RENEW_DAYS: i64 = 30;
/// Clocks of clients may be behind ours by so much.
const BACKDATE: Duration = Duration::hours(1);

/// A certificate and its private key as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The key (PKCS #8).
    pub key: String,
}

/// What a server needs, and what its administrator connects with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificates {
    /// Signs the other two.
    pub(crate) authority: Identity,
    /// What the server shows.
    pub(crate) serving: Identity,
    /// `CN=kubernetes-admin, O=system:masters`.
    pub(crate) admin: Identity,
}

/// What one of the three is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose<'a> {
    Authority,
    Serving(&'a BTreeSet<String>),
    Admin,
}

/// Why a certificate that should be in a directory cannot be had from there.
enum Lack {
    /// There is none.
    Absent,
    /// It cannot be used.
    Unusable(&'static str),
    /// A file cannot be read.
    Unreadable(StartError),
}

impl Certificates {
    /// Loads the three from `directory`, and makes those that are missing, damaged, about to end,
    /// or do not fit: `names` are the DNS names and addresses that clients may call the server by.
    /// Without a directory they are made and kept in memory.
    ///
    /// Several servers may share a directory and start together: one makes what is missing, while
    /// the others wait, and then load that.
    ///
    /// # Errors
    /// When the directory cannot be read or written.
    pub(crate) fn load(
        directory: Option<&Path>,
        names: &BTreeSet<String>,
    ) -> Result<Certificates, StartError> {
        let Some(directory) = directory else {
            return Certificates::each(names, |_, purpose, authority| make(purpose, authority));
        };
        // Files that are all there need no turn: the directory may be one that is only read.
        match Certificates::each(names, |name, purpose, authority| {
            find(directory, name, purpose, authority)
        }) {
            Ok(found) => return Ok(found),
            Err(Lack::Unreadable(why)) => return Err(why),
            Err(Lack::Absent | Lack::Unusable(_)) => {}
        }
        let _turn = turn(directory)?;
        Certificates::each(names, |name, purpose, authority| {
            obtain(directory, name, purpose, authority)
        })
    }

    /// The authority first: it signs the others.
    fn each<E>(
        names: &BTreeSet<String>,
        get: impl Fn(&str, Purpose<'_>, Option<&Identity>) -> Result<Identity, E>,
    ) -> Result<Certificates, E> {
        let authority = get("ca", Purpose::Authority, None)?;
        let serving = get("apiserver", Purpose::Serving(names), Some(&authority))?;
        let admin = get("admin", Purpose::Admin, Some(&authority))?;
        Ok(Certificates {
            authority,
            serving,
            admin,
        })
    }
}

/// A kubeconfig with everything embedded, for `kubectl` and every client that reads one.
/// `authority` is the PEM that the server's certificate is verified with.
#[must_use]
pub(crate) fn kubeconfig(server: &str, authority: &str, admin: &Identity) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let encode = |pem: &str| BASE64_STANDARD.encode(pem);
    format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: trueplane\n  cluster:\n    \
         server: {server}\n    certificate-authority-data: {}\nusers:\n- name: kubernetes-admin\n  \
         user:\n    client-certificate-data: {}\n    client-key-data: {}\ncontexts:\n\
         - name: kubernetes-admin@trueplane\n  context:\n    cluster: trueplane\n    \
         user: kubernetes-admin\ncurrent-context: kubernetes-admin@trueplane\npreferences: {{}}\n",
        encode(authority),
        encode(&admin.certificate),
        encode(&admin.key),
    )
}

/// What is found, or what is made in its place.
fn obtain(
    directory: &Path,
    name: &str,
    purpose: Purpose<'_>,
    authority: Option<&Identity>,
) -> Result<Identity, StartError> {
    let (certificate, key) = paths(directory, name);
    match find(directory, name, purpose, authority) {
        Ok(found) => return Ok(found),
        Err(Lack::Absent) => {}
        Err(Lack::Unusable(why)) => {
            tracing::warn!(file = %certificate.display(), why, "certificate is made anew")
        }
        Err(Lack::Unreadable(why)) => return Err(why),
    }
    let made = make(purpose, authority)?;
    write_private(&key, made.key.as_bytes())?;
    write_private(&certificate, made.certificate.as_bytes())?;
    Ok(made)
}

fn find(
    directory: &Path,
    name: &str,
    purpose: Purpose<'_>,
    authority: Option<&Identity>,
) -> Result<Identity, Lack> {
    let (certificate, key) = paths(directory, name);
    match (read(&certificate)?, read(&key)?) {
        (None, None) => Err(Lack::Absent),
        (Some(certificate), Some(key)) => {
            let found = Identity { certificate, key };
            let usable = usable(&found, purpose, authority);
            usable.map(|()| found).map_err(Lack::Unusable)
        }
        _ => Err(Lack::Unusable("it or its key is missing")),
    }
}

/// Where a certificate is, and its key.
fn paths(directory: &Path, name: &str) -> (PathBuf, PathBuf) {
    let at = |extension| directory.join(format!("{name}.{extension}"));
    (at("crt"), at("key"))
}

/// `None` when there is no such file; text that is not UTF-8 is damage like any other.
fn read(path: &Path) -> Result<Option<String>, Lack> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(Lack::Unreadable(StartError::at(path, why))),
    }
}

fn make(purpose: Purpose<'_>, authority: Option<&Identity>) -> Result<Identity, StartError> {
    let wrong = |why: rcgen::Error| StartError(format!("cannot make a certificate: {why}"));
    let mut parameters = CertificateParams::default();
    let now = OffsetDateTime::now_utc();
    let (common_name, organization, days) = match purpose {
        Purpose::Authority => ("trueplane-ca", None, AUTHORITY_DAYS),
        Purpose::Serving(_) => ("kube-apiserver", None, LEAF_DAYS),
        Purpose::Admin => ("kubernetes-admin", Some("system:masters"), LEAF_DAYS),
    };
    parameters.not_before = now - BACKDATE;
    parameters.not_after = now + Duration::days(days);
    parameters.distinguished_name = DistinguishedName::new();
    if let Some(organization) = organization {
        parameters
            .distinguished_name
            .push(DnType::OrganizationName, organization);
    }
    parameters
        .distinguished_name
        .push(DnType::CommonName, common_name);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    match purpose {
        Purpose::Authority => {
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            parameters.key_usages.push(KeyUsagePurpose::KeyCertSign);
        }
        Purpose::Serving(names) => {
            parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            parameters.subject_alt_names = alternative_names(names).map_err(wrong)?;
        }
        Purpose::Admin => {
            parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }
    }
    let key = KeyPair::generate().map_err(wrong)?;
    let certificate = match authority {
        None => parameters.self_signed(&key),
        Some(authority) => {
            parameters.use_authority_key_identifier_extension = true;
            let signer = KeyPair::from_pem(&authority.key).map_err(wrong)?;
            let issuer = Issuer::from_ca_cert_pem(&authority.certificate, signer).map_err(wrong)?;
            parameters.signed_by(&key, &issuer)
        }
    };
    Ok(Identity {
        certificate: certificate.map_err(wrong)?.pem(),
        key: key.serialize_pem(),
    })
}

fn alternative_names(names: &BTreeSet<String>) -> Result<Vec<SanType>, rcgen::Error> {
    CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())
        .map(|parameters| parameters.subject_alt_names)
}

/// Why a certificate that was found cannot be used.
fn usable(
    found: &Identity,
    purpose: Purpose<'_>,
    authority: Option<&Identity>,
) -> Result<(), &'static str> {
    let (_, pem) = parse_x509_pem(found.certificate.as_bytes()).map_err(|_| "it is not PEM")?;
    let certificate = pem.parse_x509().map_err(|_| "it is not a certificate")?;
    let key = KeyPair::from_pem(&found.key).map_err(|_| "its key is damaged")?;
    if certificate.public_key().raw != key.subject_public_key_info() {
        return Err("its key is another's");
    }
    let now = OffsetDateTime::now_utc();
    let validity = certificate.validity();
    if validity.not_before.to_datetime() > now {
        return Err("it is not valid yet");
    }
    if validity.not_after.to_datetime() < now + Duration::days(RENEW_DAYS) {
        return Err("it has expired or soon will");
    }
    let issued = match authority {
        None => certificate.verify_signature(None),
        Some(authority) => {
            let (_, pem) = parse_x509_pem(authority.certificate.as_bytes())
                .map_err(|_| "the authority is damaged")?;
            let authority = pem.parse_x509().map_err(|_| "the authority is damaged")?;
            certificate.verify_signature(Some(authority.public_key()))
        }
    };
    issued.map_err(|_| "the authority has not signed it")?;
    match purpose {
        Purpose::Serving(names) if !names.is_subset(&names_of(&certificate)) => {
            Err("it lacks a name or address that the server now has")
        }
        Purpose::Authority if !certificate.is_ca() => Err("it is not an authority's"),
        _ => Ok(()),
    }
}

fn names_of(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return BTreeSet::new();
    };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes)
                .ok()
                .map(|v4| std::net::IpAddr::from(v4).to_string()),
            16 => <[u8; 16]>::try_from(*bytes)
                .ok()
                .map(|v6| std::net::IpAddr::from(v6).to_string()),
            _ => None,
        },
        _ => None,
    };
    extension
        .value
        .general_names
        .iter()
        .filter_map(name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Certificates, kubeconfig};
    use crate::temporary_directory::TemporaryDirectory;
    use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, sync::Barrier, thread};

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_restart_keeps_what_it_finds_and_only_the_owner_can_read_keys() {
        let directory = TemporaryDirectory::new();
        let names = names(&["localhost", "127.0.0.1", "::1"]);
        let first = Certificates::load(Some(directory.path()), &names).unwrap();
        assert_eq!(
            Certificates::load(Some(directory.path()), &names).unwrap(),
            first
        );
        for key in ["ca.key", "apiserver.key", "admin.key"] {
            let mode = fs::metadata(directory.path().join(key))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{key}");
        }
    }

    #[test]
    fn servers_that_start_together_have_the_same_certificates() {
        let names = names(&["localhost"]);
        for _ in 0..8 {
            let directory = TemporaryDirectory::new();
            let pki = directory.path().join("pki");
            let together = Barrier::new(8);
            let start = || {
                together.wait();
                Certificates::load(Some(&pki), &names)
            };
            let loaded: Vec<Certificates> = thread::scope(|scope| {
                let starting: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
                let ends = starting.into_iter().map(|it| it.join().unwrap().unwrap());
                ends.collect()
            });
            let kept = Certificates::load(Some(&pki), &names).unwrap();
            assert!(loaded.iter().all(|it| *it == kept));
        }
    }

    #[test]
    fn a_new_name_or_damage_makes_a_new_certificate_under_the_same_authority() {
        let directory = TemporaryDirectory::new();
        let first = Certificates::load(Some(directory.path()), &names(&["localhost"])).unwrap();
        let more = names(&["localhost", "10.0.0.1"]);
        let second = Certificates::load(Some(directory.path()), &more).unwrap();
        assert_eq!(second.authority, first.authority);
        assert_eq!(second.admin, first.admin);
        assert_ne!(second.serving, first.serving);
        for (file, damage) in [
            ("admin.crt", "rubbish"),
            ("admin.key", ""),
            ("apiserver.key", "x"),
        ] {
            fs::write(directory.path().join(file), damage).unwrap();
        }
        let third = Certificates::load(Some(directory.path()), &more).unwrap();
        assert_eq!(third.authority, second.authority);
        assert_ne!(third.admin, second.admin);
        assert_ne!(third.serving, second.serving);
    }

    #[test]
    fn what_another_authority_signed_is_not_used() {
        let directory = TemporaryDirectory::new();
        let names = names(&["localhost"]);
        let first = Certificates::load(Some(directory.path()), &names).unwrap();
        fs::remove_file(directory.path().join("ca.crt")).unwrap();
        let second = Certificates::load(Some(directory.path()), &names).unwrap();
        assert_ne!(second.authority, first.authority);
        assert_ne!(second.serving, first.serving);
        assert_ne!(second.admin, first.admin);
    }

    #[test]
    fn the_kubeconfig_is_yaml_with_everything_in_it() {
        let made = Certificates::load(None, &names(&["localhost"])).unwrap();
        let text = kubeconfig(
            "https://127.0.0.1:6443",
            &made.authority.certificate,
            &made.admin,
        );
        let json = crate::yaml::to_json(text.as_bytes()).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(
            value["clusters"][0]["cluster"]["server"],
            "https://127.0.0.1:6443"
        );
        assert_eq!(value["current-context"], value["contexts"][0]["name"]);
    }
}
