//! Asking a running server: what the subcommands of `trueplane` do, with a kubeconfig.

use crate::{
    error::StartError,
    limits::{ANSWER_BYTES, KUBECONFIG_BYTES},
    tls::certificates,
    yaml,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, Uri, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{fs, path::Path, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{PrivateKeyDer, ServerName, pem::PemObject},
    },
};

/// Asks the server of a kubeconfig's current context for a path.
///
/// # Errors
/// When the kubeconfig cannot be used, the server cannot be reached, or it refuses; its own words.
pub async fn get(kubeconfig: &Path, path: &str) -> Result<String, StartError> {
    let wrong = |why: String| StartError::at(kubeconfig, why);
    let known = Known::read(kubeconfig)?;
    let uri: Uri = known
        .server
        .parse()
        .map_err(|why| wrong(format!("server: {why}")))?;
    let host = uri
        .host()
        .ok_or_else(|| wrong("server: it names no host".into()))?;
    let port = uri.port_u16().unwrap_or(443);
    let unreachable = |why: String| StartError(format!("{}: {why}", known.server));
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|why| wrong(format!("server: {why}")))?;
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port))
        .await
        .map_err(|why| unreachable(why.to_string()))?;
    let stream = TlsConnector::from(Arc::new(known.tls().map_err(wrong)?))
        .connect(name, stream)
        .await
        .map_err(|why| unreachable(why.to_string()))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|why| unreachable(why.to_string()))?;
    // It ends with the answer; what is wrong with it shows there.
    tokio::spawn(connection);
    let mut request = Request::get(path).header("host", format!("{host}:{port}"));
    if !known.token.is_empty() {
        request = request.header("authorization", format!("Bearer {}", known.token));
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|why| StartError(format!("{path}: {why}")))?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|why| unreachable(why.to_string()))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES)
        .collect()
        .await
        .map_err(|why| unreachable(why.to_string()))?;
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    if status.is_success() {
        Ok(text)
    } else {
        Err(StartError(text.trim_end().to_owned()))
    }
}

/// What a kubeconfig says of the current context.
struct Known {
    server: String,
    authority: Vec<u8>,
    certificate: Vec<u8>,
    key: Vec<u8>,
    token: String,
}

impl Known {
    fn read(path: &Path) -> Result<Known, StartError> {
        let wrong = |why: String| StartError::at(path, why);
        let size = fs::metadata(path).map_err(|why| StartError::at(path, why))?;
        if size.len() > KUBECONFIG_BYTES {
            return Err(wrong("it is too large to be a kubeconfig".into()));
        }
        let text = fs::read(path).map_err(|why| StartError::at(path, why))?;
        let json = yaml::to_json(&text).map_err(wrong)?;
        let config: Value =
            serde_json::from_slice(&json).map_err(|why| StartError::at(path, why))?;
        let named = |list: &str, name: &str, part: &str| {
            let entries = config[list].as_array();
            let found = entries.into_iter().flatten().find(|it| it["name"] == name);
            found.map(|it| it[part].clone()).unwrap_or_default()
        };
        let text_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let context = named("contexts", &text_of(&config["current-context"]), "context");
        let cluster = named("clusters", &text_of(&context["cluster"]), "cluster");
        let user = named("users", &text_of(&context["user"]), "user");
        let directory = path.parent().unwrap_or(Path::new("."));
        let material = |of: &Value, name: &str| -> Result<Vec<u8>, StartError> {
            if let Some(data) = of[format!("{name}-data")].as_str() {
                let decoded = BASE64_STANDARD.decode(data);
                return decoded.map_err(|why| wrong(format!("{name}-data: {why}")));
            }
            match of[name].as_str() {
                Some(file) => {
                    let file = directory.join(file);
                    fs::read(&file).map_err(|why| StartError::at(&file, why))
                }
                None => Ok(Vec::new()),
            }
        };
        Ok(Known {
            server: text_of(&cluster["server"]),
            authority: material(&cluster, "certificate-authority")?,
            certificate: material(&user, "client-certificate")?,
            key: material(&user, "client-key")?,
            token: text_of(&user["token"]),
        })
    }

    fn tls(&self) -> Result<ClientConfig, String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut roots = RootCertStore::empty();
        for authority in certificates(&text(&self.authority))? {
            roots.add(authority).map_err(|why| why.to_string())?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|why| why.to_string())?
            .with_root_certificates(roots);
        if self.certificate.is_empty() {
            return Ok(config.with_no_client_auth());
        }
        let chain = certificates(&text(&self.certificate))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|why| why.to_string())?;
        config
            .with_client_auth_cert(chain, key)
            .map_err(|why| why.to_string())
    }
}
